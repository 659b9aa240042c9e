//! What a unit returns: its facts, their bytes, and the digest over all of them.

mod bytes;
mod digest;

pub use bytes::InvalidTrajectory;
pub use digest::{Digest, InconsistentBase};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It reached its last K.
    Completed,
    /// It left the finite numbers in this outer iteration (counted from 1), or its losses had at this K. A result, not an
    /// error.
    Diverged {
        /// Outer iterations done, the diverging one included.
        at: u64,
    },
}

impl Stop {
    /// Whether the run was finite after `k` outer iterations.
    pub fn reached(self, k: u64) -> bool {
        match self {
            Self::Completed => true,
            Self::Diverged { at } => k < at,
        }
    }
}

/// A quantity at the four points that the replace-one gap needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplaceOne {
    /// Of the perturbed run at the original sample, `f(A(D^(i)); xi_i)`.
    pub perturbed_at_original: f64,
    /// Of the base run at the original sample, `f(A(D); xi_i)`.
    pub base_at_original: f64,
    /// Of the base run at the replacement, `f(A(D); xi~_i)`.
    pub base_at_replacement: f64,
    /// Of the perturbed run at the replacement, `f(A(D^(i)); xi~_i)`.
    pub perturbed_at_replacement: f64,
}

/// One replaced index at one K.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    /// `|x - x^(i)|^2`.
    pub dx2: f64,
    /// `|y - y^(i)|^2`.
    pub dy2: f64,
    /// `|z - z^(i)|^2`, of minimax problems.
    pub dz2: Option<f64>,
    /// Outer losses.
    pub loss: ReplaceOne,
    /// 0-1 errors, for classification problems.
    pub error: Option<ReplaceOne>,
}

impl Record {
    /// `d_i^2`: the squared distance in all variables.
    pub fn d2(&self) -> f64 {
        let d2 = self.dx2 + self.dy2;
        self.dz2.map_or(d2, |dz2| d2 + dz2)
    }
}

/// One replaced index.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Which one.
    pub index: u32,
    /// The outer iteration (from 0) that first read it; `None` if none before the largest K did, and then every
    /// distance is exactly 0.
    pub first_drawn: Option<u64>,
    /// How it ended: diverged as soon as either of the two coupled runs did.
    pub stop: Stop,
    /// One record for every K of the cell that was reached, in order.
    pub records: Vec<Record>,
}

/// A point of the base run's curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Outer iterations done.
    pub k: u64,
    /// Mean outer loss on D.
    pub val_loss: f64,
    /// Mean outer loss on the test set.
    pub test_loss: f64,
    /// 0-1 error on D.
    pub val_error: Option<f64>,
    /// 0-1 error on the test set.
    pub test_error: Option<f64>,
    /// Distinct indices of D that these iterations read.
    pub drawn: u64,
}

/// A unit's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// How the base run ended.
    pub base_stop: Stop,
    /// BLAKE3 of the base state (x, then y, then z where there is one, little-endian) at every K of the cell that was reached, in order.
    pub base_states: Vec<[u8; 32]>,
    /// The base run's curve: at every K of the cell and at 50 evenly spaced rounds, as far as reached. In block 0; else
    /// empty.
    pub curve: Vec<CurvePoint>,
    /// The replaced indices, in the replicate's index order.
    pub experiments: Vec<Experiment>,
}

/// Points of a base run's curve beside those at the grid's K.
pub const CURVE_POINTS: u64 = 50;

/// The outer iterations after which a base run is evaluated: every K of `ks`, and [`CURVE_POINTS`] evenly spaced
/// rounds up to the last; ascending, each once.
pub fn curve_rounds(ks: &[u64]) -> Vec<u64> {
    let last = ks.last().copied().unwrap_or(0);
    let spaced = (1..=CURVE_POINTS)
        .map(|j| (u128::from(last) * u128::from(j) / u128::from(CURVE_POINTS)) as u64);
    let mut rounds: Vec<u64> = ks
        .iter()
        .copied()
        .chain(spaced)
        .filter(|&k| k > 0)
        .collect();
    rounds.sort_unstable();
    rounds.dedup();
    rounds
}
