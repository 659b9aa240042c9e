//! What can be chosen: problems and the orthogonal parts of a solver, as plain data.
//!
//! The numerics behind each value live in the worker. A value is its own description in the store, in the canonical
//! sweep and on the wire.

mod ascent;
mod batch;
mod direction;
pub mod numbers;
mod problem;
mod sampling;
mod schedule;
mod solver;
mod step_size;
mod update;

pub mod presets;

pub use ascent::{Ascent, Turns};
pub use batch::{All, Batch, MAX_BATCH};
pub use direction::{AdjointStart, Direction, Implicit, Inverse};
pub use problem::{
    Activation, AucSpec, BinaryLogisticSpec, DistillationSpec, Family, FewShotSpec, Head,
    HyperCleaningSpec, HyperRepresentationSpec, LabelNoise, LogisticSpec, Precision, ProblemSpec,
    QuadraticSpec, Replaced, ReweightingSpec, RobustReweightingSpec, Traits, parameters,
};
pub use sampling::Sampling;
pub use schedule::{Growth, Order, Schedule, Start, Tolerance};
pub use solver::{Misfit, Solver};
pub use step_size::{Bound, Clock, MAX_TRIALS, Reset, StepContext, StepRule, StepSize};
pub use update::{Method, Update};
