//! What figures show.

use bistable_common::wire::v1::{Estimate, Interval};

/// What is plotted.
#[derive(Clone, Copy)]
pub(super) struct Quantity {
    /// For the vertical axis.
    pub title: &'static str,
    /// Its estimate, where there is one.
    pub get: fn(&Estimate) -> Option<Interval>,
}

/// SBO, Definition 5.
pub(super) const STABILITY: [Quantity; 2] = [
    Quantity {
        title: "β₁ (l₁ stability)",
        get: |e| e.beta1,
    },
    Quantity {
        title: "β₂² (l₂ stability, squared)",
        get: |e| e.beta2_sq,
    },
];

/// The risks and the gap of SBO's figures 1 and 2, the gap by both estimators.
pub(super) const ERRORS: [Quantity; 4] = [
    Quantity {
        title: "validation error",
        get: |e| e.val_error,
    },
    Quantity {
        title: "test error",
        get: |e| e.test_error,
    },
    Quantity {
        title: "gap in error, hold-out",
        get: |e| e.gap_holdout_error,
    },
    Quantity {
        title: "gap in error, replace-one",
        get: |e| e.gap_replace_one_error,
    },
];

/// The same for problems that are no classification.
pub(super) const LOSSES: [Quantity; 4] = [
    Quantity {
        title: "validation loss",
        get: |e| e.val_loss,
    },
    Quantity {
        title: "test loss",
        get: |e| e.test_loss,
    },
    Quantity {
        title: "gap in loss, hold-out",
        get: |e| e.gap_holdout_loss,
    },
    Quantity {
        title: "gap in loss, replace-one",
        get: |e| e.gap_replace_one_loss,
    },
];
