//! Solvers made of fused operations: gradient steps whose sizes are known beforehand, and the partial or an unrolled
//! direction. They remember nothing, so groups of replicas are stepped together.

use std::sync::atomic::{AtomicBool, Ordering};

use bistable_common::{
    draw::{Level, Sampler},
    ids::Replicate,
    spec::{Solver, Start, StepContext},
    sweep::{Cell, Facts},
};

use super::{Health, Memory, Round, State, Stepper, Stopped, Twin, shape, step_size};
use crate::{
    kernel::{Aligned, Real, Simd, ops},
    problem::{Iterate, Metrics, OuterBatch, Problem, Replaced, Table},
};

/// Moves groups of replicas by fused operations.
pub struct Fused<'a, P: Problem> {
    problem: &'a P,
    simd: Simd,
    solver: &'a Solver,
    context: StepContext,
    m1: u32,
    start: State<P::Real>,
    group_start: State<P::Real>,
    outer: Sampler,
    inner: Sampler,
    outer_batch: Vec<u32>,
    inner_batch: Vec<u32>,
    replaced: Vec<Replaced>,
    direction: Vec<P::Real>,
    scratch: P::Scratch,
    stop: &'a AtomicBool,
}

impl<'a, P: Problem> Fused<'a, P> {
    /// Makes everything that iterations of `cell`, whose solver is fused, in `replicate` need, until `stop` is set.
    pub fn new(
        problem: &'a P,
        simd: Simd,
        facts: &Facts,
        cell: &'a Cell,
        replicate: Replicate,
        stop: &'a AtomicBool,
    ) -> Self {
        let solver = &cell.solver;
        assert!(solver.is_fused(), "parts that are fused operations");
        let start = problem.start();
        let group = problem.group_dims();
        let mut group_start = Iterate {
            x: vec![P::Real::ZERO; group.x],
            y: Aligned::zeros(group.y),
        };
        (0..P::REPLICAS).for_each(|lane| problem.put(&start, lane, &mut group_start));
        let state = |at| State {
            at,
            memory: Memory::new(solver, problem.dims()),
        };
        let (start, group_start) = (state(start), state(group_start));
        let sampler = |level| Sampler::new(facts.seed, replicate, cell, level);
        let shape = shape(cell);
        Self {
            problem,
            simd,
            solver,
            context: StepContext {
                outer_steps: cell.last_k(),
                inner_steps: solver.schedule.inner_steps,
            },
            m1: cell.m1,
            start,
            group_start,
            outer: sampler(Level::Outer),
            inner: sampler(Level::Inner),
            outer_batch: Vec::with_capacity(shape.batch_x),
            inner_batch: Vec::with_capacity(shape.batch_y),
            replaced: Vec::with_capacity(shape.batch_x),
            direction: vec![P::Real::ZERO; group.x],
            scratch: problem.scratch(shape),
            stop,
        }
    }
}

impl<P: Problem> Fused<'_, P> {
    /// The outer batch of a round, as its runs read it.
    fn draw_outer(&mut self, round: Round<'_>) {
        self.outer.batch(round.k, 0, &mut self.outer_batch);
        self.replaced.clear();
        for (position, &row) in self.outer_batch.iter().enumerate() {
            let lanes = round.twins.iter().enumerate();
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
    }

    /// The batch of inner step `t`; of tasks, the outer batch's.
    fn draw_inner(&mut self, k: u64, t: u32) {
        match self.solver.schedule.start.is_outer() {
            true => self.inner_batch.clone_from(&self.outer_batch),
            false => self.inner.batch(k, t, &mut self.inner_batch),
        }
    }
}

impl<P: Problem> Stepper for Fused<'_, P> {
    type Problem = P;
    type Real = P::Real;

    fn problem(&self) -> &P {
        self.problem
    }

    fn solver(&self) -> &Solver {
        self.solver
    }

    fn start(&self) -> &State<P::Real> {
        &self.start
    }

    fn group_start(&self) -> &State<P::Real> {
        &self.group_start
    }

    fn evaluate(&mut self, at: &Iterate<P::Real>, table: Table, rows: &[u32]) -> Metrics {
        self.problem.evaluate(&mut self.scratch, at, table, rows)
    }

    fn begin(&mut self, group: &mut State<P::Real>) {
        match self.solver.schedule.start {
            Start::Warm => {}
            Start::Reinit => group.at.y.copy_from_slice(&self.group_start.at.y),
            Start::Outer | Start::OuterHead => self.problem.begin(&mut group.at),
        }
    }

    fn inner_steps(&mut self, group: &mut State<P::Real>, round: Round<'_>) -> Result<(), Stopped> {
        if self.solver.schedule.start.is_outer() {
            self.draw_outer(round);
        }
        let steps = self.solver.schedule.steps(round.k);
        let forgotten = steps - self.solver.direction.taped(steps);
        for t in 0..steps {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stopped);
            }
            self.draw_inner(round.k, t);
            let eta = step_size::at(&self.solver.eta_y, round.k, t, self.context);
            // What comes before the tape is overwritten by its first step.
            let slot = t.saturating_sub(forgotten) as usize;
            let (batch, at) = (&self.inner_batch, &mut group.at);
            self.problem
                .inner_step(&mut self.scratch, at, batch, eta, slot);
        }
        Ok(())
    }

    fn find_direction(&mut self, group: &mut State<P::Real>, round: Round<'_>) {
        self.draw_outer(round);
        let batch = OuterBatch {
            rows: &self.outer_batch,
            replaced: &self.replaced,
        };
        let taped = self
            .solver
            .direction
            .taped(self.solver.schedule.steps(round.k)) as usize;
        let (scratch, out) = (&mut self.scratch, &mut self.direction);
        self.problem
            .direction(scratch, &group.at, batch, taped, out);
    }

    fn outer_step(&mut self, group: &mut State<P::Real>, round: Round<'_>) -> Health {
        let eta = step_size::at(&self.solver.eta_x, round.k, 0, self.context);
        let eta = P::Real::from_f64(eta);
        let mut diverged = ops::descend(self.simd, eta, &self.direction, &mut group.at.x);
        if P::REPLICAS == 1 {
            diverged[0] = diverged.contains(&true);
        }
        Health(diverged)
    }
}
