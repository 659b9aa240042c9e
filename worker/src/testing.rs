//! Small sweeps for tests.

use bistable_common::{
    ids::{CellId, Replicate},
    spec::{
        Batch, BinaryLogisticSpec, Clock, Direction, Growth, LogisticSpec, Order, Precision,
        ProblemSpec, QuadraticSpec, ReweightingSpec, Sampling, Schedule, Solver, Start, StepRule,
        StepSize, Update,
    },
    sweep::{Cell, Facts, Indices, Reading, Replace, SCHEME, SolverName},
};

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use crate::{
    data::Dataset,
    kernel::Simd,
    setting::{Mode, Setting},
};

/// The first cell's first replicate.
pub fn setting(facts: &Facts) -> Setting<'_> {
    Setting {
        facts,
        cell: CellId(0),
        replicate: Replicate(0),
        mode: Mode::Forked,
        simd: Simd::any(),
    }
}

/// A constant step.
pub fn constant(scale: f64) -> StepSize {
    StepSize {
        scale,
        rule: StepRule::Constant,
        clock: Clock::Outer,
    }
}

/// TSGD with `inner_steps` steps of batches of 4.
pub fn tsgd(inner_steps: u32) -> Solver {
    Solver {
        schedule: Schedule {
            inner_steps,
            growth: Growth::Fixed,
            tolerance: None,
            start: Start::Warm,
            order: Order::InnerFirst,
        },
        direction: Direction::Unrolled,
        eta_x: constant(5.0),
        eta_y: constant(0.05),
        update_x: Update::PLAIN,
        update_y: Update::PLAIN,
        sampling: Sampling::Uniform,
        batch_x: Batch::Of(4),
        batch_y: Batch::Of(4),
        ascent: None,
    }
}

/// Reweighting on the bundled data, one cell.
pub fn facts_with(m1: u32, m2: u32) -> Facts {
    Facts {
        scheme: SCHEME,
        problem: ProblemSpec::Reweighting(ReweightingSpec {
            hidden: vec![16],
            ..ReweightingSpec::default()
        }),
        data: Some(Dataset::bundled().hash()),
        test: 1000,
        precision: Precision::F32,
        seed: 7,
        replicates: 2,
        replace: Replace::Validation,
        indices: Indices::All,
        cells: vec![Cell {
            m1,
            m2,
            ks: vec![2, 5],
            solver: tsgd(2),
        }],
    }
}

/// The sparse rows of two classes that come with the samples.
pub fn sparse_data() -> Arc<Dataset> {
    static DATA: OnceLock<Arc<Dataset>> = OnceLock::new();
    let open = || {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/a8a-1000.libsvm.gz");
        let data = Dataset::open(&path, &Reading::default());
        Arc::new(data.expect("a data set"))
    };
    DATA.get_or_init(open).clone()
}

/// The data set that a small sweep names.
pub fn data_of(facts: &Facts) -> Arc<Dataset> {
    let sparse = sparse_data();
    match facts.data == Some(sparse.hash()) {
        true => sparse,
        false => Dataset::bundled(),
    }
}

/// Logistic regression on sparse rows, one cell.
pub fn logistic_facts(m1: u32, m2: u32) -> Facts {
    let mut facts = facts_with(m1, m2);
    facts.problem = ProblemSpec::Logistic(LogisticSpec { log_penalty: -3.0 });
    facts.precision = Precision::F64;
    facts.data = Some(sparse_data().hash());
    facts.test = 40;
    facts
}

/// Single-level logistic regression by SGD, one cell.
pub fn binary_facts(m1: u32) -> Facts {
    let mut facts = logistic_facts(m1, 1);
    facts.problem = ProblemSpec::BinaryLogistic(BinaryLogisticSpec { l2: 0.01 });
    let mut solver = tsgd(0);
    solver.direction = Direction::Partial;
    solver.eta_x = constant(0.1);
    facts.cells[0].solver = solver;
    facts
}

/// A small quadratic.
pub fn quadratic_spec() -> QuadraticSpec {
    QuadraticSpec {
        dim_x: 4,
        dim_y: 3,
        mu_f: 1.0,
        l_f: 1.5,
        mu_g: 1.0,
        l_g: 1.5,
        mean: 1.0,
        noise: 0.5,
        seed: 3,
        ..QuadraticSpec::default()
    }
}

/// SGD with the partial direction, simultaneous, on the quadratic.
pub fn quadratic_solver() -> Solver {
    Solver {
        schedule: Schedule {
            inner_steps: 1,
            growth: Growth::Fixed,
            tolerance: None,
            start: Start::Warm,
            order: Order::Simultaneous,
        },
        direction: Direction::Partial,
        eta_x: constant(0.1),
        eta_y: constant(0.2),
        update_x: Update::PLAIN,
        update_y: Update::PLAIN,
        sampling: Sampling::Uniform,
        batch_x: Batch::Of(2),
        batch_y: Batch::Of(3),
        ascent: None,
    }
}

/// The quadratic, one cell.
pub fn quadratic_facts(m1: u32, m2: u32) -> Facts {
    let mut facts = facts_with(m1, m2);
    facts.problem = ProblemSpec::Quadratic(quadratic_spec());
    facts.precision = Precision::F64;
    facts.data = None;
    facts.test = 10;
    facts.cells[0].solver = quadratic_solver();
    facts
}

/// A name for each cell.
pub fn names(facts: &Facts) -> Vec<SolverName> {
    let name = SolverName {
        label: "test".to_owned(),
        preset: "custom".to_owned(),
    };
    vec![name; facts.cells.len()]
}
