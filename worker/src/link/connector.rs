//! Keeps a session with some coordinator: address after address, for as long as the worker lives.
//!
//! It only carries messages. What they mean is the desk's business, which outlives every session.

use std::{convert::Infallible, pin::pin, time::Duration};

use bistable_common::{
    ids::LeaseToken,
    wire::{
        MAX_LETTER_BYTES,
        v1::{self, session_request, session_response},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::{
    Client, LinkError,
    address::Address,
    backoff::Backoff,
    beat::Heart,
    event::{Connection, Event, Goodbye},
};

/// Messages to the coordinator that may wait; one that reads none of so many is as good as away.
const OUTBOUND: usize = 4096;
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// The task that connects.
pub(super) struct Connector {
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
    /// No other one will.
    Refused(String),
    /// Nobody here wants a session any more.
    Left,
}

/// A session that was opened and not yet welcomed.
struct Opened {
    client: Client,
    outbound: mpsc::Sender<v1::SessionRequest>,
    inbound: Streaming<v1::SessionResponse>,
}

impl Connector {
    /// Connects again and again, until the desk is gone or the worker is refused.
    pub async fn run(self) {
        let mut backoff = Backoff::new();
        for address in self.addresses.iter().cycle() {
            let Err(over) = self.session(address, &mut backoff).await;
            let (event, last) = match over {
                Over::Left => (Event::Down, true),
                Over::Refused(reason) => {
                    let address = address.to_string();
                    let error = LinkError::Refused { address, reason };
                    (Event::Refused(error), true)
                }
                Over::Lost(reason) => {
                    tracing::warn!("no session with {address}: {reason}");
                    (Event::Down, false)
                }
            };
            if self.events.send(event).await.is_err() || last {
                return;
            }
            backoff.wait().await;
        }
    }

    async fn session(&self, address: &Address, backoff: &mut Backoff) -> Result<Infallible, Over> {
        let opened = timeout(WELCOME_TIMEOUT, self.open(address)).await;
        let (opened, welcome) =
            opened.map_err(|_| Over::Lost("it does not say welcome".to_owned()))??;
        tracing::info!("working for {address}");
        backoff.reset();
        let Opened {
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
    async fn open(&self, address: &Address) -> Result<(Opened, v1::Welcome), Over> {
        let channel = address.endpoint().connect().await;
        let channel = channel.map_err(|error| Over::Lost(super::causes(&error)))?;
        let mut client = Client::new(channel).max_decoding_message_size(MAX_LETTER_BYTES);
        let (outbound, outgoing) = mpsc::channel(OUTBOUND);
        let hello = session_request::Message::Hello(self.hello());
        outbound
            .try_send(v1::SessionRequest {
                message: Some(hello),
            })
            .map_err(|error| Over::Lost(error.to_string()))?;
        let inbound = client.session(ReceiverStream::new(outgoing)).await;
        let mut inbound = inbound.map_err(before_welcome)?.into_inner();
        let first = inbound.message().await.map_err(before_welcome)?;
        let Some(session_response::Message::Welcome(welcome)) = first.and_then(|m| m.message)
        else {
            return Err(Over::Lost("its first word is not a welcome".to_owned()));
        };
        let opened = Opened {
            client,
            outbound,
            inbound,
        };
        Ok((opened, welcome))
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

    async fn tell(&self, event: Event) -> Result<(), Over> {
        self.events.send(event).await.map_err(|_| Over::Left)
    }
}

/// Before the welcome, some answers are about the worker rather than about the moment.
fn before_welcome(status: Status) -> Over {
    let message = status.message().to_owned();
    match status.code() {
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::PermissionDenied
        | Code::Unauthenticated => Over::Refused(message),
        Code::Unimplemented => Over::Refused("it is no Bistable coordinator".to_owned()),
        _ => Over::Lost(message),
    }
}
