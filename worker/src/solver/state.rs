//! The whole state of a run: what is measured, and what the solver remembers beside it. A fork copies all of it.

use bistable_common::spec::{Method, Solver, Update};

use crate::{
    kernel::{Aligned, Real},
    problem::{Dims, Iterate},
};

/// The state of a replica, or of a group of replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct State<R: Real> {
    /// (x, y, z): what distances are taken of.
    pub at: Iterate<R>,
    /// What the solver remembers.
    pub memory: Memory<R>,
}

/// What a solver remembers from one outer iteration to the next; parts that it does not have are empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory<R: Real> {
    /// v, of a warm-started implicit direction.
    pub adjoint: Aligned<R>,
    /// Of the outer update.
    pub moments_x: Moments<R>,
    /// Of the inner update.
    pub moments_y: Moments<R>,
    /// Of the update of z.
    pub moments_z: Moments<R>,
    /// Of the outer step rule.
    pub steps_x: StepMemory,
    /// Of the inner step rule.
    pub steps_y: StepMemory,
}

/// Running averages of an update.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments<R: Real> {
    /// Of the direction.
    pub first: Vec<R>,
    /// Of its square.
    pub second: Vec<R>,
    /// Updates so far.
    pub count: u64,
}

/// What an adaptive step rule remembers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StepMemory {
    /// The last step, or what bounds the next one.
    pub last: f64,
    /// The objective before it.
    pub objective: f64,
    /// How far it went.
    pub moved: f64,
    /// Whether there was one.
    pub begun: bool,
}

impl<R: Real> State<R> {
    /// Overwrites this state by another of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.at.copy_from(&other.at);
        self.memory.copy_from(&other.memory);
    }
}

impl<R: Real> Memory<R> {
    /// What a solver has in mind before the first iteration.
    pub fn new(solver: &Solver, dims: Dims) -> Self {
        Self {
            adjoint: Aligned::zeros(adjoint_words(solver, dims)),
            moments_x: Moments::new(&solver.update_x, dims.x),
            moments_y: Moments::new(&solver.update_y, dims.y),
            moments_z: Moments::new(&update_z(solver), dims.z),
            steps_x: StepMemory::default(),
            steps_y: StepMemory::default(),
        }
    }

    /// Overwrites this memory by another of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.adjoint.copy_from_slice(&other.adjoint);
        self.moments_x.copy_from(&other.moments_x);
        self.moments_y.copy_from(&other.moments_y);
        self.moments_z.copy_from(&other.moments_z);
        (self.steps_x, self.steps_y) = (other.steps_x, other.steps_y);
    }
}

/// Words of [`Memory::new`].
pub(super) fn memory_words(solver: &Solver, dims: Dims) -> usize {
    let moments = |update: &Update, len: usize| {
        let (first, second) = moments(update);
        (usize::from(first) + usize::from(second)) * len
    };
    adjoint_words(solver, dims)
        + moments(&solver.update_x, dims.x)
        + moments(&solver.update_y, dims.y)
        + moments(&update_z(solver), dims.z)
}

fn update_z(solver: &Solver) -> Update {
    let ascent = solver.ascent.as_ref();
    ascent.map_or(Update::PLAIN, |ascent| ascent.update_z)
}

fn adjoint_words(solver: &Solver, dims: Dims) -> usize {
    let implicit = solver.direction.implicit();
    match implicit.is_some_and(|implicit| implicit.inverse.remembers()) {
        true => dims.y,
        false => 0,
    }
}

/// Which moments an update keeps.
fn moments(update: &Update) -> (bool, bool) {
    match update.method {
        Method::Plain | Method::Lbfgs { .. } => (false, false),
        Method::Averaged { .. } => (true, false),
        Method::Adam { .. } => (true, true),
    }
}

impl<R: Real> Moments<R> {
    fn new(update: &Update, len: usize) -> Self {
        let (first, second) = moments(update);
        let zeros = |kept: bool| vec![R::ZERO; if kept { len } else { 0 }];
        Self {
            first: zeros(first),
            second: zeros(second),
            count: 0,
        }
    }

    fn copy_from(&mut self, other: &Self) {
        self.first.copy_from_slice(&other.first);
        self.second.copy_from_slice(&other.second);
        self.count = other.count;
    }
}
