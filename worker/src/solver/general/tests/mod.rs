//! The general loop against textbooks: each test says in plain f64 what an algorithm does, by its paper, and compares.

mod bowls;
mod fused;
mod inverses;
mod minimax;
mod rules;
mod saddles;
mod shapes;
mod textbook;
mod traces;

use std::sync::atomic::AtomicBool;

use bistable_common::{
    draw::Level,
    ids::Replicate,
    spec::{Batch, Direction, Implicit, Inverse, Solver},
    sweep::Facts,
};

use super::General;
use crate::{
    problem::Smooth,
    solver::{Round, State, Stepper, Twin},
    testing,
};

const WHO: Replicate = Replicate(0);
/// Nobody stops a test.
static STOP: AtomicBool = AtomicBool::new(false);

/// Full batches, T = 1, constant steps; x sees the new y.
fn full(direction: Direction) -> Solver {
    Solver {
        direction,
        eta_x: testing::constant(0.1),
        eta_y: testing::constant(0.2),
        batch_x: Batch::ALL,
        batch_y: Batch::ALL,
        ..testing::tsgd(1)
    }
}

/// The same with an implicit direction.
fn implicit(inverse: Inverse, batch_v: Batch) -> Solver {
    full(Direction::Implicit(Implicit { inverse, batch_v }))
}

/// A cell of `solver` with 10 validation and 12 training samples.
fn facts(solver: Solver, rounds: u64) -> Facts {
    let mut facts = testing::quadratic_facts(10, 12);
    facts.cells[0].ks = vec![rounds];
    facts.cells[0].solver = solver;
    facts
}

/// Every state of a run, the first one included.
fn run<P: Smooth<Real = f64>>(problem: &P, facts: &Facts) -> Vec<State<f64>> {
    let cell = &facts.cells[0];
    let mut stepper = General::new(problem, testing::setting(facts), &STOP);
    let mut state = stepper.start().clone();
    let mut states = vec![state.clone()];
    for k in 0..cell.last_k() {
        stepper.iterate(&mut state, round(k)).expect("not stopped");
        states.push(state.clone());
    }
    states
}

fn round(k: u64) -> Round<'static> {
    Round {
        k,
        twins: &[Twin::Base],
    }
}

/// The batch that `level` draws for a sub-step of a round.
fn rows(facts: &Facts, level: Level, k: u64, sub_step: u32) -> Vec<u32> {
    let mut rows = Vec::new();
    testing::setting(facts)
        .sampler(level)
        .batch(k, sub_step, &mut rows);
    rows
}

/// The same of another size.
fn rows_of(facts: &Facts, level: Level, k: u64, sub_step: u32, size: u32) -> Vec<u32> {
    let mut rows = Vec::new();
    testing::setting(facts)
        .sampler(level)
        .batch_of(size, k, sub_step, &mut rows);
    rows
}

#[track_caller]
fn close(ours: &[f64], textbook: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), textbook.len());
    for (a, b) in ours.iter().zip(textbook) {
        let error = (a - b).abs();
        // What is not a number is never close.
        assert!(
            error <= tolerance * b.abs().max(1.0),
            "{ours:?} is not {textbook:?}"
        );
    }
}
