//! The one loop: reads a solver's parts and moves an iterate through outer iterations.
//!
//! Batches are functions of the round, so a `Stepper` can be pointed at any iterate and any round, and at the data with
//! or without a replaced sample; it remembers nothing but scratch space.

mod step_size;

use bistable_common::{
    draw::{Level, Sampler},
    ids::Replicate,
    spec::{Clock, Order, Solver, Start, StepContext, StepSize},
    sweep::{Cell, Facts},
};

use crate::{
    kernel::Real,
    problem::{Iterate, Problem, Shape},
};

/// Which validation data a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// D.
    Base,
    /// D with sample `i` replaced by its counterpart in D~.
    Replaced(u32),
}

/// Whether an iterate can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The direction was finite.
    Finite,
    /// It was not.
    Diverged,
}

/// Moves iterates of one problem by one solver.
pub struct Stepper<'a, P: Problem> {
    problem: &'a P,
    solver: &'a Solver,
    context: StepContext,
    m1: u32,
    start: Iterate<P::Real>,
    outer: Sampler,
    inner: Sampler,
    outer_batch: Vec<u32>,
    inner_batch: Vec<u32>,
    direction: Vec<P::Real>,
    scratch: P::Scratch,
}

/// What a solver will ask of a problem's scratch space.
pub fn shape(solver: &Solver) -> Shape {
    Shape {
        batch_x: solver.batch_x as usize,
        batch_y: solver.batch_y as usize,
        inner_steps: solver.schedule.inner_steps as usize,
        direction: solver.direction,
    }
}

impl<'a, P: Problem> Stepper<'a, P> {
    /// Makes everything that iterations of `cell` in `replicate` need.
    pub fn new(problem: &'a P, facts: &Facts, cell: &'a Cell, replicate: Replicate) -> Self {
        let sampler = |level| Sampler::new(facts.seed, replicate, cell, level);
        Self {
            problem,
            solver: &cell.solver,
            context: StepContext {
                outer_steps: cell.last_k(),
                inner_steps: cell.solver.schedule.inner_steps,
            },
            m1: cell.m1,
            start: problem.start(),
            outer: sampler(Level::Outer),
            inner: sampler(Level::Inner),
            outer_batch: Vec::with_capacity(cell.solver.batch_x as usize),
            inner_batch: Vec::with_capacity(cell.solver.batch_y as usize),
            direction: vec![P::Real::ZERO; problem.dims().x],
            scratch: problem.scratch(shape(&cell.solver)),
        }
    }

    /// The initial point.
    pub fn start(&self) -> &Iterate<P::Real> {
        &self.start
    }

    /// Scratch space, for evaluations between iterations.
    pub fn scratch(&mut self) -> &mut P::Scratch {
        &mut self.scratch
    }

    /// Outer iteration `k`, from 0. The inner and the outer draws are independent of each other and of the data.
    pub fn iterate(&mut self, at: &mut Iterate<P::Real>, k: u64, twin: Twin) -> Health {
        if self.solver.schedule.start == Start::Reinit {
            at.y.copy_from_slice(&self.start.y);
        }
        match self.solver.schedule.order {
            Order::InnerFirst => {
                self.inner_steps(at, k);
                self.find_direction(at, k, twin);
                self.outer_step(at, k)
            }
            Order::Simultaneous => {
                self.find_direction(at, k, twin);
                self.inner_steps(at, k);
                self.outer_step(at, k)
            }
            Order::OuterFirst => {
                self.find_direction(at, k, twin);
                let health = self.outer_step(at, k);
                self.inner_steps(at, k);
                health
            }
        }
    }

    fn inner_steps(&mut self, at: &mut Iterate<P::Real>, k: u64) {
        for t in 0..self.solver.schedule.inner_steps {
            self.inner.batch(k, t, &mut self.inner_batch);
            let eta = self.step(&self.solver.eta_y, k, t);
            self.problem
                .inner_step(&mut self.scratch, at, &self.inner_batch, eta, t as usize);
        }
    }

    fn find_direction(&mut self, at: &Iterate<P::Real>, k: u64, twin: Twin) {
        self.outer.batch(k, 0, &mut self.outer_batch);
        if let Twin::Replaced(index) = twin {
            // D~ stands behind D in the validation table.
            let replaced = self.outer_batch.iter_mut().filter(|row| **row == index);
            replaced.for_each(|row| *row += self.m1);
        }
        self.problem.direction(
            &mut self.scratch,
            self.solver.direction,
            at,
            &self.outer_batch,
            &mut self.direction,
        );
    }

    fn outer_step(&mut self, at: &mut Iterate<P::Real>, k: u64) -> Health {
        let eta = P::Real::from_f64(self.step(&self.solver.eta_x, k, 0));
        let mut health = Health::Finite;
        for (x, d) in at.x.iter_mut().zip(&self.direction) {
            *x = *x - eta * *d;
            if !x.to_f64().is_finite() {
                health = Health::Diverged;
            }
        }
        health
    }

    fn step(&self, size: &StepSize, k: u64, t: u32) -> f64 {
        let n = match size.clock {
            Clock::Outer => k,
            Clock::Inner => u64::from(t),
        };
        step_size::value(size, n, self.context)
    }
}
