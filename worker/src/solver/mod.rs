//! The one loop: reads a solver's parts and moves an iterate through outer iterations.
//!
//! Batches are functions of the round, so a `Stepper` can be pointed at any iterate and any round, and at the data with
//! or without a replaced sample; it remembers nothing but scratch space.

mod step_size;

use std::sync::atomic::{AtomicBool, Ordering};

use bistable_common::{
    draw::{Level, Sampler},
    ids::Replicate,
    spec::{Clock, Order, Solver, Start, StepContext, StepSize},
    sweep::{Cell, Facts},
};

use crate::{
    kernel::{Aligned, LANES, Real, Simd, ops},
    problem::{Iterate, OuterBatch, Problem, Replaced, Shape},
};

/// Which validation data a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// D.
    Base,
    /// D with sample `i` replaced by its counterpart in D~.
    Replaced(u32),
}

/// Which replicas of a group cannot go on, because their x left the finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health([bool; LANES]);

impl Health {
    /// Whether a replica has diverged.
    pub fn diverged(&self, lane: usize) -> bool {
        self.0[lane]
    }
}

/// Moves groups of replicas of one problem by one solver.
pub struct Stepper<'a, P: Problem> {
    problem: &'a P,
    simd: Simd,
    solver: &'a Solver,
    context: StepContext,
    m1: u32,
    start: Iterate<P::Real>,
    /// A group of such.
    group_start: Iterate<P::Real>,
    outer: Sampler,
    inner: Sampler,
    outer_batch: Vec<u32>,
    inner_batch: Vec<u32>,
    replaced: Vec<Replaced>,
    direction: Vec<P::Real>,
    scratch: P::Scratch,
    /// Read before every inner step: there may be any number of them in an iteration.
    stop: &'a AtomicBool,
}

/// An iteration was not finished, because nobody wants it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

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
    /// Makes everything that iterations of `cell` in `replicate` need, until `stop` is set.
    pub fn new(
        problem: &'a P,
        simd: Simd,
        facts: &Facts,
        cell: &'a Cell,
        replicate: Replicate,
        stop: &'a AtomicBool,
    ) -> Self {
        let start = problem.start();
        let group = problem.group_dims();
        let mut group_start = Iterate {
            x: vec![P::Real::ZERO; group.x],
            y: Aligned::zeros(group.y),
        };
        (0..P::REPLICAS).for_each(|lane| problem.put(&start, lane, &mut group_start));
        let sampler = |level| Sampler::new(facts.seed, replicate, cell, level);
        Self {
            problem,
            simd,
            solver: &cell.solver,
            context: StepContext {
                outer_steps: cell.last_k(),
                inner_steps: cell.solver.schedule.inner_steps,
            },
            m1: cell.m1,
            start,
            group_start,
            outer: sampler(Level::Outer),
            inner: sampler(Level::Inner),
            outer_batch: Vec::with_capacity(cell.solver.batch_x as usize),
            inner_batch: Vec::with_capacity(cell.solver.batch_y as usize),
            replaced: Vec::with_capacity(cell.solver.batch_x as usize),
            direction: vec![P::Real::ZERO; group.x],
            scratch: problem.scratch(shape(&cell.solver)),
            stop,
        }
    }

    /// The initial point.
    pub fn start(&self) -> &Iterate<P::Real> {
        &self.start
    }

    /// A group at the initial point.
    pub fn group_start(&self) -> &Iterate<P::Real> {
        &self.group_start
    }

    /// Scratch space, for evaluations between iterations.
    pub fn scratch(&mut self) -> &mut P::Scratch {
        &mut self.scratch
    }

    /// Outer iteration `k`, from 0, of a group whose replicas read the data that `twins` says. The inner and the outer
    /// draws are independent of each other and of the data. A group that is stopped is left somewhere on the way.
    pub fn iterate(
        &mut self,
        at: &mut Iterate<P::Real>,
        k: u64,
        twins: &[Twin],
    ) -> Result<Health, Stopped> {
        if self.solver.schedule.start == Start::Reinit {
            at.y.copy_from_slice(&self.group_start.y);
        }
        match self.solver.schedule.order {
            Order::InnerFirst => {
                self.inner_steps(at, k)?;
                self.find_direction(at, k, twins);
                Ok(self.outer_step(at, k))
            }
            Order::Simultaneous => {
                self.find_direction(at, k, twins);
                self.inner_steps(at, k)?;
                Ok(self.outer_step(at, k))
            }
            Order::OuterFirst => {
                self.find_direction(at, k, twins);
                let health = self.outer_step(at, k);
                self.inner_steps(at, k)?;
                Ok(health)
            }
        }
    }

    fn inner_steps(&mut self, at: &mut Iterate<P::Real>, k: u64) -> Result<(), Stopped> {
        for t in 0..self.solver.schedule.inner_steps {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stopped);
            }
            self.inner.batch(k, t, &mut self.inner_batch);
            let eta = self.step(&self.solver.eta_y, k, t);
            self.problem
                .inner_step(&mut self.scratch, at, &self.inner_batch, eta, t as usize);
        }
        Ok(())
    }

    fn find_direction(&mut self, at: &Iterate<P::Real>, k: u64, twins: &[Twin]) {
        self.outer.batch(k, 0, &mut self.outer_batch);
        self.replaced.clear();
        for (position, &row) in self.outer_batch.iter().enumerate() {
            let lanes = twins.iter().enumerate();
            let lanes = lanes.filter(|(_, twin)| **twin == Twin::Replaced(row));
            self.replaced.extend(lanes.map(|(lane, _)| Replaced {
                position,
                lane,
                // D~ stands behind D in the validation table.
                row: row + self.m1,
            }));
        }
        if P::REPLICAS == 1 {
            for replaced in self.replaced.drain(..) {
                self.outer_batch[replaced.position] = replaced.row;
            }
        }
        self.problem.direction(
            &mut self.scratch,
            self.solver.direction,
            at,
            OuterBatch {
                rows: &self.outer_batch,
                replaced: &self.replaced,
            },
            &mut self.direction,
        );
    }

    fn outer_step(&mut self, at: &mut Iterate<P::Real>, k: u64) -> Health {
        let eta = P::Real::from_f64(self.step(&self.solver.eta_x, k, 0));
        let mut diverged = ops::descend(self.simd, eta, &self.direction, &mut at.x);
        if P::REPLICAS == 1 {
            diverged[0] = diverged.contains(&true);
        }
        Health(diverged)
    }

    fn step(&self, size: &StepSize, k: u64, t: u32) -> f64 {
        let n = match size.clock {
            Clock::Outer => k,
            Clock::Inner => u64::from(t),
        };
        step_size::value(size, n, self.context)
    }
}
