//! What the board hears, and what it asks for.

use std::time::Duration;

use bistable_common::{
    ids::{CellId, LeaseToken, SweepId, UnitId, UnitKey, WorkerId},
    plan::Plan,
};

use super::{Complaint, Failure, Lease, Timestamp, UnitRange};

/// A worker's session: a number of the coordinator's, so that a worker that comes back is not taken for the one that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Whether units of a sweep may be leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They may.
    Running,
    /// What is leased goes on, nothing is leased anew.
    Paused,
    /// Nothing is leased.
    Cancelled,
}

/// How urgent a sweep is: units of a higher priority are leased first. Not part of what the sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Priority(pub i32);

/// A sweep as the store knows it.
#[derive(Debug, Clone)]
pub struct KnownSweep {
    /// Its identifier.
    pub id: SweepId,
    /// Its units.
    pub plan: Plan,
    /// Those with a result and no conflict.
    pub done: Vec<UnitRange>,
    /// Those that failed and have no result.
    pub failures: Vec<Failure>,
    /// Those with results that differ.
    pub conflicting: Vec<UnitKey>,
    /// Whether its units may be leased.
    pub mode: Mode,
    /// How urgent it is.
    pub priority: Priority,
    /// Microseconds a unit, of cells where that was learned.
    pub costs: Vec<(CellId, u64)>,
    /// What an earlier life of the coordinator leased out.
    pub leases: Vec<Lease>,
}

/// A worker that opens a session.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its name.
    pub worker: WorkerId,
    /// Its machine.
    pub host: String,
    /// Leases it can work on at once.
    pub slots: u32,
    /// Leases that it holds from an earlier session, be it with an earlier coordinator.
    pub held: Vec<LeaseToken>,
    /// How long it will take leases; `None`: until further notice.
    pub remaining: Option<Duration>,
    /// What only its process knows. Workers of earlier builds have none.
    pub proof: Option<[u8; 16]>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A sweep is known, from the store.
    SweepAdded(KnownSweep),
    /// A client wants a sweep to run, pause or end.
    ModeSet(SweepId, Mode),
    /// A client wants a sweep to be this urgent.
    PrioritySet(SweepId, Priority),
    /// A sweep is gone with everything that belongs to it.
    SweepRemoved(SweepId),
    /// A worker opened a session.
    WorkerJoined(SessionId, Arrival),
    /// A session ended, however that was found out.
    WorkerLost(SessionId),
    /// A worker takes more leases.
    Credit(SessionId, u32),
    /// A worker lives and works on these leases.
    Beat(WorkerId, Vec<LeaseToken>),
    /// A unit has a result, reported by whoever.
    UnitDone {
        /// The unit.
        unit: UnitId,
        /// Who reported it.
        worker: WorkerId,
        /// What it cost.
        compute_us: u64,
    },
    /// A unit has results that differ.
    UnitConflicting(UnitId),
    /// Units that were given up or have results that differ start afresh; the store has forgotten what they had.
    UnitsRetried(SweepId, Vec<UnitKey>),
    /// A worker could not run a unit of its lease.
    UnitFailed {
        /// The session that says so.
        session: SessionId,
        /// The lease.
        token: LeaseToken,
        /// The unit.
        unit: UnitId,
        /// Why.
        complaint: Complaint,
    },
    /// A worker returns the rest of a lease, as planned.
    HandBack(SessionId, LeaseToken),
    /// A worker reported everything of a lease.
    Finished(SessionId, LeaseToken),
    /// Time passed.
    Tick,
}

/// Something to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write the lease down, before it is sent.
    SaveLease(Lease),
    /// Send the lease.
    SendLease(SessionId, Lease),
    /// Write down that a lease lives longer.
    ExtendLease(LeaseToken, Timestamp),
    /// Forget a lease.
    DropLease(LeaseToken),
    /// Tell a worker to stop working on a lease.
    Revoke(SessionId, LeaseToken),
    /// Answer a beat: this lease is not the worker's.
    Refuse(LeaseToken),
    /// End a session whose worker is lost.
    Disconnect(SessionId),
    /// Write down that an attempt failed, and what becomes of the unit.
    RecordFailure(Failure),
    /// Write down what units of a cell cost, in microseconds.
    SaveCost(SweepId, CellId, u64),
    /// Tell those who watch the sweep.
    Progressed(SweepId),
}

/// Where a sweep stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepState {
    /// Units are pending or leased.
    Running,
    /// No unit is leased anew.
    Paused,
    /// Every unit has a result.
    Complete,
    /// A client ended it.
    Cancelled,
    /// Nothing is left to run, but units are quarantined or conflicting.
    Stuck,
}

impl SweepState {
    /// Whether nothing will change unless a client does something.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Running | Self::Paused => false,
            Self::Complete | Self::Cancelled | Self::Stuck => true,
        }
    }
}

/// A sweep's progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Where it stands.
    pub state: SweepState,
    /// Units in the plan.
    pub total: u64,
    /// Units with a result.
    pub done: u64,
    /// Units that are leased.
    pub leased: u64,
    /// Units given up.
    pub quarantined: u64,
    /// Units with results that differ.
    pub conflicting: u64,
    /// Experiments in the plan.
    pub experiments_total: u64,
    /// Experiments in the units done.
    pub experiments_done: u64,
    /// Workers that hold a lease of it.
    pub workers: u64,
    /// Predicted seconds until it is complete.
    pub eta_seconds: Option<f64>,
    /// The last error of a unit that was given up.
    pub last_error: Option<String>,
}
