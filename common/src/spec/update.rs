//! How a direction becomes a step: plainly, averaged, by Adam or by L-BFGS, clipped, and kept in a box.

use serde::{Deserialize, Serialize};

/// What is done with a direction before a step is taken along it, and with the point after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Along what the step goes.
    #[serde(flatten)]
    pub method: Method,
    /// A direction of a larger Euclidean norm is shortened to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Components are kept between these two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamp: Option<[f64; 2]>,
}

/// Along what a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Method {
    /// Along the direction.
    Plain,
    /// Along the running average `m <- (1 - beta) m + beta h`, from zero (BMO's code, beta = 0.9).
    Averaged {
        /// The weight of the newest direction, in (0, 1].
        beta: f64,
    },
    /// Adam with bias corrections (Kingma & Ba 2015).
    Adam {
        /// Decay of the first moment, in [0, 1).
        beta1: f64,
        /// Decay of the second moment, in [0, 1).
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
    },
    /// Along the quasi-Newton direction of this outer iteration's steps; of the inner level, on full batches (HOAG).
    Lbfgs {
        /// Pairs that are remembered.
        memory: u32,
    },
}

impl Update {
    /// A step along the direction itself.
    pub const PLAIN: Self = Self {
        method: Method::Plain,
        clip: None,
        clamp: None,
    };

    /// Whether nothing is done to the direction.
    pub fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }
}

impl Default for Update {
    fn default() -> Self {
        Self::PLAIN
    }
}
