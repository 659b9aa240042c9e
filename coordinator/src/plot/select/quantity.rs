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
    pub get: Get,
}

type Get = fn(&Estimate) -> Option<Interval>;

impl Quantity {
    const fn of(title: &'static str, get: Get) -> Self {
        Self {
            title,
            risk: false,
            get,
        }
    }

    const fn risk(title: &'static str, get: Get) -> Self {
        Self {
            title,
            risk: true,
            get,
        }
    }
}

/// SBO, Definition 5.
pub(super) const STABILITY: [Quantity; 2] = [
    Quantity::of("β₁ (l₁ stability)", |e| e.beta1),
    Quantity::of("β₂² (l₂ stability, squared)", |e| e.beta2_sq),
];

/// The risks and the gap of SBO's figures 1 and 2, the gap by both estimators.
pub(super) const ERRORS: [Quantity; 4] = [
    Quantity::risk("validation error", |e| e.val_error),
    Quantity::risk("test error", |e| e.test_error),
    Quantity::of("gap in error, hold-out", |e| e.gap_holdout_error),
    Quantity::of("gap in error, replace-one", |e| e.gap_replace_one_error),
];

/// The same for problems that are no classification.
pub(super) const LOSSES: [Quantity; 4] = [
    Quantity::risk("validation loss", |e| e.val_loss),
    Quantity::risk("test loss", |e| e.test_loss),
    Quantity::of("gap in loss, hold-out", |e| e.gap_holdout_loss),
    Quantity::of("gap in loss, replace-one", |e| e.gap_replace_one_loss),
];
