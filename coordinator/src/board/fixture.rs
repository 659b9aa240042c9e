//! A small sweep for tests.

use bistable_common::{
    ids::{Block, CellId, Replicate, SweepId, UnitKey},
    plan::Plan,
    spec::{Batch, Precision, ProblemSpec, QuadraticSpec, Solver, presets},
    sweep::{Cell, Facts, Indices, SCHEME, SolverName, Sweep},
};

use super::{Complaint, FailureKind, KnownSweep, Mode, Priority};

/// One cell of `m1` samples, all of which are replaced, in `replicates` replicates.
pub(crate) fn sweep(m1: u32, replicates: u32, seed: u64) -> Sweep {
    let preset = presets::find("ssgd").expect("a preset");
    let solver = Solver {
        batch_x: Batch::Of(1),
        batch_y: Batch::Of(1),
        ..preset.solver(1)
    };
    let facts = Facts {
        scheme: SCHEME,
        problem: ProblemSpec::Quadratic(QuadraticSpec {
            dim_x: 1,
            dim_y: 1,
            mu_f: 1.0,
            l_f: 1.0,
            mu_g: 1.0,
            l_g: 1.0,
            mean: 0.0,
            noise: 1.0,
            seed: 1,
            ..QuadraticSpec::default()
        }),
        data: None,
        test: 10,
        precision: Precision::F64,
        seed,
        replicates,
        indices: Indices::All,
        cells: vec![Cell {
            m1,
            m2: 10,
            ks: vec![2, 4],
            solver,
        }],
    };
    let name = SolverName {
        label: "ssgd".into(),
        preset: "ssgd".into(),
    };
    Sweep::new("test".into(), 0.95, vec![name], facts).expect("a sweep")
}

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
