//! Attempts that failed: why, where, and what becomes of their unit.

use std::collections::BTreeSet;

use bistable_common::ids::{UnitId, WorkerId};

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The worker was lost while it ran the unit.
    WorkerLost,
    /// The numerics panicked.
    Panic,
    /// The unit needs more memory than the worker gives it.
    Memory,
    /// The worker did not get the data set, or it is not the sweep's.
    Data,
    /// The worker cannot run units of this sweep at all.
    Unfit,
    /// The coordinator refused the result.
    Refused,
    /// Anything else.
    Other,
}

impl FailureKind {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::WorkerLost, "worker_lost"),
        (Self::Panic, "panic"),
        (Self::Memory, "memory"),
        (Self::Data, "data"),
        (Self::Unfit, "unfit"),
        (Self::Refused, "refused"),
        (Self::Other, "other"),
    ];

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.iter().map(|(kind, _)| *kind)
    }

    /// Its name in stores and for people.
    pub fn name(self) -> &'static str {
        let known = Self::NAMES.iter().find(|(kind, _)| *kind == self);
        known.map_or("other", |(_, name)| name)
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(kind, _)| *kind)
    }
}

/// What a worker says of a unit that it could not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What kind of thing went wrong.
    pub kind: FailureKind,
    /// What went wrong, for people.
    pub error: String,
    /// The last lines of the worker's log, oldest first.
    pub log: String,
}

/// What becomes of a unit that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is tried again.
    Retried,
    /// It is given up, visibly; the rest of the sweep goes on.
    Quarantined,
}

/// The failed attempts of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which unit.
    pub unit: UnitId,
    /// How many attempts failed.
    pub attempts: u32,
    /// What went wrong the last time.
    pub complaint: Complaint,
    /// Who tried last.
    pub worker: WorkerId,
    /// Where, the last time.
    pub host: String,
    /// Where attempts failed, the last one included.
    pub hosts: BTreeSet<String>,
    /// What becomes of it.
    pub fate: Fate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for (kind, name) in FailureKind::NAMES {
            assert_eq!(kind.name(), name);
            assert_eq!(FailureKind::from_name(name), Some(kind));
        }
        assert_eq!(FailureKind::from_name("nosuch"), None);
    }
}
