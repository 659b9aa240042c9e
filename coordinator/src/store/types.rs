//! What goes into a store and what comes out.

use bistable_common::{
    ids::{CellId, Hash, LeaseToken, SweepId, UnitId, WorkerId},
    sweep::Sweep,
};

use super::StoreError;
use crate::board::{Failure, Lease, Priority, Timestamp};

/// What clients want of a sweep. Whether it is complete is not stored: its results say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Units are leased.
    Running,
    /// Alive, but nothing is leased anew.
    Paused,
    /// Ended by a client; its results are kept, later reports are stale.
    Cancelled,
}

/// A stored sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSweep {
    /// The sweep.
    pub sweep: Sweep,
    /// What clients want of it.
    pub lifecycle: Lifecycle,
    /// Fingerprint of the numerics that its results must have.
    pub numerics: Hash,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was first submitted.
    pub submitted_at: Timestamp,
}

/// What submitting a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It was unknown.
    Inserted,
    /// It was there; if it was cancelled or paused it is running again.
    Revived,
    /// It has results of other numerics. Nothing was changed.
    ForeignNumerics,
}

/// A unit's result on its way into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitResult {
    /// Which unit.
    pub unit: UnitId,
    /// The trajectory's bytes.
    pub trajectory: Vec<u8>,
    /// Fingerprint of the numerics it was computed with.
    pub numerics: Hash,
    /// The build that computed it, for people.
    pub build: String,
    /// Who computed it.
    pub worker: WorkerId,
    /// Microseconds it took.
    pub compute_us: u64,
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is the first, and stored.
    Accepted,
    /// The same bits were stored before.
    Duplicate,
    /// Other bits were stored before. Both are kept, and the unit counts as missing.
    Conflicting,
    /// The sweep is cancelled or gone, or the numerics are foreign. Nothing was stored.
    Stale,
}

impl Outcome {
    /// Its name, in metrics and traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Conflicting => "conflicting",
            Self::Stale => "stale",
        }
    }
}

/// One of several results of a unit, without its bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Hash of the trajectory's bytes.
    pub trajectory: Hash,
    /// The build that computed it, for people.
    pub build: String,
    /// Who computed it.
    pub worker: WorkerId,
    /// When it was reported.
    pub reported_at: Timestamp,
}

/// A decision of the board that must survive a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A lease is about to be sent.
    SaveLease(Lease),
    /// A lease lives longer.
    ExtendLease(LeaseToken, Timestamp),
    /// A lease is over.
    DropLease(LeaseToken),
    /// An attempt failed.
    RecordFailure(Failure),
    /// Units of a cell were found to take so many microseconds.
    SaveCost(SweepId, CellId, u64),
}

/// A stored data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredData {
    /// BLAKE3 of its content.
    pub hash: Hash,
    /// Size of its content.
    pub bytes: u64,
    /// Number of samples.
    pub samples: u32,
    /// Values in a sample.
    pub features: u32,
    /// Classes of its labels.
    pub classes: u32,
}

impl StoredData {
    /// Whether `content` is its own.
    pub(super) fn check(&self, content: &[u8]) -> Result<(), StoreError> {
        let (announced, found) = (self.hash, Hash::of(content));
        match found == announced {
            true => Ok(()),
            false => Err(StoreError::HashMismatch { announced, found }),
        }
    }
}

/// All data sets together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataTotal {
    /// How many there are.
    pub sets: u64,
    /// Size of their contents.
    pub bytes: u64,
}
