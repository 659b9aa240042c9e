//! The loop on the quadratic against dense algebra and closed forms.

use std::sync::{Arc, atomic::AtomicBool};

use bistable_common::{
    draw::{Level, Sampler},
    ids::{CellId, Replicate},
    spec::{Batch, Direction, Order, Solver, Start},
    sweep::{Facts, Replace, Sweep},
    trajectory::Trajectory,
};
use ndarray::Array1;

use super::{Quadratic, closed_form};
use crate::{
    kernel::Simd,
    problem::{Iterate, Plain},
    setting::Setting,
    solver::{Fused, Round, Stepper, Twin},
    testing,
    unit::{Mode, Work, run},
};

/// Every combination of parts that means something on the quadratic.
fn solvers() -> Vec<Solver> {
    let base = testing::quadratic_solver();
    let with = |steps, start, order, direction| {
        let mut solver = base.clone();
        solver.schedule.inner_steps = steps;
        solver.schedule.start = start;
        solver.schedule.order = order;
        solver.direction = direction;
        solver
    };
    let mut solvers = Vec::new();
    for steps in [1, 3] {
        for start in [Start::Warm, Start::Reinit] {
            for direction in [Direction::Partial, Direction::Unrolled] {
                solvers.push(with(steps, start, Order::InnerFirst, direction));
            }
        }
        for order in [Order::Simultaneous, Order::OuterFirst] {
            solvers.push(with(steps, Start::Warm, order, Direction::Partial));
        }
    }
    solvers
}

fn setting(solver: Solver) -> (Facts, Plain<Quadratic>) {
    let mut facts = testing::quadratic_facts(10, 20);
    facts.cells[0].solver = solver;
    let problem = Quadratic::new(testing::setting(&facts), &testing::quadratic_spec());
    (facts, Plain(problem))
}

#[test]
fn one_outer_iteration_is_the_affine_map() {
    for mut solver in solvers() {
        // With a batch as large as an epoch every batch has the mean of all samples.
        solver.sampling = bistable_common::spec::Sampling::Epoch;
        (solver.batch_x, solver.batch_y) = (Batch::Of(10), Batch::Of(20));
        let (facts, plain) = setting(solver.clone());
        let problem = &plain.0;
        let mean = |rows: u32, sample: &dyn Fn(u32) -> Vec<f64>| {
            let sum = (0..rows).fold(Array1::zeros(7), |sum, row| sum + Array1::from(sample(row)));
            sum / f64::from(rows)
        };
        let xi = mean(10, &|row| problem.validation_sample(row).to_vec());
        let zeta = mean(20, &|row| problem.training_sample(row).to_vec());
        let step = closed_form::affine_step(problem, &solver);
        let stop = AtomicBool::new(false);
        let mut stepper = Fused::new(&plain, testing::setting(&facts), &stop);
        let mut at = stepper.start().clone();
        let mut dense = Array1::<f64>::zeros(7);
        for k in 0..4 {
            let round = Round {
                k,
                twins: &[Twin::Base],
            };
            stepper.iterate(&mut at, round).expect("not stopped");
            dense = step.state.dot(&dense) + step.outer.dot(&xi) + step.inner.dot(&zeta);
            for (ours, dense) in at.at.x.iter().chain(&*at.at.y).zip(&dense) {
                assert!(
                    (ours - dense).abs() < 1e-12,
                    "{solver:?} at {k}: {ours} {dense}"
                );
            }
        }
    }
}

#[test]
fn the_mean_iterate_is_the_closed_form() {
    let (mut facts, _) = setting(testing::quadratic_solver());
    let last = 30;
    let replicates = 400;
    let mut sum = [0.0; 7];
    let mut squares = [0.0; 7];
    facts.cells[0].ks = vec![last];
    for r in 0..replicates {
        let setting = Setting {
            replicate: Replicate(r),
            ..testing::setting(&facts)
        };
        let problem = Plain(Quadratic::new(setting, &testing::quadratic_spec()));
        let stop = AtomicBool::new(false);
        let mut stepper = Fused::new(&problem, setting, &stop);
        let mut at = stepper.start().clone();
        (0..last).for_each(|k| {
            let round = Round {
                k,
                twins: &[Twin::Base],
            };
            stepper.iterate(&mut at, round).expect("not stopped");
        });
        for (j, z) in at.at.x.iter().chain(&*at.at.y).enumerate() {
            sum[j] += z;
            squares[j] += z * z;
        }
    }
    let (_, plain) = setting(testing::quadratic_solver());
    let expected = closed_form::expected_iterate(&plain.0, &testing::quadratic_solver(), last);
    let n = f64::from(replicates);
    for (j, expected) in expected.iter().enumerate() {
        let mean = sum[j] / n;
        let error = ((squares[j] / n - mean * mean) / n).sqrt();
        assert!(
            (mean - expected).abs() < 4.5 * error,
            "{mean} +- {error} is not {expected}"
        );
    }
}

