//! How many samples a step reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest batch: far above use, and far below where a sub-step's stream would run into the next one's.
pub const MAX_BATCH: u32 = 1 << 16;

/// Samples of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Batch {
    /// So many, drawn anew for each step; at least 1.
    Of(u32),
    /// Every sample once: nothing is drawn.
    Full(All),
}

/// The word for a full batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum All {
    /// Every sample.
    All,
}

impl Batch {
    /// The full batch.
    pub const ALL: Self = Self::Full(All::All);

    /// Samples of a batch, if there are `samples` in all.
    pub fn size(self, samples: u32) -> u32 {
        match self {
            Self::Of(size) => size,
            Self::Full(All::All) => samples,
        }
    }

    /// Whether it reads every sample.
    pub fn is_full(self) -> bool {
        self == Self::ALL
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(size) => size.fmt(f),
            Self::Full(All::All) => f.write_str("all"),
        }
    }
}
