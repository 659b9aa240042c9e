//! A solver as a value made of parts, and which parts fit together.

use serde::{Deserialize, Serialize};

use super::{Order, ProblemSpec, Sampling, Schedule, Start, StepRule, StepSize};

/// The outer direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The partial derivative of f in x (SBO Algorithm 1 read literally, BMO).
    Partial,
    /// The derivative of `f(x, y_T(x))` through the T inner steps of this outer iteration, in reverse mode (SBO
    /// Algorithms 2 and 3).
    Unrolled,
}

/// A bilevel optimizer: orthogonal parts, read by one loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solver {
    /// The shape of an outer iteration.
    pub schedule: Schedule,
    /// Where x goes.
    pub direction: Direction,
    /// How far x goes.
    pub eta_x: StepSize,
    /// How far y goes.
    pub eta_y: StepSize,
    /// How batches are drawn.
    pub sampling: Sampling,
    /// Validation samples an outer step, B_x.
    pub batch_x: u32,
    /// Training samples an inner step, B_y.
    pub batch_y: u32,
}

/// Parts that mean nothing together, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The partial direction never moves x.
    #[error(
        "the partial direction never moves x here: the outer objective of `reweighting` depends on x only through y; use direction = \"unrolled\""
    )]
    PartialNeverMoves,
    /// The unrolled direction needs the inner steps of the same iteration.
    #[error(
        "the unrolled direction differentiates through this iteration's inner steps, so they must come first; use order = \"inner_first\""
    )]
    UnrolledNeedsInnerFirst,
    /// A re-initialised y that x never sees.
    #[error(
        "with start = \"reinit\" and this order x would see the initial y for ever; use order = \"inner_first\""
    )]
    ReinitNeverSeen,
    /// Theorem 3's step is zero at T = 1.
    #[error(
        "the step size of Theorem 3 has the factor ln(T), which is zero at T = 1; use theorem2"
    )]
    Theorem3AtOne,
    /// ln(K) vanishes.
    #[error(
        "the theorems' step sizes have the factor ln(K) or ln(T) over K, which needs K of at least 2"
    )]
    TheoremNeedsTwo,
}

impl Solver {
    /// Whether any step size depends on K.
    pub fn depends_on_k(&self) -> bool {
        self.eta_x.depends_on_k() || self.eta_y.depends_on_k()
    }

    /// Refuses combinations that mean nothing for `problem` at any of `ks`.
    pub fn fits(&self, problem: &ProblemSpec, ks: &[u64]) -> Result<(), Misfit> {
        let inner_first = self.schedule.order == Order::InnerFirst;
        if self.direction == Direction::Partial && !problem.outer_depends_on_x() {
            return Err(Misfit::PartialNeverMoves);
        }
        if self.direction == Direction::Unrolled && !inner_first {
            return Err(Misfit::UnrolledNeedsInnerFirst);
        }
        if self.schedule.start == Start::Reinit && !inner_first {
            return Err(Misfit::ReinitNeverSeen);
        }
        for step in [&self.eta_x, &self.eta_y] {
            let theorem3 = matches!(step.rule, StepRule::Theorem3 { .. });
            if theorem3 && self.schedule.inner_steps == 1 {
                return Err(Misfit::Theorem3AtOne);
            }
            if step.depends_on_k() && ks.iter().any(|&k| k < 2) {
                return Err(Misfit::TheoremNeedsTwo);
            }
        }
        Ok(())
    }
}
