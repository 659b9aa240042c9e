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
    /// At x, in a slot for each task of the outer batch, to which they belong (MAML).
    Outer,
    /// The same of the last layer's parameters alone (ANIL).
    OuterHead,
}

impl Start {
    /// Whether inner steps are taken from x, on the tasks of the outer batch.
    pub fn is_outer(self) -> bool {
        matches!(self, Self::Outer | Self::OuterHead)
    }
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

/// How the number of inner steps grows with the outer iteration k = 0, 1, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// T each time.
    #[default]
    Fixed,
    /// `ceil(T sqrt(k + 1))` (BSA).
    Sqrt,
    /// `ceil(T (k + 1)^{1/4})` (AID-BiO with increasing D).
    FourthRoot,
}

impl Growth {
    /// Whether T is the same in every outer iteration.
    pub fn is_fixed(&self) -> bool {
        *self == Self::Fixed
    }
}

/// `first ratio^k`, a tolerance that tightens with the outer iteration k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// At k = 0; positive.
    pub first: f64,
    /// In (0, 1].
    pub ratio: f64,
}

/// The shape of an outer iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// T, the number of inner steps (the largest number, with a tolerance). Zero only where the partial direction moves x
    /// by itself: the single-level setting.
    pub inner_steps: u32,
    /// How that number grows.
    #[serde(default, skip_serializing_if = "Growth::is_fixed")]
    pub growth: Growth,
    /// Inner steps end once `|d_y g|` is at most this times what it was before the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
    /// Where they start.
    pub start: Start,
    /// What moves first.
    pub order: Order,
}

impl Schedule {
    /// Inner steps of outer iteration `k`, at most.
    pub fn steps(&self, k: u64) -> u32 {
        // Roots are exact or correctly rounded everywhere, as powers are not.
        let root = ((k + 1) as f64).sqrt();
        let factor = match self.growth {
            Growth::Fixed => return self.inner_steps,
            Growth::Sqrt => root,
            Growth::FourthRoot => root.sqrt(),
        };
        // Sweeps whose last iteration would overflow are refused.
        (f64::from(self.inner_steps) * factor).ceil() as u32
    }
}
