//! Solvers made of fused operations: gradient steps whose sizes are known beforehand, and the partial or an unrolled
//! direction. They remember nothing, so groups of replicas are stepped together.

use std::sync::atomic::{AtomicBool, Ordering};

use bistable_common::{
    draw::{Level, Sampler},
    spec::{Solver, StepContext},
    sweep::Replace,
};

use super::{Counterparts, Health, Memory, Round, State, Stepper, Stopped, shape, step_size};
use crate::{
    kernel::{Real, Simd, ops},
    problem::{Iterate, Metrics, OuterBatch, Problem, Replaced, Table},
    setting::Setting,
};

/// Moves groups of replicas by fused operations.
pub struct Fused<'a, P: Problem> {
    problem: &'a P,
    simd: Simd,
    solver: &'a Solver,
    context: StepContext,
    counterparts: Counterparts,
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
    /// Makes everything that iterations of a cell whose solver is fused need, until `stop` is set. In groups of more than
    /// one, only validation samples can be replaced.
    pub fn new(problem: &'a P, setting: Setting<'a>, stop: &'a AtomicBool) -> Self {
        let (cell, shape) = (setting.cell(), shape(setting.cell()));
        let solver = &cell.solver;
        assert!(solver.is_fused(), "parts that are fused operations");
        assert!(
            P::REPLICAS == 1 || setting.facts.replace == Replace::Validation,
            "replicas of a group share their training samples"
        );
        let start = problem.start();
        let group = problem.group_dims();
        let mut group_start = Iterate::zeros(group);
        (0..P::REPLICAS).for_each(|lane| problem.put(&start, lane, &mut group_start));
        let state = |at| State {
            at,
            memory: Memory::new(solver, problem.dims()),
        };
        let (start, group_start) = (state(start), state(group_start));
        Self {
            problem,
            simd: setting.simd,
            solver,
            context: cell.step_context(),
            counterparts: Counterparts::new(setting),
            start,
            group_start,
            outer: setting.sampler(Level::Outer),
            inner: setting.sampler(Level::Inner),
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
    /// Notes which replicas have other validation samples than the batch in hand.
    fn replace_in_lanes(&mut self, round: Round<'_>) {
        for (position, &row) in self.outer_batch.iter().enumerate() {
            for (lane, &twin) in round.twins.iter().enumerate() {
                let counterpart = self.counterparts.of(Replace::Validation, twin, row);
                self.replaced.extend(counterpart.map(|row| Replaced {
                    position,
                    lane,
                    row,
                }));
            }
        }
    }

    /// The outer batch of a round, as its runs read it.
    fn draw_outer(&mut self, round: Round<'_>) {
        self.outer.batch(round.k, 0, &mut self.outer_batch);
        self.replaced.clear();
        if P::REPLICAS == 1 {
            let batch = &mut self.outer_batch;
            (self.counterparts).put(Replace::Validation, round.twins[0], batch);
        } else {
            self.replace_in_lanes(round);
        }
    }

    /// The batch of inner step `t`, as its runs read it; of tasks, the outer batch's.
    fn draw_inner(&mut self, round: Round<'_>, t: u32) {
        if self.solver.schedule.start.is_outer() {
            return self.inner_batch.clone_from(&self.outer_batch);
        }
        self.inner.batch(round.k, t, &mut self.inner_batch);
        if P::REPLICAS == 1 {
            let batch = &mut self.inner_batch;
            (self.counterparts).put(Replace::Training, round.twins[0], batch);
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

    fn inner_value(&mut self, at: &Iterate<P::Real>, rows: &[u32]) -> f64 {
        self.problem.inner_value(&mut self.scratch, at, rows)
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
            self.draw_inner(round, t);
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
