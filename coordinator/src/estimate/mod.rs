//! Estimates: pure functions over stored trajectories, folded in (replicate, index) order.

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate},
    sweep::Sweep,
    trajectory::Trajectory,
};
use serde::Serialize;

/// An axis of the grid by which estimates can be grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// The solver's label.
    Solver,
    /// Validation samples.
    M1,
    /// Training samples.
    M2,
    /// Outer iterations.
    K,
    /// Inner iterations.
    T,
    /// Outer step size.
    EtaX,
    /// Inner step size.
    EtaY,
    /// Outer batch size.
    BatchX,
    /// Inner batch size.
    BatchY,
}

/// Which estimates are asked for. Empty lists mean all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Labels or preset names.
    pub solvers: Vec<String>,
    /// Validation samples.
    pub m1: Vec<u64>,
    /// Outer iterations.
    pub k: Vec<u64>,
    /// Inner iterations.
    pub t: Vec<u64>,
    /// Average, replicate by replicate, over every axis that is not named; empty: do not group.
    pub group_by: Vec<Axis>,
    /// Confidence level in (0, 1); `None`: the sweep's own.
    pub confidence: Option<f64>,
}

/// A mean over replicates with its confidence interval (no ends with fewer than two replicates).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
}

/// What was measured at one point of the grid. Axes are `None` where they are grouped away, quantities where there is no
/// honest estimate.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Estimate {
    pub label: String,
    pub problem: String,
    pub solver: String,
    pub m1: Option<u64>,
    pub m2: Option<u64>,
    #[serde(rename = "K")]
    pub k: Option<u64>,
    #[serde(rename = "T")]
    pub t: Option<u64>,
    pub eta_x: Option<f64>,
    pub eta_y: Option<f64>,
    pub batch_x: Option<u64>,
    pub batch_y: Option<u64>,
    pub replicates: u64,
    pub indices: u64,
    pub beta1: Option<Interval>,
    pub beta1_x: Option<Interval>,
    pub beta1_y: Option<Interval>,
    pub beta2_sq: Option<Interval>,
    pub beta2_sq_x: Option<Interval>,
    pub beta2_sq_y: Option<Interval>,
    pub val_loss: Option<Interval>,
    pub test_loss: Option<Interval>,
    pub val_error: Option<Interval>,
    pub test_error: Option<Interval>,
    pub gap_holdout_loss: Option<Interval>,
    pub gap_holdout_error: Option<Interval>,
    pub gap_replace_one_loss: Option<Interval>,
    pub gap_replace_one_error: Option<Interval>,
    pub gap_replace_one_plain_loss: Option<Interval>,
    pub gap_replace_one_plain_error: Option<Interval>,
    pub gap_width_ratio: Option<f64>,
    pub diverged: u64,
    pub missing: u64,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Digest of the sweep's facts; `None` while anything is missing or conflicting.
    pub digest: Option<Hash>,
    /// Confidence level of the intervals.
    pub confidence: f64,
    /// In the order of the sweep's cells, then K.
    pub estimates: Vec<Estimate>,
}

/// Stands in for the real computation: replace this file by the real one.
pub fn report<E>(
    sweep: &Sweep,
    query: &Query,
    mut runs: impl FnMut(CellId, Replicate) -> Result<Vec<(Block, Trajectory)>, E>,
    _conflicting: bool,
) -> Result<Report, E> {
    runs(CellId(0), Replicate(0))?;
    Ok(Report {
        digest: None,
        confidence: query.confidence.unwrap_or(sweep.confidence()),
        estimates: vec![],
    })
}
