//! What a coordinator counts from its start to its end, whether it leads or not. Cheap enough to be counted anywhere.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bistable_worker::monitor::Labels;
use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use tonic::Code;

use crate::{
    board::{Deeds, FailureKind, Fate},
    dispatch::Stopwatch,
    store::{Epoch, Outcome},
};

/// What is written in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// What workers reported.
    Results,
    /// What the board decided.
    Decisions,
}

impl Written {
    const ALL: [Self; 2] = [Self::Results, Self::Decisions];

    fn labels(self) -> Labels<1> {
        let name = match self {
            Self::Results => "results",
            Self::Decisions => "decisions",
        };
        [("what", name)]
    }
}

const OUTCOMES: [Outcome; 4] = [
    Outcome::Accepted,
    Outcome::Duplicate,
    Outcome::Conflicting,
    Outcome::Stale,
];

fn outcome(outcome: Outcome) -> Labels<1> {
    [("outcome", outcome.name())]
}

/// Why calls are turned away.
const REFUSALS: [(Code, &str); 4] = [
    (Code::Unauthenticated, "unauthenticated"),
    (Code::PermissionDenied, "permission_denied"),
    (Code::ResourceExhausted, "too_many"),
    (Code::Unknown, "other"),
];

/// From half a millisecond to sixteen seconds.
fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

/// The counts. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    granted: Counter,
    taken_back: Counter,
    workers_lost: Counter,
    reports: Family<Labels<1>, Counter>,
    failed_attempts: Family<Labels<1>, Counter>,
    quarantined: Counter,
    commits: Family<Labels<1>, Histogram, fn() -> Histogram>,
    failed_commits: Family<Labels<1>, Counter>,
    /// Bytes of data sets.
    pub sent: Counter,
    pub received: Counter,
    connections: Gauge,
    refused_connections: Counter,
    refused_calls: Family<Labels<1>, Counter>,
    refused_workers: Counter,
    terms: Counter,
    term: Gauge,
    at_store: Arc<AtomicUsize>,
}

impl Default for Counts {
    fn default() -> Self {
        let counts = Self {
            granted: Counter::default(),
            taken_back: Counter::default(),
            workers_lost: Counter::default(),
            reports: Family::default(),
            failed_attempts: Family::default(),
            quarantined: Counter::default(),
            commits: Family::new_with_constructor(latencies),
            failed_commits: Family::default(),
            sent: Counter::default(),
            received: Counter::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            refused_calls: Family::default(),
            refused_workers: Counter::default(),
            terms: Counter::default(),
            term: Gauge::default(),
            at_store: Arc::default(),
        };
        counts.begin();
        counts
    }
}

impl Counts {
    /// A series that is not there cannot be told from one that was never scraped.
    fn begin(&self) {
        for known in OUTCOMES {
            drop(self.reports.get_or_create(&outcome(known)));
        }
        for kind in FailureKind::all() {
            drop(self.failed_attempts.get_or_create(&[("kind", kind.name())]));
        }
        for (_, why) in REFUSALS {
            drop(self.refused_calls.get_or_create(&[("why", why)]));
        }
        for what in Written::ALL {
            drop(self.commits.get_or_create(&what.labels()));
            drop(self.failed_commits.get_or_create(&what.labels()));
        }
    }

    /// The board did something since it had done `before`.
    pub fn deeds(&self, before: Deeds, after: Deeds) {
        if before == after {
            return;
        }
        self.granted.inc_by(after.granted - before.granted);
        self.taken_back.inc_by(after.taken_back - before.taken_back);
        self.workers_lost
            .inc_by(after.workers_lost - before.workers_lost);
    }

    /// Results were reported and this became of them.
    pub fn reported(&self, outcomes: &[Outcome]) {
        for known in OUTCOMES {
            let count = outcomes.iter().filter(|outcome| **outcome == known).count();
            let counter = self.reports.get_or_create(&outcome(known));
            counter.inc_by(count as u64);
        }
    }

    pub fn failed(&self, kind: FailureKind, fate: Fate) {
        let attempts = self.failed_attempts.get_or_create(&[("kind", kind.name())]);
        attempts.inc();
        if fate == Fate::Quarantined {
            self.quarantined.inc();
        }
    }

