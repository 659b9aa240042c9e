//! Named algorithms: rows of data, with the defaults of the papers that brought them.

use super::{Clock, Direction, Order, Sampling, Start, StepRule, StepSize};

/// A named algorithm. T and the batch and step sizes are defaults that a sweep may override, but for a T that the
/// algorithm fixes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// The name in sweep files.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// The paper and algorithm.
    pub source: &'static str,
    /// T, where the algorithm fixes it.
    pub fixed_inner_steps: Option<u32>,
    /// Where inner steps start.
    pub start: Start,
    /// What moves first.
    pub order: Order,
    /// Where x goes.
    pub direction: Direction,
    /// Outer step size.
    pub eta_x: StepSize,
    /// Inner step size.
    pub eta_y: StepSize,
    /// How batches are drawn.
    pub sampling: Sampling,
    /// B_x.
    pub batch_x: u32,
    /// B_y.
    pub batch_y: u32,
}

const fn constant(scale: f64, clock: Clock) -> StepSize {
    StepSize {
        scale,
        rule: StepRule::Constant,
        clock,
    }
}

/// Every preset.
pub const PRESETS: [Preset; 3] = [
    Preset {
        name: "ssgd",
        summary: "single-timescale SGD: one inner step, then one outer step",
        source: "SBO Algorithm 1, as run in its section 5",
        fixed_inner_steps: Some(1),
        start: Start::Warm,
        order: Order::InnerFirst,
        direction: Direction::Unrolled,
        eta_x: constant(5.0, Clock::Outer),
        eta_y: constant(0.01, Clock::Outer),
        sampling: Sampling::Uniform,
        batch_x: 8,
        batch_y: 8,
    },
    Preset {
        name: "tsgd",
        summary: "two-timescale SGD: T inner steps from where the last ended, then one outer step",
        source: "SBO Algorithm 2",
        fixed_inner_steps: None,
        start: Start::Warm,
        order: Order::InnerFirst,
        direction: Direction::Unrolled,
        eta_x: constant(5.0, Clock::Outer),
        eta_y: constant(0.01, Clock::Inner),
        sampling: Sampling::Uniform,
        batch_x: 8,
        batch_y: 8,
    },
    Preset {
        name: "ud",
        summary: "unrolled differentiation: T inner steps from the initial point, then one outer step",
        source: "SBO Algorithm 3, Bao et al. 2021",
        fixed_inner_steps: None,
        start: Start::Reinit,
        order: Order::InnerFirst,
        direction: Direction::Unrolled,
        eta_x: constant(5.0, Clock::Outer),
        eta_y: constant(0.01, Clock::Inner),
        sampling: Sampling::Uniform,
        batch_x: 8,
        batch_y: 8,
    },
];

/// The preset called `name`.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}
