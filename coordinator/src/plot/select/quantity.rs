//! What figures show.

use bistable_common::wire::v1::{Estimate, Interval};

/// What is plotted.
#[derive(Clone, Copy)]
pub(super) struct Quantity {
    /// For the vertical axis.
    pub title: &'static str,
    /// Whether it shares its axis with the row's other risks, which it is compared with.
    pub risk: bool,
    /// Its estimate, where there is one.
    pub get: fn(&Estimate) -> Option<Interval>,
}

/// SBO, Definition 5.
pub(super) const STABILITY: [Quantity; 2] = [
    Quantity {
        title: "β₁ (l₁ stability)",
        risk: false,
        get: |e| e.beta1,
    },
    Quantity {
        title: "β₂² (l₂ stability, squared)",
        risk: false,
        get: |e| e.beta2_sq,
    },
];

/// The risks and the gap of SBO's figures 1 and 2, the gap by both estimators.
pub(super) const ERRORS: [Quantity; 4] = [
    Quantity {
        title: "validation error",
        risk: true,
        get: |e| e.val_error,
    },
    Quantity {
        title: "test error",
        risk: true,
        get: |e| e.test_error,
    },
    Quantity {
        title: "gap in error, hold-out",
        risk: false,
        get: |e| e.gap_holdout_error,
    },
    Quantity {
        title: "gap in error, replace-one",
        risk: false,
        get: |e| e.gap_replace_one_error,
    },
];

/// The same for problems that are no classification.
pub(super) const LOSSES: [Quantity; 4] = [
    Quantity {
        title: "validation loss",
        risk: true,
        get: |e| e.val_loss,
    },
    Quantity {
        title: "test loss",
        risk: true,
        get: |e| e.test_loss,
    },
    Quantity {
        title: "gap in loss, hold-out",
        risk: false,
        get: |e| e.gap_holdout_loss,
    },
    Quantity {
        title: "gap in loss, replace-one",
        risk: false,
        get: |e| e.gap_replace_one_loss,
    },
];
