//! The self-test: what this build's numerics make, on this machine, of two small fixed sweeps.

use std::sync::{Arc, atomic::AtomicBool};

use bistable_common::{
    ids::{CellId, Hash, Replicate},
    spec::{
        Activation, Batch, BinaryLogisticSpec, Direction, Family, HyperCleaningSpec, LogisticSpec,
        Precision, ProblemSpec, QuadraticSpec, ReweightingSpec, Sampling, StepRule,
        presets::{InnerSteps, PRESETS, Preset},
    },
    sweep::{Cell, Facts, Indices, SCHEME, SolverName, Sweep},
};

use super::{Mode, Work, run};
use crate::{data::Dataset, kernel::Simd};

/// The self-test fingerprint of this build's numerics on this machine: a hash over the trajectories of small fixed
/// sweeps that touch every problem, activation and preset. Equal fingerprints mean that results may stand in one sweep.
pub fn fingerprint(simd: Simd) -> Hash {
    let mut bytes = Vec::new();
    sweeps()
        .into_iter()
        .for_each(|sweep| append(Arc::new(sweep), simd, &mut bytes));
    Hash::of(&bytes)
}

fn append(sweep: Arc<Sweep>, simd: Simd, bytes: &mut Vec<u8>) {
    let data = data_for(&sweep.facts().problem);
    for cell in 0..sweep.facts().cells.len() as u32 {
        let work = Work {
            sweep: sweep.clone(),
            data: data.clone(),
            cell: CellId(cell),
            replicate: Replicate(0),
            blocks: 0..1,
            mode: Mode::Forked,
        };
        let outcome = run(
            &work,
            simd,
            &AtomicBool::new(false),
            &mut |_, trajectory| {
                bytes.extend(trajectory.encode());
            },
        );
        outcome.expect("the self-test's sweeps fit the bundled data");
    }
}

/// The bundled images, or a few sparse rows.
fn data_for(problem: &ProblemSpec) -> Option<Arc<Dataset>> {
    if let ProblemSpec::Logistic(_) | ProblemSpec::BinaryLogistic(_) = problem {
        return Some(Arc::new(sparse_rows()));
    }
    problem.traits().needs_data.then(Dataset::bundled)
}

fn sparse_rows() -> Dataset {
    let row = |sample: u32| {
        let entries = (0..3).map(move |k| (6 * k + sample % 6, 1.0 / (1 + sample % 7 + k) as f32));
        (sample * 5 % 8 / 4, entries)
    };
    Dataset::of_sparse(18, (0..40).map(row)).expect("rows in order")
}

fn sweeps() -> Vec<Sweep> {
    let reweighting = |activation, hidden: &[u32]| {
        ProblemSpec::Reweighting(ReweightingSpec {
            hidden: hidden.to_vec(),
            activation,
            ..ReweightingSpec::default()
        })
    };
    let quadratic = ProblemSpec::Quadratic(QuadraticSpec {
        dim_x: 3,
        dim_y: 2,
        mu_f: 1.0,
        l_f: 1.5,
        mu_g: 1.0,
        l_g: 1.5,
        mean: 1.0,
        noise: 1.0,
        seed: 1,
        ..QuadraticSpec::default()
    });
    let cleaning = ProblemSpec::HyperCleaning(HyperCleaningSpec {
        l2: 0.01,
        noise: 0.3,
    });
    let nonconvex = ProblemSpec::Quadratic(QuadraticSpec {
        dim_x: 3,
        dim_y: 2,
        family: Family::NcNc,
        coupling: Some(0.5),
        mu_f: -0.25,
        mu_g: -0.25,
        ..QuadraticSpec::default()
    });
    let logistic = ProblemSpec::Logistic(LogisticSpec { log_penalty: -2.0 });
    let binary = ProblemSpec::BinaryLogistic(BinaryLogisticSpec { l2: 0.1 });
    vec![
        sweep(nonconvex, Precision::F64, 0.1),
        sweep(logistic.clone(), Precision::F64, 1.0),
        sweep(logistic, Precision::F32, 1.0),
        sweep(binary.clone(), Precision::F64, 1.0),
        sweep(binary, Precision::F32, 1.0),
        sweep(quadratic, Precision::F64, 0.1),
        sweep(reweighting(Activation::Elu, &[20]), Precision::F32, 5.0),
        sweep(
            reweighting(Activation::Tanh, &[16, 70]),
            Precision::F32,
            5.0,
        ),
        sweep(reweighting(Activation::Tanh, &[16]), Precision::F64, 5.0),
        sweep(cleaning, Precision::F32, 5.0),
    ]
}

fn sweep(problem: ProblemSpec, precision: Precision, eta_x: f64) -> Sweep {
    let cells = PRESETS.iter().map(|preset| cell(preset, eta_x));
    // Whoever starts waits for this: general solvers are touched where they cost next to nothing.
    let cheap = !matches!(problem, ProblemSpec::Reweighting(_));
    let fits = |cell: &Cell| {
        let solver = &cell.solver;
        (cheap || solver.is_fused()) && solver.fits(&problem, &cell.ks).is_ok()
    };
    let cells: Vec<Cell> = cells.filter(fits).collect();
    let name = SolverName {
        label: "self-test".to_owned(),
        preset: "custom".to_owned(),
    };
    let names = vec![name; cells.len()];
    let facts = Facts {
        scheme: SCHEME,
        data: data_for(&problem).map(|data| data.hash()),
        problem,
        test: 5,
        precision,
        seed: 1,
        replicates: 1,
        indices: Indices::Count(2),
        cells,
    };
    Sweep::new("self-test".to_owned(), 0.95, names, facts)
        .expect("the self-test's sweeps are valid")
}

/// A preset on a small scale. Of those that are made of fused operations, the sampling and a step rule are changed, so that
/// these are touched, too.
fn cell(preset: &Preset, eta_x: f64) -> Cell {
    let steps = match preset.inner_steps {
        InnerSteps::Fixed(steps) => steps,
        InnerSteps::Default(_) => 3,
    };
    let small = |batch: Batch, size| match batch {
        Batch::Of(_) => Batch::Of(size),
        Batch::Full(_) => batch,
    };
    let mut solver = preset.solver(steps);
    solver.batch_x = small(solver.batch_x, 3);
    solver.batch_y = small(solver.batch_y, 5);
    if let Direction::Implicit(implicit) = &mut solver.direction {
        implicit.batch_v = small(implicit.batch_v, 4);
    }
    if solver.is_fused() && !solver.batch_y.is_full() {
        solver.sampling = Sampling::Epoch;
        solver.eta_x.scale = eta_x;
        solver.eta_y.rule = StepRule::InverseSqrt;
    }
    Cell {
        m1: 8,
        m2: 12,
        ks: vec![3, 6],
        solver,
    }
}
