//! Logistic regression: with a penalty for every feature as a bilevel problem, and of two classes as a single-level one.

use serde::{Deserialize, Serialize};

use super::{Described, Precision, Traits, fits_memory, parameters::Visitor};
use crate::spec::numbers::{FINITE, NOT_NEGATIVE};

/// Multinomial logistic regression whose features have penalties of their own (Grazzi et al. 2020, section 5.2; with one
/// penalty for all, Pedregosa 2016): `g = CE(y; zeta) + 1/2 sum_j exp(x_j) |y_j|^2`, `f = CE(y; xi)`, `y_j` the weights
/// of feature j in all classes, without a bias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogisticSpec {
    /// The initial value of every `x_j`: a logarithm. Grazzi et al. divide their penalty by classes times features,
    /// which is the same as to begin at minus that product's logarithm.
    pub log_penalty: f64,
}

impl Default for LogisticSpec {
    fn default() -> Self {
        Self { log_penalty: 0.0 }
    }
}

impl Described for LogisticSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "logistic",
            summary: "a penalty for every feature of multinomial logistic regression",
            source: "Grazzi et al. 2020, section 5.2; Pedregosa 2016",
            needs_data: true,
            outer_depends_on_x: false,
            is_classification: true,
            precision: Precision::F64,
            smoothness: None,
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.number("log_penalty", &mut self.log_penalty, FINITE);
    }

    fn fits_data(&self, features: u32, classes: u32) -> Result<(), String> {
        fits_memory(features, classes)
    }
}

/// Logistic regression of two classes, a single-level problem and the classic setting of stability (Hardt et al. 2016):
/// `f(x; xi) = log(1 + exp(-b a'x)) + l2/2 |x|^2` for a sample `xi = (a, b)` with `b` of -1 or 1, without a bias. There
/// is no g and no y.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryLogisticSpec {
    /// Weight of `1/2 |x|^2`, at least 0.
    pub l2: f64,
}

impl Default for BinaryLogisticSpec {
    fn default() -> Self {
        Self { l2: 0.0 }
    }
}

impl Described for BinaryLogisticSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "binary_logistic",
            summary: "logistic regression of two classes by its weights alone: a single-level problem, for T = 0",
            source: "Hardt et al. 2016; Fan et al. 2023, section 4",
            needs_data: true,
            outer_depends_on_x: true,
            is_classification: true,
            precision: Precision::F64,
            smoothness: None,
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.number("l2", &mut self.l2, NOT_NEGATIVE);
    }

    fn fits_data(&self, _: u32, classes: u32) -> Result<(), String> {
        match classes {
            2 => Ok(()),
            _ => Err(format!(
                "it computes on data of two classes; the data set has {classes}"
            )),
        }
    }

    fn is_single_level(&self) -> bool {
        true
    }
}
