//! The area under the ROC curve as a saddle point.

use serde::{Deserialize, Serialize};

use super::{
    Described, Precision, Traits,
    parameters::{Conflict, Visitor},
};
use crate::spec::numbers::POSITIVE;

/// AUC maximization in saddle form (Ying et al. 2016) with a gate for every feature: a sample v has the score
/// `s = sum_j w_j sigmoid(x_j) v_j`, y = (w, a, b), z = alpha, and p is the share of positives in S. The sample function is
/// `(1-p) (s-a)^2 [+] + p (s-b)^2 [-] + 2 (1+alpha) (p s [-] - (1-p) s [+]) - p (1-p) alpha^2`;
/// g adds `l2 |w|^2`, f is the sample function on validation samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AucSpec {
    /// The class that counts as positive; all others are negative.
    pub positive: u32,
    /// Weight of `|w|^2` in g, positive.
    pub l2: f64,
}

impl Default for AucSpec {
    fn default() -> Self {
        Self {
            positive: 1,
            l2: 0.001,
        }
    }
}

/// Labels are bytes.
const MAX_CLASS: u32 = u16::MAX as u32;

impl Described for AucSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "auc",
            summary: "minimax: the area under the ROC curve of one class against the others, with a gate for every feature",
            source: "Ying et al. 2016",
            needs_data: true,
            outer_depends_on_x: true,
            is_minimax: true,
            is_classification: false,
            precision: Precision::F32,
            smoothness: None,
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.integer("positive", &mut self.positive, 0..=MAX_CLASS);
        visitor.number("l2", &mut self.l2, POSITIVE);
    }

    fn fits_data(&self, _: u32, classes: u32) -> Result<(), Conflict> {
        if self.positive < classes {
            return Ok(());
        }
        let last = classes.saturating_sub(1);
        let message = format!(
            "the data set has {classes} classes, 0 to {last}, and `positive` is none of them"
        );
        Err(Conflict {
            keys: vec![("positive", "no such class")],
            ..Conflict::new(message)
        })
    }
}
