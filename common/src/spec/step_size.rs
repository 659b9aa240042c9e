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
    /// `c / (n + 1)^exponent`.
    Power {
        /// The exponent, positive.
        exponent: f64,
    },
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
    /// Polyak's: `min{(h - floor) / (divisor |grad h|^2), b_n}` with h the level's objective on the batch (SPS_max with a
    /// constant bound, SPSB with one that falls; Fan23 eqs. 5-7).
    Polyak {
        /// The divisor, positive.
        divisor: f64,
        /// `l*`, what h cannot fall below.
        floor: f64,
        /// `b_n`: how the bound c falls.
        bound: Bound,
    },
    /// DecSPS: `c_n^{-1} min{(h - floor) / |grad h|^2, c_{n-1} eta_{n-1}}` with `c_n = divisor sqrt(n + 1)`; at n = 0 the
    /// second is `c_0 c` (Orvieto et al. 2022).
    DecPolyak {
        /// The divisor, positive.
        divisor: f64,
        /// `l*`, what h cannot fall below.
        floor: f64,
    },
    /// The first of `b, b shrink, b shrink^2, ...` with `h(z - eta p) <= h(z) - decrease eta <grad h, p>`, p the
    /// update's direction (SLS, SLSB; Fan23 eq. 8).
    Armijo {
        /// The share of the predicted decrease, in (0, 1).
        decrease: f64,
        /// The factor between trials, in (0, 1).
        shrink: f64,
        /// Where the next search begins.
        reset: Reset,
        /// How the bound c falls.
        bound: Bound,
    },
    /// BiSPS at the upper level: `min{max{lower_k, (f - floor) / (divisor |h|^2)}, b_k}` with the direction h, and
    /// `lower_k = lower / sqrt(k + 1)`, `b_k = c / sqrt(k + 1)` (Fan23 eq. 9).
    BilevelPolyak {
        /// The divisor p, at least 1/2.
        divisor: f64,
        /// `l*`, what f cannot fall below.
        floor: f64,
        /// The lower bound's scale; at most c.
        lower: f64,
    },
    /// BiSLS at the upper level: the first of `b, b shrink, ...` with
    /// `f(x - eta p, y^(x - eta p)) <= f(x, y) - decrease eta <h, p> + slack`, where `y^` is one more inner step at the
    /// candidate, and p is the update's direction (Fan23 Algorithm 2, eq. 12).
    BilevelArmijo {
        /// The share of the predicted decrease, in (0, 1).
        decrease: f64,
        /// The factor between trials, in (0, 1).
        shrink: f64,
        /// Where the next search begins.
        reset: Reset,
        /// Added to what is allowed.
        slack: f64,
    },
    /// HOAG's adaptive rule at the upper level: `c / L`, L falling after steps that decrease f enough, doubling after steps
    /// that increase it (Pedregosa 2016).
    Hoag,
}

/// How an upper bound on a step size falls with the counter n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// c.
    Constant,
    /// `c / sqrt(n + 1)`.
    InverseSqrt,
    /// `c / (n + 1)`.
    Inverse,
}

/// Where a line search begins (Fan23, reset options 1 to 3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// At its bound.
    Bound,
    /// Where the last one ended.
    Keep,
    /// Where the last one ended, times a factor of at least 1; at its bound at most.
    Grow(f64),
}

/// Trials of a line search, at most; after them the last one is taken.
pub const MAX_TRIALS: u32 = 100;

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

    /// Whether the step depends on where the run is, not on counters alone.
    pub fn adapts(&self) -> bool {
        match self.rule {
            StepRule::Constant
            | StepRule::Inverse
            | StepRule::InverseSqrt
            | StepRule::Power { .. }
            | StepRule::Geometric { .. }
            | StepRule::Theorem2 { .. }
            | StepRule::Theorem3 { .. } => false,
            StepRule::Polyak { .. }
            | StepRule::DecPolyak { .. }
            | StepRule::Armijo { .. }
            | StepRule::BilevelPolyak { .. }
            | StepRule::BilevelArmijo { .. }
            | StepRule::Hoag => true,
        }
    }

    /// Whether the rule uses its counter n.
    pub fn counts(&self) -> bool {
        match self.rule {
            StepRule::Constant
            | StepRule::Theorem2 { .. }
            | StepRule::Theorem3 { .. }
            | StepRule::Hoag => false,
            StepRule::Polyak { bound, .. } | StepRule::Armijo { bound, .. } => {
                bound != Bound::Constant
            }
            StepRule::Inverse
            | StepRule::InverseSqrt
            | StepRule::Power { .. }
            | StepRule::Geometric { .. }
            | StepRule::DecPolyak { .. }
            | StepRule::BilevelPolyak { .. }
            | StepRule::BilevelArmijo { .. } => true,
        }
    }

    /// Whether the rule is one of the upper level.
    pub fn is_bilevel(&self) -> bool {
        matches!(
            self.rule,
            StepRule::BilevelPolyak { .. } | StepRule::BilevelArmijo { .. } | StepRule::Hoag
        )
    }
}
