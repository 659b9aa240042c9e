//! A sweep that takes no time.

use bistable_common::{
    spec::{Batch, Precision, ProblemSpec, QuadraticSpec, Solver, presets},
    sweep::{Cell, Facts, Indices, Replace, SCHEME, SolverName, Sweep},
};

/// One cell of `m1` samples, all of which are replaced, in `replicates` replicates.
pub fn sweep(m1: u32, replicates: u32, seed: u64) -> Sweep {
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
        replace: Replace::Validation,
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
