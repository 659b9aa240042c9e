//! The shape of an outer iteration.

use serde::{Deserialize, Serialize};

/// Where the inner steps of an outer iteration start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Where the last ones ended (SSGD, TSGD).
    Warm,
    /// At the initial point, each time (UD).
    Reinit,
}

/// Which of the two variables moves first in an outer iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// y first; x sees the new y.
    InnerFirst,
    /// Both see the old iterate (SBO Algorithm 1 read literally).
    Simultaneous,
    /// x first; y sees the new x (BMO).
    OuterFirst,
}

/// The shape of an outer iteration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schedule {
    /// T, the number of inner steps; at least 1.
    pub inner_steps: u32,
    /// Where they start.
    pub start: Start,
    /// What moves first.
    pub order: Order,
}
