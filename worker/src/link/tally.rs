//! What a worker counts of its own doing, for whoever watches the process. Nothing here decides anything.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use bistable_common::{
    ids::Hash,
    wire::v1::{FailureKind, UnitFailed, UnitReport},
};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::event::Event;
use crate::monitor::{self, Exposition, Labels, Watched};

/// A worker whose loop takes longer to answer is stuck: it never waits for anyone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Counts, and a way to ask whether the worker lives. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    units: Counter,
    compute_seconds: Counter<f64, AtomicU64>,
    failed: Family<Labels<1>, Counter>,
    /// Leases in hand.
    leases: Gauge,
    /// Units of the leases in hand.
    held: Gauge,
    unacknowledged: Gauge,
    session: Gauge,
    sessions: Counter,
    loads: Family<Labels<1>, Counter>,
    threads: Gauge,
    numerics: Arc<OnceLock<Hash>>,
    desk: Arc<OnceLock<mpsc::WeakSender<Event>>>,
}

/// Where a data set came from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Memory,
    Bundled,
    Disk,
    Coordinator,
}

impl Source {
    const ALL: [Self; 4] = [Self::Memory, Self::Bundled, Self::Disk, Self::Coordinator];

    fn labels(self) -> Labels<1> {
        let name = match self {
            Self::Memory => "memory",
            Self::Bundled => "bundled",
            Self::Disk => "disk",
            Self::Coordinator => "coordinator",
        };
        [("source", name)]
    }
}

/// Kinds of failures that a worker says, and their names.
const KINDS: [(FailureKind, &str); 6] = [
    (FailureKind::Panic, "panic"),
    (FailureKind::Memory, "memory"),
    (FailureKind::Data, "data"),
    (FailureKind::Unfit, "unfit"),
    (FailureKind::Refused, "refused"),
    (FailureKind::Other, "other"),
];

fn kind(failure: FailureKind) -> Labels<1> {
    let known = KINDS.iter().find(|(kind, _)| *kind == failure);
    [("kind", known.map_or("other", |(_, name)| name))]
}

impl Tally {
    /// The worker is about to begin, with these numerics on so many threads, and listens to `desk`.
    pub(super) fn begin(&self, numerics: Option<Hash>, threads: usize, desk: &mpsc::Sender<Event>) {
        self.threads.set(count(threads));
        // A tally belongs to one life of one worker.
        if let Some(numerics) = numerics {
            let _ = self.numerics.set(numerics);
        }
        let _ = self.desk.set(desk.downgrade());
    }

    pub(super) fn computed(&self, report: &UnitReport) {
        self.units.inc();
        self.compute_seconds.inc_by(report.compute_us as f64 / 1e6);
        self.unacknowledged.inc();
    }

    pub(super) fn acknowledged(&self, units: usize) {
        self.unacknowledged.dec_by(count(units));
    }

    pub(super) fn failed(&self, failure: &UnitFailed) {
        self.failed.get_or_create(&kind(failure.kind())).inc();
    }

    pub(super) fn holds(&self, leases: usize, units: usize) {
        self.leases.set(count(leases));
        self.held.set(count(units));
    }

    pub(super) fn up(&self) {
        self.session.set(1);
        self.sessions.inc();
    }

    pub(super) fn down(&self) {
        self.session.set(0);
    }

    pub(super) fn loaded(&self, source: Source) {
        self.loads.get_or_create(&source.labels()).inc();
    }

    fn register(&self, registry: &mut Registry) {
        for (kind_of, _) in KINDS {
            drop(self.failed.get_or_create(&kind(kind_of)));
        }
        for source in Source::ALL {
            drop(self.loads.get_or_create(&source.labels()));
        }
        let tally = self.clone();
        monitor::build_info(registry, self.numerics.get().copied());
        let help = "Units computed since this worker started";
        registry.register("computed_units", help, tally.units);
        let help =
            "Time that computing them took, of all threads together, since this worker started";
        let seconds = tally.compute_seconds;
        registry.register_with_unit("compute", help, Unit::Seconds, seconds);
        let help = "Units that this worker could not compute or hand in, by why, since it started";
        registry.register("failed_units", help, tally.failed);
        let help = "Leases in hand, those of which only the acknowledgement is missing included";
        registry.register("held_leases", help, tally.leases);
        let help = "Units of the leases in hand, computed or not";
        registry.register("held_units", help, tally.held);
        let help = "Units computed that no coordinator has acknowledged yet";
        registry.register("unacknowledged_units", help, tally.unacknowledged);
        let help = "Whether the worker has a session with a coordinator, 1 or 0";
        registry.register("session", help, tally.session);
        let help = "Sessions opened since this worker started; all but the first are reconnects";
        registry.register("sessions", help, tally.sessions);
        let help =
            "Data sets that leases needed, by where they came from, since this worker started";
        registry.register("data_loads", help, tally.loads);
        let help = "Threads that compute, a lease each at a time";
        registry.register("threads", help, tally.threads);
    }

    /// Whether the worker's loop answers. One that has yet to begin, or has ended, has none that could be stuck.
    async fn answers(&self) -> bool {
        let Some(desk) = self.desk.get().and_then(mpsc::WeakSender::upgrade) else {
            return true;
        };
        let asked = async {
            let (reply, answer) = oneshot::channel();
            let _ = desk.send(Event::Asked(reply)).await;
            // Who says goodbye answers no more.
            let _ = answer.await;
        };
        timeout(PATIENCE, asked).await.is_ok()
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[tonic::async_trait]
impl Watched for Tally {
    async fn live(&self) -> Result<(), String> {
        match self.answers().await {
            true => Ok(()),
            false => Err("the worker's loop does not answer".to_owned()),
        }
    }

    async fn ready(&self) -> Result<(), String> {
        match self.session.get() {
            0 => Err("the worker has no session with a coordinator".to_owned()),
            _ => Ok(()),
        }
    }

    async fn metrics(&self, exposition: &mut Exposition) {
        let mut registry = monitor::registry();
        self.register(&mut registry);
        exposition.add(&registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_answer_is_stuck() {
        let tally = Tally::default();
        assert_eq!(tally.live().await, Ok(()), "before it begins");
        let (desk, mut events) = mpsc::channel(1);
        tally.begin(None, 1, &desk);
        let (live, ()) = tokio::join!(tally.live(), async {
            if let Some(Event::Asked(reply)) = events.recv().await {
                let _ = reply.send(());
            }
        });
        assert_eq!(live, Ok(()));
        tally.live().await.expect_err("nobody listens");
        // Nor if the question does not even arrive.
        tally.live().await.expect_err("nobody listens");
        drop(events);
        assert_eq!(tally.live().await, Ok(()), "after its end");
    }

    #[tokio::test]
    async fn a_worker_is_ready_while_it_has_a_session() {
        let tally = Tally::default();
        tally.ready().await.expect_err("no session");
        tally.up();
        assert_eq!(tally.ready().await, Ok(()));
        tally.down();
        tally.ready().await.expect_err("no session");
    }
}
