//! How batches are drawn.

use serde::{Deserialize, Serialize};

/// How the indices of a batch are drawn, at either level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Uniformly with replacement, as in the papers' algorithms.
    Uniform,
    /// By epochs of shuffled samples, as is common practice; a short last batch is kept.
    Epoch,
}
