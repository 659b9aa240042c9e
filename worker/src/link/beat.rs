//! Signs of life, on a connection of their own: a large report cannot delay them.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use bistable_common::{ids::LeaseToken, wire::v1};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{
    Client,
    address::{Address, pushback_of},
    event::Event,
    surroundings::Surroundings,
};

/// Whatever the coordinator asks for, it gets neither a flood nor silence.
const INTERVAL_MS: RangeInclusive<u32> = 10..=600_000;

/// Why there is no heartbeat.
enum Closed {
    /// It may be tried again after so long.
    Later(Duration),
    /// The coordinator is gone, or does not want it.
    Lost(String),
}

/// The heartbeat of one session.
pub(super) struct Heart {
    pub surroundings: Arc<dyn Surroundings>,
    pub worker: String,
    /// How often to beat; the coordinator says so again with every answer.
    pub every_ms: watch::Sender<u32>,
    /// The leases the worker holds.
    pub tokens: watch::Receiver<Vec<LeaseToken>>,
    /// To the desk.
    pub events: mpsc::Sender<Event>,
}

impl Heart {
    /// Beats until the coordinator is gone, and says why.
    pub async fn beat(self, address: &Address) -> String {
        loop {
            match self.open(address).await {
                Ok((beats, answers)) => tokio::select! {
                    biased;
                    reason = self.send(beats) => return reason,
                    reason = self.listen(answers) => return reason,
                },
                Err(Closed::Later(wait)) => sleep(wait).await,
                Err(Closed::Lost(reason)) => return reason,
            }
        }
    }

    async fn open(
        &self,
        address: &Address,
    ) -> Result<(mpsc::Sender<v1::BeatRequest>, Streaming<v1::BeatResponse>), Closed> {
        let channel = self.surroundings.connect(address).await;
        let mut client = Client::new(channel.map_err(|error| Closed::Lost(error.to_string()))?);
        let (beats, outgoing) = mpsc::channel(1);
        // Some servers answer only once something was said.
        beats
            .try_send(self.sign())
            .map_err(|error| Closed::Lost(error.to_string()))?;
        let answers = client.beat(ReceiverStream::new(outgoing)).await;
        let answers = answers.map_err(|status| match pushback_of(&status) {
            Some(wait) => Closed::Later(wait),
            None => Closed::Lost(status.message().to_owned()),
        })?;
        Ok((beats, answers.into_inner()))
    }

    async fn send(&self, beats: mpsc::Sender<v1::BeatRequest>) -> String {
        let mut every_ms = self.every_ms.subscribe();
        loop {
            let beaten = Instant::now();
            if beats.send(self.sign()).await.is_err() {
                return "the coordinator ended the heartbeat".to_owned();
            }
            loop {
                let every = *every_ms.borrow_and_update();
                let every = every.clamp(*INTERVAL_MS.start(), *INTERVAL_MS.end());
                let next = beaten + Duration::from_millis(every.into());
                tokio::select! {
                    biased;
                    () = sleep_until(next) => break,
                    // The sender is ours, so it has not gone but changed.
                    _ = every_ms.changed() => {}
                }
            }
        }
    }

    async fn listen(&self, mut answers: Streaming<v1::BeatResponse>) -> String {
        loop {
            let revoked = match answers.message().await {
                Ok(Some(answer)) => {
                    self.tell_interval(answer.beat_interval_ms);
                    answer.revoked
                }
                Ok(None) => return "the coordinator ended the heartbeat".to_owned(),
                Err(status) => return status.message().to_owned(),
            };
            let tokens: Vec<_> = revoked
                .iter()
                .filter_map(|token| LeaseToken::try_from(&token[..]).ok())
                .collect();
            if !tokens.is_empty() && self.events.send(Event::Revoked(tokens)).await.is_err() {
                return "the worker is leaving".to_owned();
            }
        }
    }

    /// 0 is no interval: it stays as it was.
    fn tell_interval(&self, told_ms: u32) {
        self.every_ms.send_if_modified(|every_ms| {
            let news = told_ms > 0 && told_ms != *every_ms;
            if news {
                *every_ms = told_ms;
            }
            news
        });
    }

    fn sign(&self) -> v1::BeatRequest {
        let tokens = self.tokens.borrow();
        v1::BeatRequest {
            worker: self.worker.clone(),
            tokens: tokens.iter().map(|token| token.0.to_vec().into()).collect(),
        }
    }
}
