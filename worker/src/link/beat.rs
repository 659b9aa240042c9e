//! Signs of life, on a connection of their own: a large report cannot delay them.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bistable_common::{ids::LeaseToken, wire::v1};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Client, address::Address, event::Event};

/// Whatever the coordinator asks for, it gets neither a flood nor silence.
const INTERVAL_MS: RangeInclusive<u32> = 10..=600_000;

/// The heartbeat of one session.
pub(super) struct Heart {
    pub worker: String,
    /// How often to beat; the coordinator says so again with every answer.
    pub every_ms: AtomicU32,
    /// The leases the worker holds.
    pub tokens: watch::Receiver<Vec<LeaseToken>>,
    /// To the desk.
    pub events: mpsc::Sender<Event>,
}

impl Heart {
    /// Beats until the coordinator is gone, and says why.
    pub async fn beat(self, address: &Address) -> String {
        match self.open(address).await {
            Ok((beats, answers)) => tokio::select! {
                reason = self.send(beats) => reason,
                reason = self.listen(answers) => reason,
            },
            Err(reason) => reason,
        }
    }

    async fn open(
        &self,
        address: &Address,
    ) -> Result<(mpsc::Sender<v1::BeatRequest>, Streaming<v1::BeatResponse>), String> {
        let channel = address.endpoint().connect().await;
        let mut client = Client::new(channel.map_err(|error| super::causes(&error))?);
        let (beats, outgoing) = mpsc::channel(1);
        // Some servers answer only once something was said.
        beats
            .try_send(self.sign())
            .map_err(|error| error.to_string())?;
        let answers = client.beat(ReceiverStream::new(outgoing)).await;
        let answers = answers.map_err(|status| status.message().to_owned())?;
        Ok((beats, answers.into_inner()))
    }

    async fn send(&self, beats: mpsc::Sender<v1::BeatRequest>) -> String {
        loop {
            if beats.send(self.sign()).await.is_err() {
                return "the coordinator ended the heartbeat".to_owned();
            }
            let every = self
                .every_ms
                .load(Ordering::Relaxed)
                .clamp(*INTERVAL_MS.start(), *INTERVAL_MS.end());
            sleep(Duration::from_millis(every.into())).await;
        }
    }

    async fn listen(&self, mut answers: Streaming<v1::BeatResponse>) -> String {
        loop {
            let revoked = match answers.message().await {
                Ok(Some(answer)) => {
                    if answer.beat_interval_ms > 0 {
                        self.every_ms
                            .store(answer.beat_interval_ms, Ordering::Relaxed);
                    }
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

    fn sign(&self) -> v1::BeatRequest {
        let tokens = self.tokens.borrow();
        v1::BeatRequest {
            worker: self.worker.clone(),
            tokens: tokens.iter().map(|token| token.0.to_vec().into()).collect(),
        }
    }
}
