//! Few-shot classification: many small tasks, one initial point for all.

use serde::{Deserialize, Serialize};

use super::{
    CLASSIFIER, Described, Traits,
    parameters::{Conflict, Visitor, choice},
    reweighting::{ACTIVATIONS, Activation, fits_network},
};

/// The most classes of a task, and images of a class of a kind.
const MAX_IMAGES: u32 = 1 << 8;

/// What a replacement of a task differs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replaced {
    /// Everything: it is another task.
    Task,
    /// One query image, for which there is another one of the same class.
    Query,
}

/// What is replaced, in the words of sweep files.
const REPLACED: [(&str, Replaced); 2] = [("task", Replaced::Task), ("query", Replaced::Query)];

/// Few-shot classification (Finn et al. 2017; Raghu et al. 2019): an outer sample is a task, some classes of a data set with
/// a few images of each; the outer variable is a classifier, the inner variables are what becomes of it after some steps on
/// the support images of each task of the outer batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewShotSpec {
    /// Classes of a task, at least 2.
    pub ways: u32,
    /// Support images of each of its classes, at least 1.
    pub shots: u32,
    /// Query images of each of its classes, at least 1.
    pub queries: u32,
    /// Widths of the classifier's hidden layers; without any, a linear softmax classifier.
    pub hidden: Vec<u32>,
    /// Their nonlinearity.
    pub activation: Activation,
    /// What is replaced.
    pub replaced: Replaced,
}

impl Default for FewShotSpec {
    /// Five ways and one shot on a fully connected network, as in Finn et al.'s section 5.2 (without their normalisation).
    fn default() -> Self {
        Self {
            ways: 5,
            shots: 1,
            queries: 5,
            hidden: vec![256, 128, 64, 64],
            activation: Activation::Elu,
            replaced: Replaced::Task,
        }
    }
}

impl FewShotSpec {
    /// Images of a task.
    pub fn images(&self) -> u32 {
        self.ways * (self.shots + self.queries)
    }

    /// Images that a class must have to be a task's.
    pub fn needed_of_a_class(&self) -> u32 {
        let another = match self.replaced {
            Replaced::Task => 0,
            Replaced::Query => 1,
        };
        self.shots + self.queries + another
    }
}

impl Described for FewShotSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "few_shot",
            summary: "few-shot classification: tasks of a few classes with a few images each, adapted to from x",
            source: "Finn et al. 2017, section 5.2; Raghu et al. 2019",
            outer_depends_on_x: true,
            ..CLASSIFIER
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.integer("ways", &mut self.ways, 2..=MAX_IMAGES);
        visitor.integer("shots", &mut self.shots, 1..=MAX_IMAGES);
        visitor.integer("queries", &mut self.queries, 1..=MAX_IMAGES);
        visitor.widths("hidden", &mut self.hidden);
        choice(visitor, "activation", &ACTIVATIONS, &mut self.activation);
        choice(visitor, "replaced", &REPLACED, &mut self.replaced);
    }

    fn conflict(&self) -> Result<(), Conflict> {
        Conflict::weights("hidden", &self.hidden)
    }

    fn fits_data(&self, features: u32, classes: u32) -> Result<(), Conflict> {
        if classes < self.ways {
            let message = format!(
                "a task has ways = {} classes; the data set has {classes}",
                self.ways
            );
            return Err(Conflict {
                keys: vec![("ways", "more than there are")],
                ..Conflict::new(message)
            });
        }
        fits_network(features, &self.hidden, self.ways)
    }

    fn fits_training(&self, m2: u32, _: u32) -> Result<(), Conflict> {
        if m2 == 1 {
            return Ok(());
        }
        Err(Conflict::new(format!(
            "m2 = {m2}, but tasks bring their own training images; write m2 = 1"
        )))
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn samples_training(&self) -> bool {
        false
    }
}
