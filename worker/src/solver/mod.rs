//! The one loop: reads a solver's parts and moves a state through outer iterations.
//!
//! Batches are functions of the round, so a [`Stepper`] can be pointed at any state and any round, and at the data with
//! or without a replaced sample; what it remembers beside scratch space is in the state. Solvers that are made of fused
//! operations step groups of replicas ([`Fused`]); all others one replica at a time ([`General`]).

mod fused;
mod general;
mod state;
pub(crate) mod step_size;
mod twin;

use bistable_common::{
    spec::{Order, Solver, Start},
    sweep::Cell,
};

pub use fused::Fused;
pub use general::General;
pub use state::{Memory, State};
pub use twin::{Counterparts, Twin};

use crate::{
    kernel::{LANES, Real},
    problem::{Dims, Iterate, Metrics, Problem, Shape, Table},
};

/// Which replicas of a group cannot go on, because they left the finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health([bool; LANES]);

impl Health {
    /// Whether a replica has diverged.
    pub fn diverged(&self, lane: usize) -> bool {
        self.0[lane]
    }
}

/// An iteration was not finished, because nobody wants it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// A round of a run: an outer iteration, from 0, and the data that each replica of a group reads.
#[derive(Debug, Clone, Copy)]
pub struct Round<'a> {
    /// Which.
    pub k: u64,
    /// One a replica.
    pub twins: &'a [Twin],
}

/// Moves groups of replicas of one problem by one solver: the parts of an outer iteration, and the loop that orders them.
pub trait Stepper {
    /// The problem.
    type Problem: Problem<Real = Self::Real>;
    /// The type of its parameters.
    type Real: Real;

    /// The problem.
    fn problem(&self) -> &Self::Problem;
    /// The solver.
    fn solver(&self) -> &Solver;
    /// One replica before the first iteration.
    fn start(&self) -> &State<Self::Real>;
    /// A group of such.
    fn group_start(&self) -> &State<Self::Real>;
    /// Mean outer loss and error over `rows` of `table`, at the state of one replica.
    fn evaluate(&mut self, at: &Iterate<Self::Real>, table: Table, rows: &[u32]) -> Metrics;
    /// g on `rows` of S, at the state of one replica.
    fn inner_value(&mut self, at: &Iterate<Self::Real>, rows: &[u32]) -> f64;

    /// Moves y. Whether it is stopped is looked at before every step: there may be any number of them.
    fn inner_steps(
        &mut self,
        group: &mut State<Self::Real>,
        round: Round<'_>,
    ) -> Result<(), Stopped>;
    /// Finds where x goes.
    fn find_direction(&mut self, group: &mut State<Self::Real>, round: Round<'_>);
    /// Moves x there.
    fn outer_step(&mut self, group: &mut State<Self::Real>, round: Round<'_>) -> Health;

    /// Puts y where the inner steps begin.
    fn begin(&self, group: &mut State<Self::Real>) {
        match self.solver().schedule.start {
            Start::Warm => {}
            Start::Reinit => group.at.copy_inner(&self.group_start().at),
            Start::Outer | Start::OuterHead => self.problem().begin(&mut group.at),
        }
    }

    /// An outer iteration. The inner and the outer draws are independent of each other and of the data. A group that is
    /// stopped is left somewhere on the way.
    fn iterate(
        &mut self,
        group: &mut State<Self::Real>,
        round: Round<'_>,
    ) -> Result<Health, Stopped> {
        self.begin(group);
        match self.solver().schedule.order {
            Order::InnerFirst => {
                self.inner_steps(group, round)?;
                self.find_direction(group, round);
                Ok(self.outer_step(group, round))
            }
            Order::Simultaneous => {
                self.find_direction(group, round);
                self.inner_steps(group, round)?;
                Ok(self.outer_step(group, round))
            }
            Order::OuterFirst => {
                self.find_direction(group, round);
                let health = self.outer_step(group, round);
                self.inner_steps(group, round)?;
                Ok(health)
            }
        }
    }

    /// Makes `state` one of a group's replicas.
    fn put(&self, state: &State<Self::Real>, lane: usize, group: &mut State<Self::Real>) {
        self.problem().put(&state.at, lane, &mut group.at);
        // Solvers that remember anything step one replica at a time.
        group.memory.copy_from(&state.memory);
    }

    /// Copies one of a group's replicas to `state`.
    fn get(&self, group: &State<Self::Real>, lane: usize, state: &mut State<Self::Real>) {
        self.problem().get(&group.at, lane, &mut state.at);
        state.memory.copy_from(&group.memory);
    }
}

/// Words that a solver needs beside the problem's scratch space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// Of a replica's state: what is remembered.
    pub memory: usize,
    /// Of the loop's own room.
    pub room: usize,
}

impl Words {
    /// Of a solver on a problem of these dimensions.
    pub fn new(solver: &Solver, dims: Dims) -> Self {
        Self {
            memory: state::memory_words(solver, dims),
            room: match solver.is_fused() {
                true => 0,
                false => general::room_words(solver, dims),
            },
        }
    }
}

/// What a cell's solver will ask of a problem's scratch space.
pub fn shape(cell: &Cell) -> Shape {
    let solver = &cell.solver;
    let steps = solver.schedule.steps(cell.last_k() - 1);
    let products = solver.direction.implicit();
    let products = products.map_or(0, |implicit| implicit.largest_batch(cell.m2));
    let batch_x = solver.batch_x.size(cell.m1);
    let batch_y = match solver.schedule.start.is_outer() {
        true => batch_x,
        false => solver.batch_y.size(cell.m2),
    };
    Shape {
        batch_x: batch_x as usize,
        batch_y: batch_y as usize,
        tape: solver.direction.taped(steps) as usize,
        products: products as usize,
        gradients: !solver.is_fused(),
    }
}
