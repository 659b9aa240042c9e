//! How the inner level of a minimax problem ascends: `argmin_y max_z g(x, y, z)` (BMO).

use serde::{Deserialize, Serialize};

use super::{StepSize, Update};

/// In what turn z steps with y; always at the new y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "turns", rename_all = "snake_case")]
pub enum Turns {
    /// After each of the T steps of y, on the same batch (SSGDA, TSGDA-1).
    Pairs,
    /// Q steps after all T steps of y, each on a batch of its own (TSGDA-2).
    Blocks {
        /// Q, at least 1.
        steps: u32,
    },
}

/// The steps of z, up the gradient of g.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ascent {
    /// When it steps.
    #[serde(flatten)]
    pub turns: Turns,
    /// How far z goes; its inner clock counts the steps of z. A rule that is known beforehand.
    pub eta_z: StepSize,
    /// What becomes of the gradient in z.
    #[serde(default, skip_serializing_if = "Update::is_plain")]
    pub update_z: Update,
}

impl Turns {
    /// Steps of z in an outer iteration in which y takes `steps`.
    pub fn steps(self, steps: u32) -> u32 {
        match self {
            Self::Pairs => steps,
            Self::Blocks { steps } => steps,
        }
    }

    /// Those of them that draw a batch of their own.
    pub fn batches(self) -> u32 {
        match self {
            Self::Pairs => 0,
            Self::Blocks { steps } => steps,
        }
    }
}
