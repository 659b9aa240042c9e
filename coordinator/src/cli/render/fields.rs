//! The fields of an estimate by the names that results give them, in the order of the sweep's axes and then of the
//! quantities.

use bistable_common::wire::v1::{Estimate, Interval};

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
pub(super) const PARTS: [GetValue; 10] = [
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
];

/// What is behind an estimate.
pub(super) const SUPPORT: [Get<u64>; 2] =
    [("replicates", |e| e.replicates), ("indices", |e| e.indices)];

/// What was estimated.
pub(super) const QUANTITIES: [Get<Option<Interval>>; 16] = [
    ("beta1", |e| e.beta1),
    ("beta1_x", |e| e.beta1_x),
    ("beta1_y", |e| e.beta1_y),
    ("beta2_sq", |e| e.beta2_sq),
    ("beta2_sq_x", |e| e.beta2_sq_x),
    ("beta2_sq_y", |e| e.beta2_sq_y),
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
