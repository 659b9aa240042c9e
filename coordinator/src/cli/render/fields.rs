//! The fields of an estimate by the names that results give them, in the order of the sweep's axes and then of the
//! quantities.

use bistable_common::{
    spec::ProblemSpec,
    wire::v1::{Estimate, Interval},
};

use super::Value;

type Get<T> = (&'static str, fn(&Estimate) -> T);
type GetValue = (&'static str, for<'a> fn(&'a Estimate) -> Value<'a>);

/// Where in the grid an estimate is.
pub(super) const AXES: [GetValue; 12] = [
    ("label", |e| Value::Text(&e.label)),
    ("problem", |e| Value::Text(&e.problem)),
    ("replace", |e| Value::Text(&e.replace)),
    ("solver", |e| Value::Text(&e.solver)),
    ("m1", |e| e.m1.into()),
    ("m2", |e| e.m2.into()),
    ("K", |e| e.k.into()),
    ("T", |e| e.t.into()),
    ("eta_x", |e| e.eta_x.into()),
    ("eta_y", |e| e.eta_y.into()),
    ("batch_x", |e| e.batch_x.into()),
    ("batch_y", |e| e.batch_y.into()),
];

/// Which algorithm ran.
const PARTS: [GetValue; 13] = [
    ("start", |e| Value::Text(&e.start)),
    ("order", |e| Value::Text(&e.order)),
    ("direction", |e| Value::Text(&e.direction)),
    ("step_x", |e| Value::Text(&e.step_x)),
    ("step_y", |e| Value::Text(&e.step_y)),
    ("sampling", |e| Value::Text(&e.sampling)),
    ("growth", |e| Value::Text(&e.growth)),
    ("tolerance", |e| Value::Text(&e.tolerance)),
    ("update_x", |e| Value::Text(&e.update_x)),
    ("update_y", |e| Value::Text(&e.update_y)),
    ("ascent", |e| Value::Text(&e.ascent)),
    ("step_z", |e| Value::Text(&e.step_z)),
    ("update_z", |e| Value::Text(&e.update_z)),
];

/// What is behind an estimate.
pub(super) const SUPPORT: [Get<u64>; 2] =
    [("replicates", |e| e.replicates), ("indices", |e| e.indices)];

/// What was estimated.
const QUANTITIES: [Get<Option<Interval>>; 18] = [
    ("beta1", |e| e.beta1),
    ("beta1_x", |e| e.beta1_x),
    ("beta1_y", |e| e.beta1_y),
    ("beta1_z", |e| e.beta1_z),
    ("beta2_sq", |e| e.beta2_sq),
    ("beta2_sq_x", |e| e.beta2_sq_x),
    ("beta2_sq_y", |e| e.beta2_sq_y),
    ("beta2_sq_z", |e| e.beta2_sq_z),
    ("val_loss", |e| e.val_loss),
    ("test_loss", |e| e.test_loss),
    ("val_error", |e| e.val_error),
    ("test_error", |e| e.test_error),
    ("gap_holdout_loss", |e| e.gap_holdout_loss),
    ("gap_holdout_error", |e| e.gap_holdout_error),
    ("gap_replace_one_loss", |e| e.gap_replace_one_loss),
    ("gap_replace_one_error", |e| e.gap_replace_one_error),
    ("gap_replace_one_plain_loss", |e| {
        e.gap_replace_one_plain_loss
    }),
    ("gap_replace_one_plain_error", |e| {
        e.gap_replace_one_plain_error
    }),
];

/// The ratio of the two gap estimators' interval widths.
pub(super) const WIDTH_RATIO: Get<Option<f64>> = ("gap_width_ratio", |e| e.gap_width_ratio);

/// What is not behind an estimate.
pub(super) const LOSSES: [Get<u64>; 2] = [("diverged", |e| e.diverged), ("missing", |e| e.missing)];

/// Fields that only estimates of minimax problems have.
const OF_Z: [&str; 5] = ["ascent", "step_z", "update_z", "beta1_z", "beta2_sq_z"];

/// The fields of the estimates of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    minimax: bool,
}

impl Fields {
    /// Those of `estimates`.
    pub fn of(estimates: &[Estimate]) -> Self {
        let names: Vec<_> = (ProblemSpec::defaults().iter().map(ProblemSpec::traits))
            .filter(|traits| traits.is_minimax)
            .map(|traits| traits.name)
            .collect();
        let minimax = |estimate: &Estimate| names.contains(&&*estimate.problem);
        Self {
            minimax: estimates.iter().any(minimax),
        }
    }

    fn has(self, name: &str) -> bool {
        self.minimax || !OF_Z.contains(&name)
    }

    /// Which algorithm ran.
    pub fn parts(self) -> impl Iterator<Item = GetValue> {
        PARTS.into_iter().filter(move |(name, _)| self.has(name))
    }

    /// What was estimated.
    pub fn quantities(self) -> impl Iterator<Item = Get<Option<Interval>>> {
        let all = QUANTITIES.into_iter();
        all.filter(move |(name, _)| self.has(name))
    }
}
