//! Microseconds of an inner step, of an outer iteration at T = 1, 8 and 32 with its hypergradient, of a linear classifier
//! alone and in a group of sixteen, and of a whole coupled block, on the reference task: 784-256-10, ELU, batch 8, bundled
//! MNIST, one thread. Also of an outer iteration of every bilevel preset on data hyper-cleaning.
//!
//! `cargo bench -p bistable-worker --bench iteration`

mod task;

use std::{
    hint::black_box,
    sync::{Arc, atomic::AtomicBool},
};

use bistable_common::{
    ids::{CellId, Replicate},
    spec::presets::PRESETS,
    sweep::{Facts, SolverName, Sweep},
};
use bistable_worker::{
    data::Dataset,
    kernel::{Aligned, Simd},
    problem::{Iterate, LinearReplicas, OuterBatch, Problem, Table},
    solver::{Fused, General, Round, Stepper, Twin, shape},
    unit::{Mode, Work, run},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Batches of eight, without end.
fn batches() -> impl FnMut() -> [u32; 8] {
    let mut next = 0;
    move || {
        next = (next + 1) % 250;
        std::array::from_fn(|j| next * 8 + j as u32)
    }
}

/// A group of replicas at the start.
fn group<P: Problem>(problem: &P) -> Iterate<P::Real> {
    let dims = problem.group_dims();
    let mut group = Iterate {
        x: vec![P::Real::default(); dims.x],
        y: Aligned::zeros(dims.y),
        z: vec![P::Real::default(); dims.z],
    };
    let start = problem.start();
    (0..P::REPLICAS).for_each(|lane| problem.put(&start, lane, &mut group));
    group
}

fn steps<P: Problem>(criterion: &mut Criterion, name: &str, facts: &Facts, problem: &P) {
    let mut scratch = problem.scratch(shape(&facts.cells[0]));
    let (mut at, mut batch) = (group(problem), batches());
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| problem.inner_step(&mut scratch, &mut at, &batch(), 0.01, 0));
    });
}

fn inner_step(criterion: &mut Criterion) {
    let facts = task::facts(1, &[1000]);
    let problem = task::network(&facts, Simd::any());
    steps(criterion, "inner step", &facts, &problem);
    let mut scratch = problem.scratch(shape(&facts.cells[0]));
    let mut at = problem.start();
    let mut batch = batches();
    problem.inner_step(&mut scratch, &mut at, &batch(), 0.01, 0);
    let mut out = vec![0.0; at.x.len()];
    criterion.bench_function("direction, T = 1", |bencher| {
        bencher.iter(|| {
            let rows = batch().map(|row| row % 1000);
            let batch = OuterBatch {
                rows: &rows,
                replaced: &[],
            };
            problem.direction(&mut scratch, &at, batch, 1, &mut out);
        });
    });
    let rows: Vec<u32> = (0..500).collect();
    criterion.bench_function("evaluation of 500 samples", |bencher| {
        bencher.iter(|| problem.evaluate(&mut scratch, &at, Table::Test, black_box(&rows)));
    });
}

fn linear(criterion: &mut Criterion) {
    let facts = task::facts_with(&[], 1, &[1000]);
    let network = || task::network(&facts, Simd::any());
    let group = LinearReplicas::new(network());
    steps(criterion, "linear softmax/one replica", &facts, &network());
    steps(criterion, "linear softmax/group of 16", &facts, &group);
    iterations(
        criterion,
        "linear softmax/outer iteration, group of 16",
        &facts,
        &group,
    );
}

/// Nobody stops a bench.
static STOP: AtomicBool = AtomicBool::new(false);

fn iterations<P: Problem>(criterion: &mut Criterion, name: &str, facts: &Facts, problem: &P) {
    let stepper = Fused::new(problem, task::setting(facts, Simd::any()), &STOP);
    let twins: Vec<Twin> = (0..P::REPLICAS as u32).map(Twin::Replaced).collect();
    iterate(criterion, name, stepper, &twins);
}

/// Rounds go around, so that what grows with them has a mean, whatever the number of iterations.
const ROUNDS: u64 = 100;

fn iterate(criterion: &mut Criterion, name: &str, mut stepper: impl Stepper, twins: &[Twin]) {
    let mut at = stepper.group_start().clone();
    let mut k = 0;
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            k = (k + 1) % ROUNDS;
            stepper.iterate(&mut at, Round { k, twins })
        });
    });
}

/// Outer iterations that are timed together where the work of one depends on those before.
const FIRST: u64 = 10;

fn first_iterations(criterion: &mut Criterion, name: &str, mut stepper: impl Stepper) {
    let mut at = stepper.group_start().clone();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            at.clone_from(stepper.group_start());
            (0..FIRST).try_for_each(|k| {
                let twins = &[Twin::Replaced(0)];
                stepper.iterate(&mut at, Round { k, twins }).map(drop)
            })
        });
    });
}

fn outer_iteration(criterion: &mut Criterion) {
    for inner_steps in [1, 8, 32] {
        let facts = task::facts(inner_steps, &[1000]);
        let problem = task::network(&facts, Simd::any());
        let name = format!("outer iteration/T = {inner_steps}");
        iterations(criterion, &name, &facts, &problem);
    }
}

/// Every bilevel preset on data hyper-cleaning with its own T and batches: 784-10, 2,000 training and 1,000 validation
/// samples; groups of sixteen replicas where they run so.
fn presets(criterion: &mut Criterion) {
    let bilevel = PRESETS.iter().map(|preset| preset.name);
    for name in bilevel.filter(|name| task::fits_cleaning(name)) {
        let facts = task::cleaning(name);
        let problem = task::classifier(&facts, Simd::any());
        let cell = &facts.cells[0];
        let ends_at_tolerance = cell.solver.schedule.tolerance.is_some();
        let name = format!("hyper-cleaning/{name}");
        if !cell.solver.is_fused() {
            let stepper = General::new(&problem, task::setting(&facts, Simd::any()), &STOP);
            match ends_at_tolerance {
                true => first_iterations(criterion, &name, stepper),
                false => iterate(criterion, &name, stepper, &[Twin::Replaced(0)]),
            }
        } else if problem.runs_in_groups(shape(cell)) {
            iterations(criterion, &name, &facts, &LinearReplicas::new(problem));
        } else {
            iterations(criterion, &name, &facts, &problem);
        }
    }
}

/// A unit of 16 experiments, base run included; criterion's throughput is experiments per second.
fn block(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("coupled block");
    group.sample_size(10).throughput(Throughput::Elements(16));
    for (name, hidden) in [("784-256-10", &[256][..]), ("784-10", &[])] {
        let facts = task::facts_with(hidden, 1, &[250, 500]);
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
        group.bench_function(format!("{name}, m1 = 500, K = 500, T = 1"), |bencher| {
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
    }
    group.finish();
}

criterion_group!(benches, inner_step, linear, outer_iteration, presets, block);
criterion_main!(benches);
