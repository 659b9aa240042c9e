//! Keeps a session with the coordinator that leads, whichever that is, for as long as the worker lives.
//!
//! It only carries messages. What they mean is the desk's business, which outlives every session.

use std::{convert::Infallible, pin::pin, sync::Arc};

use bistable_common::{
    ids::LeaseToken,
    wire::{
        MAX_LETTER_BYTES, PROTOCOL, understands,
        v1::{self, session_request, session_response},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::{
    Client,
    address::{Address, leader_of, pushback_of},
    backoff::Backoff,
    beat::Heart,
    event::{Connection, Event, Goodbye},
    search::{Closed, Search},
    surroundings::Surroundings,
};

/// Messages to the coordinator that may wait; one that reads none of so many is as good as away.
const OUTBOUND: usize = 4096;

/// The task that connects.
pub(super) struct Connector {
    pub surroundings: Arc<dyn Surroundings>,
    pub addresses: Vec<Address>,
    pub hello: v1::Hello,
    /// When the worker will leave by itself.
    pub until: Option<Instant>,
    /// The leases the worker holds, for its hello and its heartbeat.
    pub tokens: watch::Receiver<Vec<LeaseToken>>,
    /// To the desk.
    pub events: mpsc::Sender<Event>,
}

/// Why a session is over.
enum Over {
    /// Another one may go better.
    Lost(String),
    /// Nobody here wants a session any more.
    Left,
}

/// A session that was opened.
struct Opened {
    welcome: v1::Welcome,
    client: Client,
    outbound: mpsc::Sender<v1::SessionRequest>,
    inbound: Streaming<v1::SessionResponse>,
}

impl Connector {
    /// Connects again and again, until the desk is gone or the worker is refused.
    pub async fn run(self) {
        let connector = Arc::new(self);
        let mut search = Search::new(
            connector.addresses.clone(),
            Backoff::new(&connector.surroundings),
        );
        let open = |address: Address| {
            let connector = Arc::clone(&connector);
            async move { connector.open(&address).await }
        };
        loop {
            let (address, opened) = match search.find(open).await {
                Ok(found) => found,
                Err(refused) => {
                    // The desk may be gone already.
                    let _ = connector.events.send(Event::Refused(refused)).await;
                    return;
                }
            };
            let Err(over) = connector.session(&address, opened).await;
            let left = matches!(over, Over::Left);
            if let Over::Lost(reason) = over {
                tracing::warn!("lost the session with {address}: {reason}");
            }
            if connector.events.send(Event::Down).await.is_err() || left {
                return;
            }
            search.rest().await;
        }
    }

    async fn session(&self, address: &Address, opened: Opened) -> Result<Infallible, Over> {
        tracing::info!("working for {address}");
        let Opened {
            welcome,
            client,
            outbound,
            inbound,
        } = opened;
        let (alive, broken_off) = oneshot::channel();
        self.tell(Event::Up(Connection {
            outbound,
            client,
            alive,
        }))
        .await?;
        let heart = Heart {
            surroundings: Arc::clone(&self.surroundings),
            worker: self.hello.worker.clone(),
            every_ms: watch::Sender::new(welcome.beat_interval_ms),
            tokens: self.tokens.clone(),
            events: self.events.clone(),
        };
        let mut listening = pin!(self.listen(inbound));
        tokio::select! {
            // An end that was asked for is no loss, however quickly it comes.
            biased;
            said = broken_off => match said {
                Ok(Goodbye) => {
                    let Err(_ended) = listening.await;
                    Err(Over::Left)
                }
                Err(_) => Err(Over::Lost("broken off".to_owned())),
            },
            over = &mut listening => over,
            reason = heart.beat(address) => Err(Over::Lost(reason)),
        }
    }

    /// Says hello and waits for the welcome.
    async fn open(&self, address: &Address) -> Result<Opened, Closed> {
        let channel = self.surroundings.connect(address).await;
        let channel = channel.map_err(|error| Closed::away(error.to_string()))?;
        let mut client = Client::new(channel).max_decoding_message_size(MAX_LETTER_BYTES);
        let (outbound, outgoing) = mpsc::channel(OUTBOUND);
        let hello = session_request::Message::Hello(self.hello());
        outbound
            .try_send(v1::SessionRequest {
                message: Some(hello),
            })
            .map_err(|error| Closed::away(error.to_string()))?;
        let inbound = client.session(ReceiverStream::new(outgoing)).await;
        let inbound = inbound.map_err(|status| self.before_welcome(status))?;
        let mut inbound = inbound.into_inner();
        let first = inbound.message().await;
        let first = first.map_err(|status| self.before_welcome(status))?;
        let Some(session_response::Message::Welcome(welcome)) = first.and_then(|m| m.message)
        else {
            return Err(Closed::away("its first word is not a welcome"));
        };
        check_version(&welcome)?;
        Ok(Opened {
            welcome,
            client,
            outbound,
            inbound,
        })
    }

    /// The hello of this moment.
    fn hello(&self) -> v1::Hello {
        let held = self.tokens.borrow();
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        v1::Hello {
            held: held.iter().map(|token| token.0.to_vec().into()).collect(),
            remaining_ms: self
                .until
                .map(|until| u64::try_from(left(until).as_millis()).unwrap_or(u64::MAX)),
            ..self.hello.clone()
        }
    }

    async fn listen(
        &self,
        mut inbound: Streaming<v1::SessionResponse>,
    ) -> Result<Infallible, Over> {
        loop {
            match inbound.message().await {
                Ok(Some(v1::SessionResponse { message: Some(m) })) => {
                    self.tell(Event::Said(m)).await?;
                }
                // A message of a later version: not for us.
                Ok(Some(v1::SessionResponse { message: None })) => {}
                Ok(None) => return Err(Over::Lost("it ended the session".to_owned())),
                Err(status) => return Err(Over::Lost(status.message().to_owned())),
            }
        }
    }

    /// Before the welcome, some answers are about the worker rather than about the moment.
    fn before_welcome(&self, status: Status) -> Closed {
        let message = status.message().to_owned();
        match status.code() {
            Code::FailedPrecondition | Code::InvalidArgument => Closed::Refused(message),
            Code::PermissionDenied | Code::Unauthenticated => Closed::Denied(message),
            Code::Unimplemented => Closed::Refused("it is no Bistable coordinator".to_owned()),
            _ => Closed::Away {
                leader: leader_of(&status, &self.addresses).map(Box::new),
                after: pushback_of(&status),
                reason: message,
            },
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Over> {
        self.events.send(event).await.map_err(|_| Over::Left)
    }
}

/// A coordinator that does not say which protocol it speaks speaks the first.
fn check_version(welcome: &v1::Welcome) -> Result<(), Closed> {
    let theirs = welcome.protocol.max(1);
    if understands(theirs) {
        return Ok(());
    }
    Err(Closed::Refused(format!(
        "the coordinator (build `{}`) speaks protocol {theirs}, this worker protocol {PROTOCOL}, and they may be one apart at \
         most: restart this worker with the coordinator's build",
        welcome.build
    )))
}
