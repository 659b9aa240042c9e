//! Weights of classes that stand up to an adversary who changes them.

use serde::{Deserialize, Serialize};

use super::{Described, Precision, Traits, parameters::Visitor};
use crate::spec::numbers::{NOT_NEGATIVE, POSITIVE, PROBABILITY};

/// Adversarially robust reweighting of C classes: x in R^C are logits of class weights `w_c(x) = C softmax(x)_c`, y a linear
/// softmax classifier, z in R^C what an adversary adds to each class's share, as in group-robust learning (Sagawa et al.
/// 2020) with a quadratic price instead of a simplex. With c the sample's label:
/// `f = w_c(x) CE(y; xi) + (l2_x / 2) |x|^2`,
/// `g = w_c(x) (1 + z_c) CE(y; zeta) + l2 |y|^2 - (rho / 2) |z|^2`.
/// g is strongly concave in z; its best answer is `z_c = (w_c(x) / rho) E[CE; label c]`, at least 0, so that weights stay
/// positive from z = 0 on (with steps of at most `1 / rho`) and g strongly convex in y.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustReweightingSpec {
    /// Weight of `|y|^2` in g, positive.
    pub l2: f64,
    /// Twice the weight of `|x|^2` in f, at least 0. Where it is small x gives all weight to the easiest class.
    pub l2_x: f64,
    /// Twice the adversary's price of `|z|^2`, positive.
    pub rho: f64,
    /// The probability that a training label is noise, in [0, 1].
    pub noise: f64,
}

impl Default for RobustReweightingSpec {
    fn default() -> Self {
        Self {
            l2: 0.001,
            l2_x: 0.1,
            rho: 1.0,
            noise: 0.4,
        }
    }
}

impl Described for RobustReweightingSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "robust_reweighting",
            summary: "minimax: a weight for every class of images, some of which have random labels, that an adversary changes under a linear classifier",
            source: "after Sagawa et al. 2020",
            needs_data: true,
            outer_depends_on_x: true,
            is_minimax: true,
            is_classification: true,
            precision: Precision::F32,
            smoothness: None,
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.number("l2", &mut self.l2, POSITIVE);
        visitor.number("l2_x", &mut self.l2_x, NOT_NEGATIVE);
        visitor.number("rho", &mut self.rho, POSITIVE);
        visitor.number("noise", &mut self.noise, PROBABILITY);
    }
}
