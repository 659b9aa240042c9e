//! Microseconds of an inner step, of an outer iteration at T = 1, 8 and 32 with its hypergradient, and of a whole
//! coupled block, on the reference task: 784-256-10, ELU, batch 8, bundled MNIST, one thread.

use std::{
    hint::black_box,
    sync::{Arc, atomic::AtomicBool},
};

use bistable_common::{
    ids::{CellId, Replicate},
    spec::{
        Activation, Direction, Precision, ProblemSpec, ReweightingSpec, Schedule, Solver, presets,
    },
    sweep::{Cell, Facts, Indices, SCHEME, SolverName, Sweep},
};
use bistable_worker::{
    data::Dataset,
    kernel::Simd,
    problem::{Problem, Reweighting},
    solver::{Stepper, Twin, shape},
    unit::{Mode, Work, run},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn facts(inner_steps: u32, ks: &[u64]) -> Facts {
    let preset = presets::find("tsgd").expect("a preset");
    let solver = Solver {
        schedule: Schedule {
            inner_steps,
            start: preset.start,
            order: preset.order,
        },
        direction: preset.direction,
        eta_x: preset.eta_x,
        eta_y: preset.eta_y,
        sampling: preset.sampling,
        batch_x: preset.batch_x,
        batch_y: preset.batch_y,
    };
    Facts {
        scheme: SCHEME,
        problem: ProblemSpec::Reweighting(ReweightingSpec {
            hidden: vec![256],
            activation: Activation::Elu,
        }),
        data: Some(Dataset::bundled().hash()),
        test: 1000,
        precision: Precision::F32,
        seed: 1,
        replicates: 1,
        indices: Indices::All,
        cells: vec![Cell {
            m1: 500,
            m2: 2000,
            ks: ks.to_vec(),
            solver,
        }],
    }
}

fn problem(facts: &Facts) -> Reweighting<f32> {
    let ProblemSpec::Reweighting(spec) = &facts.problem else {
        unreachable!("built above")
    };
    let cell = &facts.cells[0];
    Reweighting::new(
        Simd::any(),
        spec,
        facts,
        cell,
        Replicate(0),
        &Dataset::bundled(),
    )
    .expect("fits")
}

fn inner_step(criterion: &mut Criterion) {
    let facts = facts(1, &[1000]);
    let problem = problem(&facts);
    let mut scratch = problem.scratch(shape(&facts.cells[0].solver));
    let mut at = problem.start();
    let batches: Vec<[u32; 8]> = (0..250)
        .map(|b| std::array::from_fn(|j| b * 8 + j as u32))
        .collect();
    let mut next = 0;
    criterion.bench_function("inner step", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % batches.len();
            problem.inner_step(&mut scratch, &mut at, &batches[next], 0.01, 0);
        });
    });
    let mut out = vec![0.0; at.x.len()];
    criterion.bench_function("direction, T = 1", |bencher| {
        bencher.iter(|| {
            problem.direction(
                &mut scratch,
                Direction::Unrolled,
                &at,
                black_box(&batches[3]),
                &mut out,
            )
        });
    });
    let rows: Vec<u32> = (0..500).collect();
    criterion.bench_function("evaluation of 500 samples", |bencher| {
        bencher.iter(|| {
            problem.evaluate(
                &mut scratch,
                &at,
                bistable_worker::problem::Table::Test,
                &rows,
            )
        });
    });
}

fn outer_iteration(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outer iteration");
    for inner_steps in [1, 8, 32] {
        let facts = facts(inner_steps, &[1000]);
        let problem = problem(&facts);
        let mut stepper = Stepper::new(&problem, &facts, &facts.cells[0], Replicate(0));
        let mut at = stepper.start().clone();
        let mut round = 0;
        group.bench_function(format!("T = {inner_steps}"), |bencher| {
            bencher.iter(|| {
                round += 1;
                stepper.iterate(&mut at, round, Twin::Replaced(3))
            });
        });
    }
    group.finish();
}

/// A unit of 16 experiments, base run included; criterion's throughput is experiments per second.
fn block(criterion: &mut Criterion) {
    let facts = facts(1, &[250, 500]);
    let names = vec![SolverName {
        label: "tsgd".to_owned(),
        preset: "tsgd".to_owned(),
    }];
    let sweep = Sweep::new("bench".to_owned(), 0.95, names, facts).expect("valid");
    let work = Work {
        sweep: Arc::new(sweep),
        data: Some(Dataset::bundled()),
        cell: CellId(0),
        replicate: Replicate(0),
        blocks: 1..2,
        mode: Mode::Forked,
    };
    let mut group = criterion.benchmark_group("coupled block");
    group.sample_size(10).throughput(Throughput::Elements(16));
    group.bench_function("m1 = 500, K = 500, T = 1", |bencher| {
        bencher.iter(|| {
            run(
                &work,
                Simd::any(),
                &AtomicBool::new(false),
                &mut |_, unit| {
                    black_box(unit);
                },
            )
        });
    });
    group.finish();
}

criterion_group!(benches, inner_step, outer_iteration, block);
criterion_main!(benches);
