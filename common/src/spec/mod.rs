//! What can be chosen: problems and the orthogonal parts of a solver, as plain data.
//!
//! The numerics behind each value live in the worker. A value is its own description in the store, in the canonical
//! sweep and on the wire.

mod problem;
mod sampling;
mod schedule;
mod solver;
mod step_size;

pub mod presets;

pub use problem::{Activation, Precision, ProblemSpec, QuadraticSpec, ReweightingSpec};
pub use sampling::Sampling;
pub use schedule::{Order, Schedule, Start};
pub use solver::{Direction, Misfit, Solver};
pub use step_size::{Clock, StepContext, StepRule, StepSize};
