//! An embedding that is shared by all data, below a head that is trained.

use serde::{Deserialize, Serialize};

use super::{
    CLASSIFIER, Described, Traits,
    parameters::{Conflict, Visitor, choice},
    reweighting::{ACTIVATIONS, Activation, fits_network},
};
use crate::spec::numbers::POSITIVE;

/// The loss of a linear head, given the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Cross-entropy.
    Softmax,
    /// Squared distance from the one-hot target.
    Ridge,
}

/// Heads in the words of sweep files.
const HEADS: [(&str, Head); 2] = [("softmax", Head::Softmax), ("ridge", Head::Ridge)];

/// Hyper-representation (Franceschi et al. 2018; Sow et al. 2022; Fan et al. 2023): the outer variable is an embedding,
/// the inner variable a linear head on it with the penalty `l2 |y|^2`. The embedding is fully connected; the papers'
/// convolutions (LeNet) are not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HyperRepresentationSpec {
    /// Widths of the embedding's layers, of which there is at least one; the last is what the head sees.
    pub hidden: Vec<u32>,
    /// Their nonlinearity.
    pub activation: Activation,
    /// The head's loss.
    pub head: Head,
    /// Weight of `|y|^2` in the inner objective, positive.
    pub l2: f64,
}

impl Default for HyperRepresentationSpec {
    /// The fully connected layers of LeNet, and Ji21's penalty.
    fn default() -> Self {
        Self {
            hidden: vec![120, 84],
            activation: Activation::Elu,
            head: Head::Softmax,
            l2: 0.001,
        }
    }
}

impl Described for HyperRepresentationSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "hyper_representation",
            summary: "an embedding of images by a fully connected network (no convolutions), under a linear head with a penalty",
            source: "Franceschi et al. 2018, section 5.2; Sow et al. 2022; Fan et al. 2023",
            outer_depends_on_x: true,
            ..CLASSIFIER
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.widths("hidden", &mut self.hidden);
        choice(visitor, "activation", &ACTIVATIONS, &mut self.activation);
        choice(visitor, "head", &HEADS, &mut self.head);
        visitor.number("l2", &mut self.l2, POSITIVE);
    }

    fn conflict(&self) -> Result<(), Conflict> {
        Conflict::no_layers("hidden", &self.hidden)?;
        Conflict::weights("hidden", &self.hidden)
    }
    fn fits_data(&self, features: u32, classes: u32) -> Result<(), Conflict> {
        fits_network(features, &self.hidden, classes)
    }
}
