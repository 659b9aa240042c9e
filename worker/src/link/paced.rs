//! A slot without a thread: a task that lets each unit take the time that it is said to take, and then computes it at once.

use std::time::Duration;

use bistable_common::wire::v1;
use tokio::time::{Instant, sleep};

use super::{
    compute::{self, Job, Outlet},
    event::{End, Event, Output},
    slots::Slot,
    surroundings::Pace,
};

/// A slot and the pace at which it works.
pub(super) struct Paced {
    slot: Slot,
    pace: Pace,
}

impl Paced {
    pub fn new(slot: Slot, pace: Pace) -> Self {
        Self { slot, pace }
    }

    /// Works on one lease after the other, until nobody gives or wants any.
    pub async fn serve(self) {
        while let Some(job) = self.next().await {
            let started = Instant::now();
            let Some(end) = self.compute(&job).await else {
                return;
            };
            let token = job.lease.token;
            let computed = Event::Computed(token, started.elapsed());
            let computed = self.slot.events.send(computed).await;
            let ended = self.slot.outputs.send(Output::End(token, end)).await;
            if computed.is_err() || ended.is_err() {
                return;
            }
        }
    }

    async fn next(&self) -> Option<Job> {
        self.slot.waiting.lock().await.recv().await
    }

    /// Computes a lease unit by unit. `None`: nobody listens any more.
    async fn compute(&self, job: &Job) -> Option<End> {
        for block in job.lease.blocks.clone() {
            let takes = (self.pace)(job.lease.unit(block));
            sleep(takes).await;
            let mut said = Said::new(takes);
            let end = compute::compute(&*self.slot.runner, &job.only(block), &mut said);
            for report in said.reports {
                self.slot.tally.computed(&report);
                self.slot.outputs.send(Output::Unit(report)).await.ok()?;
            }
            for failure in said.failures {
                self.slot.events.send(Event::Failed(failure)).await.ok()?;
            }
            if end == End::Stopped {
                return Some(end);
            }
        }
        Some(End::Complete)
    }
}

/// What came of a unit.
struct Said {
    takes_us: u64,
    reports: Vec<v1::UnitReport>,
    failures: Vec<v1::UnitFailed>,
}

impl Said {
    fn new(takes: Duration) -> Self {
        Self {
            takes_us: u64::try_from(takes.as_micros()).unwrap_or(u64::MAX),
            reports: Vec::new(),
            failures: Vec::new(),
        }
    }
}

impl Outlet for Said {
    fn unit(&mut self, report: v1::UnitReport) -> bool {
        self.reports.push(v1::UnitReport {
            compute_us: self.takes_us,
            ..report
        });
        true
    }

    fn failed(&mut self, failure: v1::UnitFailed) -> bool {
        self.failures.push(failure);
        true
    }
}
