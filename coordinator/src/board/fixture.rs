//! A small sweep for tests.

#[path = "../../tests/support/tiny.rs"]
mod tiny;

use bistable_common::{
    ids::{Block, CellId, Replicate, SweepId, UnitKey},
    plan::Plan,
};

pub(crate) use self::tiny::sweep;
use super::{Complaint, FailureKind, KnownSweep, Mode, Priority};

/// Its plan.
pub(crate) fn plan(m1: u32, replicates: u32) -> Plan {
    Plan::new(sweep(m1, replicates, 1).facts())
}

/// A running sweep of which nothing is done.
pub(crate) fn known(id: SweepId, plan: Plan) -> KnownSweep {
    KnownSweep {
        id,
        plan,
        done: vec![],
        failures: vec![],
        conflicting: vec![],
        mode: Mode::Running,
        priority: Priority::default(),
        costs: vec![],
        leases: vec![],
    }
}

/// One of its units.
pub(crate) fn unit(replicate: u32, block: u32) -> UnitKey {
    UnitKey {
        cell: CellId(0),
        replicate: Replicate(replicate),
        block: Block(block),
    }
}

/// What a worker says of a unit.
pub(crate) fn complaint(error: &str) -> Complaint {
    Complaint {
        kind: FailureKind::Memory,
        error: error.to_owned(),
        log: "the last line".to_owned(),
    }
}
