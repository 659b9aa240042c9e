//! Step sizes, for either level.

use serde::{Deserialize, Serialize};

/// How a step size depends on its counter, n = 0, 1, ...
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum StepRule {
    /// `c`.
    Constant,
    /// `c / (n + 1)`.
    Inverse,
    /// `c / sqrt(n + 1)`.
    InverseSqrt,
    /// `c r^n`.
    Geometric {
        /// The ratio r, in (0, 1].
        ratio: f64,
    },
    /// SBO Theorem 2, convex case: `c ln(K) / (sqrt(2) K l)`. Depends on K.
    Theorem2 {
        /// The smoothness l.
        l: f64,
    },
    /// SBO Theorem 3, convex case: `c ln(T) / (sqrt(1 + T^2) K l)`. Depends on K; zero at T = 1.
    Theorem3 {
        /// The smoothness l.
        l: f64,
    },
}

/// What a step size counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The outer iteration k.
    Outer,
    /// The inner step t, from 0 in every outer iteration.
    Inner,
}

/// A step-size rule with its scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepSize {
    /// The scale c; positive.
    pub scale: f64,
    /// The rule.
    #[serde(flatten)]
    pub rule: StepRule,
    /// What n counts. Always [`Clock::Outer`] at the outer level.
    pub clock: Clock,
}

/// The lengths that K- and T-dependent rules need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepContext {
    /// K, the number of outer iterations.
    pub outer_steps: u64,
    /// T, the number of inner steps.
    pub inner_steps: u32,
}

impl StepSize {
    /// Whether the rule depends on K, so that runs to different K are different runs.
    pub fn depends_on_k(&self) -> bool {
        matches!(
            self.rule,
            StepRule::Theorem2 { .. } | StepRule::Theorem3 { .. }
        )
    }
}
