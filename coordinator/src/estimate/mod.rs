//! Estimates: pure functions over stored trajectories, folded in (replicate, index) order.
//!
//! Stability is on-average argument stability (SBO, Definition 5), the gap SBO's eq. 2; see the README for both. This
//! module knows neither the store nor the wire: [`report`] is handed a way to read trajectories and returns numbers.

mod group;
mod interval;
mod parts;
mod quantity;
mod query;
mod replicate;
mod report;

#[cfg(test)]
mod tests;

pub use interval::Interval;
pub use parts::Parts;
pub use query::{Axis, Query};
pub use report::report;

use bistable_common::{ids::Hash, sweep::Replace};

/// What was measured at one point of the grid, or over a group of points. Axes are `None` where they are grouped away
/// (the solver's names are then empty), quantities where there is no honest estimate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimate {
    /// The solver's label in the sweep.
    pub label: String,
    /// The problem's name.
    pub problem: String,
    /// Which samples were replaced. Of training samples, replace-one gaps are of g.
    pub replace: Replace,
    /// The preset the solver started from, or "custom".
    pub solver: String,
    /// Which parts the solver is made of; `None` if solvers are grouped away.
    pub parts: Option<Parts>,
    /// Validation samples.
    pub m1: Option<u64>,
    /// Training samples.
    pub m2: Option<u64>,
    /// Outer iterations, K.
    pub k: Option<u64>,
    /// Inner iterations, T.
    pub t: Option<u64>,
    /// Outer step size: the rule's scale.
    pub eta_x: Option<f64>,
    /// Inner step size: the rule's scale.
    pub eta_y: Option<f64>,
    /// Outer batch size.
    pub batch_x: Option<u64>,
    /// Inner batch size.
    pub batch_y: Option<u64>,
    /// Whole replicates: the ones behind the estimate.
    pub replicates: u64,
    /// Indices measured in them, over all cells of the group.
    pub indices: u64,
    /// l1 stability, `E[1/m1 sum_i d_i]`.
    pub beta1: Option<Interval>,
    /// Its x-part.
    pub beta1_x: Option<Interval>,
    /// Its y-part.
    pub beta1_y: Option<Interval>,
    /// Its z-part, of minimax problems.
    pub beta1_z: Option<Interval>,
    /// l2 stability squared, `E[1/m1 sum_i d_i^2]`.
    pub beta2_sq: Option<Interval>,
    /// Its x-part.
    pub beta2_sq_x: Option<Interval>,
    /// Its y-part.
    pub beta2_sq_y: Option<Interval>,
    /// Its z-part, of minimax problems.
    pub beta2_sq_z: Option<Interval>,
    /// Outer loss on D.
    pub val_loss: Option<Interval>,
    /// Outer loss on the test set.
    pub test_loss: Option<Interval>,
    /// 0-1 error on D.
    pub val_error: Option<Interval>,
    /// 0-1 error on the test set.
    pub test_error: Option<Interval>,
    /// Gap in loss by hold-out.
    pub gap_holdout_loss: Option<Interval>,
    /// Gap in 0-1 error by hold-out.
    pub gap_holdout_error: Option<Interval>,
    /// Gap in loss by replace-one, symmetrised.
    pub gap_replace_one_loss: Option<Interval>,
    /// Gap in 0-1 error by replace-one, symmetrised.
    pub gap_replace_one_error: Option<Interval>,
    /// Gap in loss by replace-one, plain.
    pub gap_replace_one_plain_loss: Option<Interval>,
    /// Gap in 0-1 error by replace-one, plain.
    pub gap_replace_one_plain_error: Option<Interval>,
    /// Width of the hold-out interval over that of the symmetrised replace-one interval, both of the gap in loss;
    /// `None` where either has no ends or the latter no width.
    pub gap_width_ratio: Option<f64>,
    /// Experiments of the whole replicates that diverged before this K (of a group: its largest K). Where the base run
    /// did, all of its experiments; a base run without experiments counts as one.
    pub diverged: u64,
    /// Planned experiments in units that have no result; a unit without experiments, which is a base run alone, counts
    /// as one.
    pub missing: u64,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Digest of the sweep's facts; `None` while anything is missing or conflicting.
    pub digest: Option<Hash>,
    /// Confidence level of the intervals.
    pub confidence: f64,
    /// In the order of the sweep's cells, then K; groups stand where their first point does.
    pub estimates: Vec<Estimate>,
}
