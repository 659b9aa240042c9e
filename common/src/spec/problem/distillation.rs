//! A few synthetic images that stand for a whole data set.

use serde::{Deserialize, Serialize};

use super::{
    CLASSIFIER, Described, Traits,
    parameters::{Conflict, Visitor, choice},
    reweighting::{ACTIVATIONS, Activation, fits_network},
};
use crate::spec::numbers::NOT_NEGATIVE;

/// The most synthetic images of a class.
const MAX_PER_CLASS: u32 = 1 << 10;

/// The most components of x.
const MAX_PIXELS: u64 = 1 << 28;

/// Data set distillation (Maclaurin et al. 2015, section 3.3; Wang et al. 2018): the outer variable is `per_class` images
/// of every class, the inner variable a classifier that is trained on nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistillationSpec {
    /// Synthetic images of a class, at least 1.
    pub per_class: u32,
    /// Widths of the classifier's hidden layers; without any, a linear softmax classifier.
    pub hidden: Vec<u32>,
    /// Their nonlinearity.
    pub activation: Activation,
    /// Weight of `|y|^2` in the inner objective, at least 0.
    pub l2: f64,
}

impl Default for DistillationSpec {
    /// One image a class, as in both papers, for a linear classifier with Ji21's penalty.
    fn default() -> Self {
        Self {
            per_class: 1,
            hidden: Vec::new(),
            activation: Activation::Elu,
            l2: 0.001,
        }
    }
}

impl Described for DistillationSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "distillation",
            summary: "synthetic images, a few of each class, that a classifier is trained on in the data set's stead",
            source: "Maclaurin et al. 2015, section 3.3; Wang et al. 2018",
            ..CLASSIFIER
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.integer("per_class", &mut self.per_class, 1..=MAX_PER_CLASS);
        visitor.widths("hidden", &mut self.hidden);
        choice(visitor, "activation", &ACTIVATIONS, &mut self.activation);
        visitor.number("l2", &mut self.l2, NOT_NEGATIVE);
    }

    fn conflict(&self) -> Result<(), Conflict> {
        Conflict::weights("hidden", &self.hidden)
    }

    fn fits_data(&self, features: u32, classes: u32) -> Result<(), Conflict> {
        fits_network(features, &self.hidden, classes)?;
        let pixels = u64::from(features) * u64::from(classes) * u64::from(self.per_class);
        if pixels <= MAX_PIXELS {
            return Ok(());
        }
        Err(Conflict::new(format!(
            "{classes} classes times per_class = {} images of {features} pixels are more than 2^28 components of x",
            self.per_class
        )))
    }

    fn fits_training(&self, m2: u32, classes: u32) -> Result<(), Conflict> {
        let images = u64::from(classes) * u64::from(self.per_class);
        if u64::from(m2) == images {
            return Ok(());
        }
        Err(Conflict::new(format!(
            "m2 = {m2}, but its training samples are the synthetic images: {classes} classes times per_class = {} need m2 = {images}",
            self.per_class
        )))
    }

    fn samples_training(&self) -> bool {
        false
    }
}
