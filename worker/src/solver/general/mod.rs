//! Every solver, one replica at a time: implicit directions, steps that adapt, updates that remember.

mod ascent;
mod direction;
mod implicit;
mod inner;
mod lbfgs;
mod outer;
mod rules;
#[cfg(test)]
mod tests;
mod update;

use std::sync::atomic::AtomicBool;

use bistable_common::{
    draw::{Key, Level, Purpose, Sampler},
    spec::{Solver, StepContext},
    sweep::Replace,
};

use self::lbfgs::Lbfgs;
use super::{Counterparts, Health, Memory, Round, State, Stepper, Stopped, Twin, shape};
use crate::{
    kernel::{Aligned, Real, Simd},
    problem::{Dims, Iterate, Metrics, Smooth, Table},
    setting::Setting,
};

/// Moves one replica at a time by any solver.
pub struct General<'a, P: Smooth> {
    problem: &'a P,
    simd: Simd,
    solver: &'a Solver,
    context: StepContext,
    counterparts: Counterparts,
    /// Whose data are read in this outer iteration.
    twin: Twin,
    start: State<P::Real>,
    draws: Draws,
    rows: Rows,
    /// Inner steps of this outer iteration so far: what its tape holds.
    taken: u32,
    room: Room<P::Real>,
    lbfgs: Lbfgs<P::Real>,
    scratch: P::Scratch,
    /// Whether g is linearized at the current (x, y).
    linearized: bool,
    stop: &'a AtomicBool,
}

/// What is drawn.
struct Draws {
    outer: Sampler,
    inner: Sampler,
    curvature: Sampler,
    cross: Sampler,
    truncation: Key,
}

/// Batches in hand.
struct Rows {
    outer: Vec<u32>,
    inner: Vec<u32>,
    /// Of steps of z that have one of their own.
    dual: Vec<u32>,
    /// Of products with second derivatives.
    products: Vec<u32>,
}

/// Vectors in hand, of the variables' lengths.
struct Room<R: Real> {
    /// The outer direction h, then what x moves along.
    direction: Vec<R>,
    along_x: Vec<R>,
    /// The inner gradient, and what y moves along.
    gradient: Aligned<R>,
    along_y: Aligned<R>,
    /// The gradient in z, and what z moves along.
    dual: Vec<R>,
    along_z: Vec<R>,
    /// `d_y f`.
    slope: Aligned<R>,
    /// v, and what its iteration needs beside it.
    adjoint: Aligned<R>,
    residual: Aligned<R>,
    search: Aligned<R>,
    product: Aligned<R>,
    cross: Vec<R>,
    /// Where a line search looks.
    candidate: Iterate<R>,
}

impl<R: Real> Room<R> {
    fn new(start: &Iterate<R>) -> Self {
        let x = || vec![R::ZERO; start.x.len()];
        let y = || Aligned::zeros(start.y.len());
        let z = || vec![R::ZERO; start.z.len()];
        Self {
            direction: x(),
            along_x: x(),
            gradient: y(),
            along_y: y(),
            dual: z(),
            along_z: z(),
            slope: y(),
            adjoint: y(),
            residual: y(),
            search: y(),
            product: y(),
            cross: x(),
            candidate: start.clone(),
        }
    }
}

/// Words of the room of a loop.
pub(super) fn room_words(solver: &Solver, dims: Dims) -> usize {
    4 * dims.x + 8 * dims.y + 3 * dims.z + lbfgs::words(&solver.update_y, dims.y)
}

impl<'a, P: Smooth> General<'a, P> {
    /// Makes everything that iterations need, until `stop` is set.
    pub fn new(problem: &'a P, setting: Setting<'a>, stop: &'a AtomicBool) -> Self {
        assert_eq!(P::REPLICAS, 1, "one replica at a time");
        let (cell, shape) = (setting.cell(), shape(setting.cell()));
        let (solver, dims) = (&cell.solver, problem.dims());
        let start = State {
            at: problem.start(),
            memory: Memory::new(solver, dims),
        };
        Self {
            problem,
            simd: setting.simd,
            solver,
            context: cell.step_context(),
            counterparts: Counterparts::new(setting),
            twin: Twin::Base,
            draws: Draws {
                outer: setting.sampler(Level::Outer),
                inner: setting.sampler(Level::Inner),
                curvature: setting.sampler(Level::Curvature),
                cross: setting.sampler(Level::Cross),
                truncation: setting.key(Purpose::Truncation),
            },
            rows: Rows {
                outer: Vec::with_capacity(shape.batch_x),
                inner: Vec::with_capacity(shape.batch_y),
                dual: Vec::with_capacity(shape.batch_y),
                products: Vec::with_capacity(shape.products),
            },
            taken: 0,
            room: Room::new(&start.at),
            lbfgs: Lbfgs::new(&solver.update_y, dims.y),
            scratch: problem.scratch(shape),
            linearized: false,
            stop,
            start,
        }
    }

    /// The outer batch of a round, as its run reads it.
    fn draw_outer(&mut self, round: Round<'_>) {
        let batch = &mut self.rows.outer;
        self.draws.outer.batch(round.k, 0, batch);
        (self.counterparts).put(Replace::Validation, round.twins[0], batch);
    }

    /// The batch of inner step `t`, as its run reads it; of tasks, the outer batch's.
    fn draw_inner(&mut self, k: u64, t: u32) {
        let batch = &mut self.rows.inner;
        if self.solver.schedule.start.is_outer() {
            return batch.clone_from(&self.rows.outer);
        }
        self.draws.inner.batch(k, t, batch);
        self.counterparts.put(Replace::Training, self.twin, batch);
    }

    /// f on the outer batch in hand.
    fn outer_value(&mut self, at: &Iterate<P::Real>) -> f64 {
        let (scratch, rows) = (&mut self.scratch, &self.rows.outer);
        let metrics = self.problem.evaluate(scratch, at, Table::Validation, rows);
        metrics.loss
    }
}

impl<P: Smooth> Stepper for General<'_, P> {
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
        &self.start
    }

    fn evaluate(&mut self, at: &Iterate<P::Real>, table: Table, rows: &[u32]) -> Metrics {
        self.problem.evaluate(&mut self.scratch, at, table, rows)
    }

    fn inner_value(&mut self, at: &Iterate<P::Real>, rows: &[u32]) -> f64 {
        self.problem.inner_value(&mut self.scratch, at, rows)
    }

    fn inner_steps(&mut self, state: &mut State<P::Real>, round: Round<'_>) -> Result<(), Stopped> {
        self.twin = round.twins[0];
        if self.solver.schedule.start.is_outer() {
            self.draw_outer(round);
        }
        self.move_inner(state, round.k)
    }

    fn find_direction(&mut self, state: &mut State<P::Real>, round: Round<'_>) {
        self.twin = round.twins[0];
        self.draw_outer(round);
        self.direct(state, round.k);
    }

    fn outer_step(&mut self, state: &mut State<P::Real>, round: Round<'_>) -> Health {
        self.move_outer(state, round.k);
        Health([!state.at.is_finite(); crate::kernel::LANES])
    }
}
