//! What the board holds about one sweep, one worker, one lease.

use std::collections::{BTreeMap, BTreeSet};

use bistable_common::ids::{CellId, LeaseToken, Replicate, UnitKey, WorkerId};

use super::{
    Fate, KnownSweep, Lease, Mode, Progress, SessionId, SweepState, Timestamp, cost::Costs,
    moves::UnitState, ranges::RangeSet, units::Units,
};

/// A sweep.
#[derive(Debug)]
pub(super) struct SweepEntry {
    pub mode: Mode,
    pub units: Units,
    pub costs: Costs,
    /// Failed attempts of units without a result.
    pub attempts: BTreeMap<UnitKey, Attempts>,
    pub last_error: Option<String>,
    /// Its leases by run: a late result must find the lease that holds its unit now.
    pub leases: BTreeMap<(CellId, Replicate), BTreeSet<LeaseToken>>,
    /// When it last got a lease, in leases granted: breaks ties between sweeps.
    pub served: u64,
}

impl SweepEntry {
    pub fn new(known: KnownSweep) -> Self {
        let KnownSweep {
            id: _,
            plan,
            done,
            failures,
            conflicting,
            mode,
        } = known;
        let mut entry = Self {
            mode,
            costs: Costs::new(plan.cells()),
            units: Units::new(plan, &done),
            attempts: BTreeMap::new(),
            last_error: None,
            leases: BTreeMap::new(),
            served: 0,
        };
        for unit in conflicting {
            entry.units.load_blocked(unit, UnitState::Conflicting);
        }
        for failure in failures {
            let attempts = Attempts {
                count: failure.attempts,
                hosts: failure.hosts,
            };
            entry.attempts.insert(failure.unit.key, attempts);
            if failure.fate == Fate::Quarantined {
                let unit = failure.unit.key;
                entry.units.load_blocked(unit, UnitState::Quarantined);
                entry.last_error = Some(failure.complaint.error);
            }
        }
        entry
    }

    pub fn wants_workers(&self) -> bool {
        self.mode == Mode::Running && self.units.counts().pending > 0
    }

    pub fn lease_tokens(&self) -> impl Iterator<Item = LeaseToken> + '_ {
        self.leases.values().flatten().copied()
    }

    pub fn lease_count(&self) -> usize {
        self.leases.values().map(BTreeSet::len).sum()
    }

    pub fn state(&self) -> SweepState {
        let counts = self.units.counts();
        match self.mode {
            _ if counts.done == self.units.plan().units() => SweepState::Complete,
            Mode::Cancelled => SweepState::Cancelled,
            _ if counts.pending + counts.leased == 0 => SweepState::Stuck,
            Mode::Paused => SweepState::Paused,
            Mode::Running => SweepState::Running,
        }
    }

    pub fn progress(&self, workers: u64, slots: u64) -> Progress {
        let counts = self.units.counts();
        let blocked = !self.units.quarantined().is_empty();
        Progress {
            state: self.state(),
            total: self.units.plan().units(),
            done: counts.done,
            leased: counts.leased,
            quarantined: self.units.quarantined().len() as u64,
            conflicting: self.units.conflicting().len() as u64,
            experiments_total: self.units.plan().experiments(),
            experiments_done: counts.experiments_done,
            workers,
            eta_seconds: self.costs.eta_seconds(|cell| self.units.open(cell), slots),
            last_error: self.last_error.clone().filter(|_| blocked),
        }
    }
}

/// A unit's failed attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub count: u32,
    /// Where.
    pub hosts: BTreeSet<String>,
}

/// A worker's session.
#[derive(Debug)]
pub(super) struct WorkerEntry {
    pub worker: WorkerId,
    pub host: String,
    pub slots: u32,
    /// Leases it takes beside those it has.
    pub credit: u32,
    pub leases: BTreeSet<LeaseToken>,
    /// When it last gave a sign of life or was given a first lease.
    pub seen: Timestamp,
}

/// A lease that is out.
#[derive(Debug)]
pub(super) struct LeaseEntry {
    pub lease: Lease,
    pub session: SessionId,
    /// Blocks without a result or failure, in the order in which the worker runs them.
    pub outstanding: RangeSet,
    /// The deadline that the store knows.
    pub saved_deadline: Timestamp,
}