    /// A transaction that was begun when `began` was started has ended.
    pub fn committed<T, E>(&self, what: Written, began: Stopwatch, ended: &Result<T, E>) {
        let labels = what.labels();
        match ended {
            Ok(_) => self
                .commits
                .get_or_create(&labels)
                .observe(began.elapsed().as_secs_f64()),
            Err(_) => drop(self.failed_commits.get_or_create(&labels).inc()),
        }
    }

    /// A term of this coordinator began; its number, if the store counts them.
    pub fn leads(&self, epoch: Option<Epoch>) {
        self.terms.inc();
        if let Some(Epoch(term)) = epoch {
            self.term.set(term);
        }
    }

    /// A connection that counts until the guard goes.
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// A connection was one too many.
    pub fn closed(&self) {
        self.refused_connections.inc();
    }

    /// A worker said hello and cannot work here.
    pub fn refused_worker(&self) {
        self.refused_workers.inc();
    }

    /// A call was turned away at the door.
    pub fn turned_away(&self, code: Code) {
        let known = REFUSALS.iter().find(|(known, _)| *known == code);
        let why = known.map_or("other", |(_, why)| why);
        self.refused_calls.get_or_create(&[("why", why)]).inc();
    }

    /// The dispatcher waits for the store until the guard goes.
    pub fn at_store(&self) -> AtStore {
        self.at_store.fetch_add(1, Ordering::Relaxed);
        AtStore(Arc::clone(&self.at_store))
    }

    /// Whether a dispatcher waits for the store.
    pub fn waits_for_store(&self) -> bool {
        self.at_store.load(Ordering::Relaxed) > 0
    }

    pub fn register(&self, registry: &mut Registry) {
        let counts = self.clone();
        self.register_work(registry);
        let help =
            "Time that a transaction of the store took that was committed, by what was written";
        registry.register_with_unit("commit", help, Unit::Seconds, counts.commits);
        let help = "Transactions of the store that failed, by what was to be written, since the process started";
        registry.register("failed_commits", help, counts.failed_commits);
        let help = "Bytes of data sets sent to workers and clients since the process started";
        registry.register_with_unit("data_sent", help, Unit::Bytes, counts.sent);
        let help = "Bytes of data sets received from clients since the process started";
        registry.register_with_unit("data_received", help, Unit::Bytes, counts.received);
        let help = "Open connections of workers and clients";
        registry.register("connections", help, counts.connections);
        let help =
            "Connections closed at once because there were too many, since the process started";
        registry.register("refused_connections", help, counts.refused_connections);
        let help = "Calls turned away before they were looked at, by why, since the process started: no token or a wrong one, a token of another role, too many calls";
        registry.register("refused_calls", help, counts.refused_calls);
        let help = "Workers refused since the process started, for their version or their numerics";
        registry.register("refused_workers", help, counts.refused_workers);
        let help = "Terms for which this coordinator has led since the process started";
        registry.register("terms", help, counts.terms);
        let help = "Number of the last term for which this coordinator led; 0 if there was none, or if the store can have only one coordinator";
        registry.register("term", help, counts.term);
    }

    fn register_work(&self, registry: &mut Registry) {
        let counts = self.clone();
        let help = "Leases given since the process started";
        registry.register("leases_granted", help, counts.granted);
        let help = "Units taken back from workers that were lost, to be leased again, since the process started";
        registry.register("releases", help, counts.taken_back);
        let help = "Workers lost with work in hand since the process started";
        registry.register("workers_lost", help, counts.workers_lost);
        let help = "Results of units that workers reported since the process started, by what became of them";
        registry.register("reports", help, counts.reports);
        let help = "Failed attempts of units since the process started, by why";
        registry.register("failed_attempts", help, counts.failed_attempts);
        let help = "Units given up since the process started";
        registry.register("units_quarantined", help, counts.quarantined);
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A call of the store.
#[derive(Debug)]
pub(crate) struct AtStore(Arc<AtomicUsize>);

impl Drop for AtStore {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
