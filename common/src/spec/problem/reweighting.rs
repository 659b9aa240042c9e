//! Weights of training samples: data reweighting under a network, and hyper-cleaning under a linear classifier.

use serde::{Deserialize, Serialize};

use super::{
    CLASSIFIER, Described, Traits, fits_memory,
    parameters::{Conflict, Visitor, choice},
};
use crate::spec::numbers::{NOT_NEGATIVE, POSITIVE, PROBABILITY};

/// The nonlinearity of a network's hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `z` for positive z, else `exp(z) - 1`.
    Elu,
    /// Hyperbolic tangent.
    Tanh,
}

/// Activations in the words of sweep files.
pub(super) const ACTIVATIONS: [(&str, Activation); 2] =
    [("elu", Activation::Elu), ("tanh", Activation::Tanh)];

/// Data reweighting (SBO section 5, after Bao et al. 2021): the outer variable is one weight logit a training sample,
/// the inner variable a classifier trained on samples half of whose labels are noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReweightingSpec {
    /// Widths of the hidden layers; without any, a linear softmax classifier.
    pub hidden: Vec<u32>,
    /// Their nonlinearity.
    pub activation: Activation,
    /// Weight of `|y|^2` in the inner objective, at least 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub l2: f64,
    /// Which training labels are noise.
    #[serde(default, skip_serializing_if = "LabelNoise::is_half")]
    pub noise: LabelNoise,
}

impl Default for ReweightingSpec {
    /// SBO's network.
    fn default() -> Self {
        Self {
            hidden: vec![256],
            activation: Activation::Elu,
            l2: 0.0,
            noise: LabelNoise::Half,
        }
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Described for ReweightingSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "reweighting",
            summary: "a weight for every training image, half of which have random labels, under a network",
            source: "SBO section 5, after Bao et al. 2021",
            ..CLASSIFIER
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.widths("hidden", &mut self.hidden);
        choice(visitor, "activation", &ACTIVATIONS, &mut self.activation);
        visitor.number("l2", &mut self.l2, NOT_NEGATIVE);
        let mut share = match self.noise {
            LabelNoise::Half => None,
            LabelNoise::Share(share) => Some(share),
        };
        visitor.number_or("noise", "half", &mut share, PROBABILITY);
        self.noise = share.map_or(LabelNoise::Half, LabelNoise::Share);
    }

    fn conflict(&self) -> Result<(), Conflict> {
        Conflict::weights("hidden", &self.hidden)
    }

    fn fits_data(&self, features: u32, classes: u32) -> Result<(), Conflict> {
        fits_network(features, &self.hidden, classes)
    }
}

/// The kernels' rows have column numbers of 16 bits.
const MAX_FEATURES: u32 = 1 << 16;

/// Whether a network with these hidden layers can compute on data of so many features and classes.
pub(super) fn fits_network(features: u32, hidden: &[u32], classes: u32) -> Result<(), Conflict> {
    if features > MAX_FEATURES {
        return Err(Conflict::new(format!(
            "it computes on at most 2^16 features; the data set has {features}"
        )));
    }
    fits_memory(*hidden.last().unwrap_or(&features), classes)
}
/// Which training labels are redrawn, uniformly over all classes, the true one included.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelNoise {
    /// Those at odd positions: exactly half (SBO section 5).
    #[default]
    Half,
    /// Each with this probability, once (Ji21 section 5.2).
    Share(f64),
}

impl LabelNoise {
    fn is_half(&self) -> bool {
        *self == Self::Half
    }
}

/// Data hyper-cleaning (Franceschi et al. 2017; Ji21 section 5.2): reweighting of a linear softmax classifier with
/// `l2 |y|^2` in the inner objective and labels that are noise with a given probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HyperCleaningSpec {
    /// Weight of `|y|^2`, positive.
    pub l2: f64,
    /// The probability that a training label is noise, in [0, 1].
    pub noise: f64,
}

impl Default for HyperCleaningSpec {
    /// Ji21's.
    fn default() -> Self {
        Self {
            l2: 0.001,
            noise: 0.4,
        }
    }
}

impl Described for HyperCleaningSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "hyper_cleaning",
            summary: "a weight for every training image, some of which have random labels, under a linear classifier with a penalty",
            source: "Franceschi et al. 2017; Ji et al. 2021, section 5.2",
            ..CLASSIFIER
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.number("l2", &mut self.l2, POSITIVE);
        visitor.number("noise", &mut self.noise, PROBABILITY);
    }

    fn fits_data(&self, features: u32, classes: u32) -> Result<(), Conflict> {
        ReweightingSpec::from(self).fits_data(features, classes)
    }
}

impl From<&HyperCleaningSpec> for ReweightingSpec {
    fn from(&HyperCleaningSpec { l2, noise }: &HyperCleaningSpec) -> Self {
        Self {
            hidden: Vec::new(),
            activation: Activation::Elu,
            l2,
            noise: LabelNoise::Share(noise),
        }
    }
}