fn trajectories(facts: &Facts, replicate: Replicate) -> Vec<Trajectory> {
    let names = testing::names(facts);
    let sweep = Arc::new(Sweep::new("test".to_owned(), 0.95, names, facts.clone()).expect("valid"));
    let blocks = 0..bistable_common::plan::Plan::new(facts).blocks(CellId(0));
    let work = Work {
        sweep,
        data: None,
        cell: CellId(0),
        replicate,
        blocks,
        mode: Mode::Forked,
    };
    let mut units = Vec::new();
    run(
        &work,
        Simd::any(),
        &AtomicBool::new(false),
        &mut |_, unit| units.push(unit),
    )
    .expect("runs");
    units
}

/// `d' = M d + (c / B) N w`, from the draws alone; of training samples with one inner step an iteration.
fn recursion(facts: &Facts, problem: &Quadratic, replicate: Replicate, index: u32) -> [f64; 2] {
    let cell = &facts.cells[0];
    let step = closed_form::affine_step(problem, &cell.solver);
    let (level, through, sample): (_, _, &dyn Fn(u32) -> Vec<f64>) = match facts.replace {
        Replace::Validation => (Level::Outer, &step.outer, &|row| {
            problem.validation_sample(row).to_vec()
        }),
        Replace::Training => (Level::Inner, &step.inner, &|row| {
            problem.training_sample(row).to_vec()
        }),
    };
    let mut sampler = Sampler::new(facts.seed, replicate, cell, level);
    let counterpart = facts.replace.samples(cell) + index;
    let push = through.dot(&(Array1::from(sample(counterpart)) - Array1::from(sample(index))));
    let mut batch = Vec::new();
    let mut d = Array1::<f64>::zeros(push.len());
    for k in 0..cell.last_k() {
        sampler.batch(k, 0, &mut batch);
        let count = batch.iter().filter(|&&row| row == index).count() as f64;
        d = step.state.dot(&d) + &push * (count / batch.len() as f64);
    }
    let norm2 = |part: &[f64]| part.iter().map(|v| v * v).sum();
    let d = d.to_vec();
    [norm2(&d[..4]), norm2(&d[4..])]
}

#[test]
fn every_distance_is_the_dense_recursions() {
    for solver in solvers() {
        let (facts, _) = setting(solver);
        assert_recursion(&facts);
    }
}

#[test]
fn every_distance_of_replaced_training_samples_is_the_dense_recursions() {
    for solver in solvers() {
        if solver.schedule.inner_steps == 1 {
            let (mut facts, _) = setting(solver);
            facts.replace = Replace::Training;
            assert_recursion(&facts);
        }
    }
}

fn assert_recursion(facts: &Facts) {
    for r in (0..2).map(Replicate) {
        let setting = Setting {
            replicate: r,
            ..testing::setting(facts)
        };
        let problem = Quadratic::new(setting, &testing::quadratic_spec());
        for experiment in trajectories(facts, r)
            .iter()
            .flat_map(|unit| &unit.experiments)
        {
            let [x, y] = recursion(facts, &problem, r, experiment.index);
            let last = experiment.records.last().expect("reached");
            assert!(
                (last.dx2 - x).abs() < 1e-12 * x.max(1e-8),
                "{} {x}",
                last.dx2
            );
            assert!(
                (last.dy2 - y).abs() < 1e-12 * y.max(1e-8),
                "{} {y}",
                last.dy2
            );
        }
    }
}

#[test]
fn beta2_squared_is_the_closed_form_within_its_error() {
    for solver in solvers() {
        let (mut facts, plain) = setting(solver.clone());
        facts.replicates = 150;
        facts.cells[0].ks = vec![12];
        let expected: f64 = closed_form::beta2_squared(&plain.0, &solver, 10, 12)
            .iter()
            .sum();
        let means: Vec<f64> = (0..facts.replicates)
            .map(|r| {
                let units = trajectories(&facts, Replicate(r));
                let records = units
                    .iter()
                    .flat_map(|unit| &unit.experiments)
                    .map(|e| e.records[0]);
                records.map(|record| record.dx2 + record.dy2).sum::<f64>() / 10.0
            })
            .collect();
        let n = means.len() as f64;
        let mean = means.iter().sum::<f64>() / n;
        let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (variance / n).sqrt();
        assert!(
            (mean - expected).abs() < 4.0 * error,
            "{solver:?}: {mean} +- {error} is not {expected}"
        );
    }
}

#[test]
fn a_large_step_diverges_and_says_when() {
    let mut solver = testing::quadratic_solver();
    solver.eta_x.scale = 1e30;
    let (mut facts, _) = setting(solver);
    facts.cells[0].ks = vec![1, 100];
    let units = trajectories(&facts, Replicate(0));
    let at = match units[0].base_stop {
        bistable_common::trajectory::Stop::Diverged { at } => at,
        stop => panic!("{stop:?}"),
    };
    assert!(at > 1 && at < 100, "{at}");
    assert_eq!(units[0].base_states.len(), 1);
    assert!(
        units[0]
            .experiments
            .iter()
            .all(|e| e.records.len() == 1 && !e.stop.reached(100))
    );
}

#[test]
fn iterates_keep_their_shape() {
    let (_, plain) = setting(testing::quadratic_solver());
    let start: Iterate<f64> = crate::problem::Problem::start(&plain);
    assert_eq!((start.x.len(), start.y.len()), (4, 3));
}
