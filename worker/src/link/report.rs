//! Hands results in: each is kept until the coordinator has acknowledged it, however long that takes.
//!
//! Results that are ready together travel together. What follows a result in the queue, the end of its lease, is passed
//! on only after the acknowledgement.

use std::{sync::Arc, time::Duration};

use bistable_common::{
    ids::LeaseToken,
    wire::v1::{self, Outcome},
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tonic::Code;

use super::{
    Client,
    address::pushback_of,
    backoff::Backoff,
    clock,
    event::{End, Event, Output},
    surroundings::Surroundings,
    tally::Tally,
};
use crate::journal;

/// The most units in a call.
const BATCH_UNITS: usize = 256;
/// A call that has this many bytes takes no further unit; well under gRPC's usual limit of 4 MiB.
const BATCH_BYTES: usize = 1 << 20;
/// A coordinator that takes longer to answer is as good as away.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The task that reports.
pub(super) struct Reporter {
    pub surroundings: Arc<dyn Surroundings>,
    /// From the threads.
    pub outputs: mpsc::Receiver<Output>,
    /// The present session's coordinator.
    pub clients: watch::Receiver<Option<Client>>,
    /// To the desk.
    pub events: mpsc::Sender<Event>,
    /// What every call says of this worker; without units.
    pub sender: v1::ReportRequest,
    pub tally: Tally,
}

#[derive(Default)]
struct Batch {
    units: Vec<v1::UnitReport>,
    bytes: usize,
    ends: Vec<(LeaseToken, End)>,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.units.len() >= BATCH_UNITS || self.bytes >= BATCH_BYTES
    }

    fn push(&mut self, output: Output) {
        match output {
            Output::Unit(report) => {
                self.bytes += report.trajectory.len();
                self.units.push(report);
            }
            Output::End(token, end) => self.ends.push((token, end)),
        }
    }
}

impl Reporter {
    /// Reports until the threads are gone, or nobody is left to report for.
    pub async fn run(mut self) {
        while let Some(batch) = self.gather().await {
            let units = batch.units.len();
            if units > 0 && self.deliver(batch.units).await.is_none() {
                return;
            }
            self.tally.acknowledged(units);
            for (token, end) in batch.ends {
                if self.events.send(Event::Settled(token, end)).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Waits for something, and takes what else is ready.
    async fn gather(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        batch.push(self.outputs.recv().await?);
        while !batch.is_full() {
            match self.outputs.try_recv() {
                Ok(output) => batch.push(output),
                Err(_) => break,
            }
        }
        Some(batch)
    }

    /// Reports `units` until somebody acknowledges them. `None`: nobody ever will.
    async fn deliver(&mut self, units: Vec<v1::UnitReport>) -> Option<()> {
        match self.report(units.clone()).await? {
            Ok(()) => Some(()),
            // One bad unit must not take the others with it.
            Err(_) if units.len() > 1 => self.deliver_singly(units).await,
            Err(reason) => self.give_up(&units[0], reason).await,
        }
    }

    async fn deliver_singly(&mut self, units: Vec<v1::UnitReport>) -> Option<()> {
        for unit in units {
            if let Err(reason) = self.report(vec![unit.clone()]).await? {
                self.give_up(&unit, reason).await?;
            }
        }
        Some(())
    }

    /// The coordinator will not have this result: it must at least hear that the unit is not done.
    async fn give_up(&self, unit: &v1::UnitReport, reason: String) -> Option<()> {
        tracing::error!(unit = ?unit.unit, reason, "the coordinator refuses a result");
        let failure = v1::UnitFailed {
            token: unit.token.clone(),
            unit: unit.unit.clone(),
            error: format!("the coordinator refuses the result: {reason}"),
            kind: v1::FailureKind::Refused.into(),
            log: journal::recent(),
        };
        self.events.send(Event::Failed(failure)).await.ok()
    }

    /// Calls until there is an answer: acknowledged, or refused for what the units are.
    async fn report(&mut self, units: Vec<v1::UnitReport>) -> Option<Result<(), String>> {
        let mut request = v1::ReportRequest {
            units,
            ..self.sender.clone()
        };
        let mut backoff = Backoff::new(&self.surroundings);
        loop {
            let mut told = None;
            let mut client = self.connected().await?;
            request.sent_us = clock::now_us();
            match timeout(ANSWER_TIMEOUT, client.report(request.clone())).await {
                Ok(Ok(response)) if answers(&request, response.get_ref()) => {
                    log_outcomes(&request, response.get_ref());
                    return Some(Ok(()));
                }
                Ok(Ok(_)) => tracing::warn!("an answer with another number of outcomes than units"),
                Ok(Err(status)) if is_about_the_units(status.code()) => {
                    return Some(Err(status.message().to_owned()));
                }
                Ok(Err(status)) => {
                    tracing::debug!(code = ?status.code(), "a report was not acknowledged: {}", status.message());
                    told = pushback_of(&status);
                }
                Err(_) => tracing::warn!("a report was not answered"),
            }
            backoff.wait(told).await;
        }
    }

    /// The coordinator of the present session, or of the next.
    async fn connected(&mut self) -> Option<Client> {
        let client = self.clients.wait_for(Option::is_some).await.ok()?;
        client.clone()
    }
}

fn answers(request: &v1::ReportRequest, response: &v1::ReportResponse) -> bool {
    request.units.len() == response.outcomes.len()
}

/// Whether trying again with the same units is useless.
fn is_about_the_units(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument | Code::OutOfRange | Code::NotFound | Code::FailedPrecondition
    )
}

fn log_outcomes(request: &v1::ReportRequest, response: &v1::ReportResponse) {
    for (report, outcome) in request.units.iter().zip(response.outcomes()) {
        match outcome {
            Outcome::Accepted | Outcome::Duplicate => {}
            Outcome::Conflicting => {
                tracing::error!(unit = ?report.unit, "another worker reported other bits");
            }
            Outcome::Stale | Outcome::Unspecified => {
                tracing::info!(unit = ?report.unit, "a result came too late to count");
            }
        }
    }
}
