//! What the board holds about one sweep, one worker, one lease.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bistable_common::ids::{Block, CellId, LeaseToken, Replicate, UnitKey, WorkerId};

use super::{
    Fate, KnownSweep, Lease, Mode, Priority, Progress, SessionId, SweepState, Timestamp, UnitRange,
    cost::Costs, moves::UnitState, ranges::RangeSet, units::Units,
};

/// A sweep.
#[derive(Debug)]
pub(super) struct SweepEntry {
    pub mode: Mode,
    pub priority: Priority,
    pub units: Units,
    pub costs: Costs,
    /// Failed attempts of units without a result.
    pub attempts: BTreeMap<UnitKey, Attempts>,
    pub last_error: Option<String>,
    /// Its leases by run: a late result must find the lease that holds its unit now.
    leases: BTreeMap<(CellId, Replicate), BTreeSet<LeaseToken>>,
    lease_count: usize,
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
            priority,
            costs,
            leases: _,
        } = known;
        let mut entry = Self {
            mode,
            priority,
            costs: Costs::new(plan.cells(), &costs),
            units: Units::new(plan, &done),
            attempts: BTreeMap::new(),
            last_error: None,
            leases: BTreeMap::new(),
            lease_count: 0,
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

    /// Failed attempts of the unit of `units` that failed most.
    pub fn failed_attempts(&self, units: &UnitRange) -> u32 {
        let attempts = units.units().filter_map(|unit| self.attempts.get(&unit));
        attempts.map(|attempts| attempts.count).max().unwrap_or(0)
    }

    pub fn lease_tokens(&self) -> impl Iterator<Item = LeaseToken> + '_ {
        self.leases.values().flatten().copied()
    }

    pub fn lease_count(&self) -> usize {
        self.lease_count
    }

    /// The leases of a run.
    pub fn leases_of(&self, run: (CellId, Replicate)) -> impl Iterator<Item = LeaseToken> + '_ {
        self.leases.get(&run).into_iter().flatten().copied()
    }

    pub fn link(&mut self, run: (CellId, Replicate), token: LeaseToken) {
        let linked = self.leases.entry(run).or_default().insert(token);
        self.lease_count += usize::from(linked);
    }

    pub fn unlink(&mut self, run: (CellId, Replicate), token: LeaseToken) {
        if let Some(tokens) = self.leases.get_mut(&run) {
            self.lease_count -= usize::from(tokens.remove(&token));
            if tokens.is_empty() {
                self.leases.remove(&run);
            }
        }
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
    /// How often it was told to beat.
    pub beats_every: Duration,
    /// When it stops taking leases.
    pub until: Option<Timestamp>,
    /// First results of units that it brought in this session,
    pub units: u64,
    /// and what they cost.
    pub compute_us: u64,
    /// What only its process knows.
    pub proof: Option<[u8; 16]>,
}

impl WorkerEntry {
    /// Microseconds of work that it has time for.
    pub fn time_us(&self, now: Timestamp) -> Option<f64> {
        self.until.map(|until| until.since(now).as_secs_f64() * 1e6)
    }
}

/// A lease that is out.
#[derive(Debug)]
pub(super) struct LeaseEntry {
    pub lease: Lease,
    /// Who holds it; `None`: it waits for its worker to come back.
    pub session: Option<SessionId>,
    /// Blocks without a result or failure, in the order in which the worker runs them.
    pub outstanding: RangeSet,
    /// Its place among all leases that were given; those of an earlier life have none.
    pub granted: u64,
    /// When it was given; `None`: in an earlier life.
    pub begun: Option<Timestamp>,
    /// When it was given, or the last of its results came in.
    pub progressed: Timestamp,
    /// The deadline that the store knows.
    pub saved_deadline: Timestamp,
}

impl LeaseEntry {
    pub fn run(&self) -> (CellId, Replicate) {
        (self.lease.units.cell, self.lease.units.replicate)
    }

    pub fn unit(&self, block: u64) -> UnitKey {
        UnitKey {
            cell: self.lease.units.cell,
            replicate: self.lease.units.replicate,
            block: Block(block as u32),
        }
    }
}
