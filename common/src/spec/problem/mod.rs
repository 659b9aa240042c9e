//! Problems and the precision in which they are computed.
//!
//! A problem is a value with its parameters, and says of itself what the rest needs to know ([`Described`]): reading,
//! writing and checking it are each written once, for all problems.

mod auc;
mod distillation;
mod few_shot;
mod hyper_representation;
mod logistic;
pub mod parameters;
mod quadratic;
mod reweighting;
mod robust_reweighting;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use auc::AucSpec;
pub use distillation::DistillationSpec;
pub use few_shot::{FewShotSpec, Replaced};
pub use hyper_representation::{Head, HyperRepresentationSpec};
pub use logistic::{BinaryLogisticSpec, LogisticSpec};
use parameters::{Conflict, Visitor};
pub use quadratic::{Family, QuadraticSpec};
pub use reweighting::{Activation, HyperCleaningSpec, LabelNoise, ReweightingSpec};
pub use robust_reweighting::RobustReweightingSpec;

/// The floating-point type of parameters. Distances, losses and metrics are always accumulated in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits: the default of networks.
    F32,
    /// 64 bits: the default of analytic problems.
    F64,
}

/// What is known of a problem without its data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traits {
    /// The name in sweep files and results.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// The paper.
    pub source: &'static str,
    /// Whether it computes on a data set (else its samples are generated).
    pub needs_data: bool,
    /// Whether the outer objective depends on x directly, not only through y.
    pub outer_depends_on_x: bool,
    /// Whether the inner level is `argmin_y max_z g(x, y, z)`, so that there is a z.
    pub is_minimax: bool,
    /// Whether there is a 0-1 error.
    pub is_classification: bool,
    /// The precision it is computed in unless the sweep says otherwise.
    pub precision: Precision,
    /// Joint smoothness `l = max(l_f, l_g)`, where it is known.
    pub smoothness: Option<f64>,
}

/// What classifiers of images have in common.
const CLASSIFIER: Traits = Traits {
    name: "",
    summary: "",
    source: "",
    needs_data: true,
    outer_depends_on_x: false,
    is_classification: true,
    is_minimax: false,
    precision: Precision::F32,
    smoothness: None,
};

/// A problem that tells what it is.
trait Described {
    /// What is known of it.
    fn traits(&self) -> Traits;
    /// Tells `visitor` all its parameters.
    fn parameters(&mut self, visitor: &mut dyn Visitor);
    /// Whether its parameters are right together, given that each is by itself.
    fn conflict(&self) -> Result<(), Conflict> {
        Ok(())
    }
    /// Whether it can compute on data of so many features and classes; if not, why.
    fn fits_data(&self, _features: u32, _classes: u32) -> Result<(), Conflict> {
        Ok(())
    }

    /// Whether its training samples are samples of a distribution.
    fn samples_training(&self) -> bool {
        true
    }
    /// Whether there is nothing but x and f.
    fn is_single_level(&self) -> bool {
        false
    }
    /// Whether its outer samples are tasks, to each of which y is adapted from x.
    fn has_tasks(&self) -> bool {
        false
    }
    /// Whether it can have so many training samples on data of so many classes; if not, why.
    fn fits_training(&self, _m2: u32, _classes: u32) -> Result<(), Conflict> {
        Ok(())
    }
}

/// Whether a linear map may have so many inputs and classes.
fn fits_memory(inputs: u32, classes: u32) -> Result<(), Conflict> {
    if u64::from(inputs) * u64::from(classes) <= MAX_MATRIX {
        return Ok(());
    }
    Err(Conflict::new(format!(
        "{inputs} inputs times {classes} classes are more than 2^28 parameters; use fewer"
    )))
}

/// The largest matrix of parameters.
const MAX_MATRIX: u64 = 1 << 28;

/// A bilevel problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProblemSpec {
    /// Data reweighting on an image data set.
    Reweighting(ReweightingSpec),
    /// Data hyper-cleaning on an image data set.
    HyperCleaning(HyperCleaningSpec),
    /// A generated quadratic.
    Quadratic(QuadraticSpec),
    /// Class weights against an adversary over the classes.
    RobustReweighting(RobustReweightingSpec),
    /// AUC maximization as a saddle point.
    Auc(AucSpec),
    /// Logistic regression with a penalty for every feature.
    Logistic(LogisticSpec),
    /// Logistic regression of two classes, without an inner level.
    BinaryLogistic(BinaryLogisticSpec),
    /// An embedding of images under a trained head.
    HyperRepresentation(HyperRepresentationSpec),
    /// Synthetic images that a classifier is trained on.
    Distillation(DistillationSpec),
    /// Tasks of a few images that are adapted to.
    FewShot(FewShotSpec),
}

impl ProblemSpec {
    /// Every problem with its defaults.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::Reweighting(ReweightingSpec::default()),
            Self::HyperCleaning(HyperCleaningSpec::default()),
            Self::Quadratic(QuadraticSpec::default()),
            Self::RobustReweighting(RobustReweightingSpec::default()),
            Self::Auc(AucSpec::default()),
            Self::Logistic(LogisticSpec::default()),
            Self::BinaryLogistic(BinaryLogisticSpec::default()),
            Self::HyperRepresentation(HyperRepresentationSpec::default()),
            Self::Distillation(DistillationSpec::default()),
            Self::FewShot(FewShotSpec::default()),
        ]
    }

    fn described(&self) -> &dyn Described {
        match self {
            Self::Reweighting(spec) => spec,
            Self::HyperCleaning(spec) => spec,
            Self::Quadratic(spec) => spec,
            Self::RobustReweighting(spec) => spec,
            Self::Auc(spec) => spec,
            Self::Logistic(spec) => spec,
            Self::BinaryLogistic(spec) => spec,
            Self::HyperRepresentation(spec) => spec,
            Self::Distillation(spec) => spec,
            Self::FewShot(spec) => spec,
        }
    }

    /// What is known of it without its data.
    pub fn traits(&self) -> Traits {
        self.described().traits()
    }

    /// The name in sweep files and results.
    pub fn name(&self) -> &'static str {
        self.traits().name
    }

    /// Whether its parameters are right together, given that each is by itself.
    pub fn conflict(&self) -> Result<(), Conflict> {
        self.described().conflict()
    }

    /// Whether it can compute on data of so many features and classes; if not, why.
    pub fn fits_data(&self, features: u32, classes: u32) -> Result<(), Conflict> {
        self.described().fits_data(features, classes)
    }

    /// Whether its training samples are samples of a distribution, so that they can be replaced.
    pub fn samples_training(&self) -> bool {
        self.described().samples_training()
    }

    /// Whether there is nothing but x and f: no inner level, no y.
    pub fn is_single_level(&self) -> bool {
        self.described().is_single_level()
    }

    /// Whether its outer samples are tasks, to each of which y is adapted from x.
    pub fn has_tasks(&self) -> bool {
        self.described().has_tasks()
    }

    /// Whether it can have so many training samples on data of so many classes; if not, why.
    pub fn fits_training(&self, m2: u32, classes: u32) -> Result<(), Conflict> {
        self.described().fits_training(m2, classes)
    }

    /// Tells `visitor` all its parameters.
    pub fn parameters(&mut self, visitor: &mut dyn Visitor) {
        match self {
            Self::Reweighting(spec) => spec.parameters(visitor),
            Self::HyperCleaning(spec) => spec.parameters(visitor),
            Self::Quadratic(spec) => spec.parameters(visitor),
            Self::RobustReweighting(spec) => spec.parameters(visitor),
            Self::Auc(spec) => spec.parameters(visitor),
            Self::Logistic(spec) => spec.parameters(visitor),
            Self::BinaryLogistic(spec) => spec.parameters(visitor),
            Self::HyperRepresentation(spec) => spec.parameters(visitor),
            Self::Distillation(spec) => spec.parameters(visitor),
            Self::FewShot(spec) => spec.parameters(visitor),
        }
    }

    /// The classifier whose samples are reweighted, if the problem is one of those.
    pub fn classifier(&self) -> Option<Cow<'_, ReweightingSpec>> {
        match self {
            Self::Reweighting(spec) => Some(Cow::Borrowed(spec)),
            Self::HyperCleaning(spec) => Some(Cow::Owned(spec.into())),
            Self::Quadratic(_)
            | Self::RobustReweighting(_)
            | Self::Auc(_)
            | Self::Logistic(_)
            | Self::BinaryLogistic(_)
            | Self::HyperRepresentation(_)
            | Self::Distillation(_)
            | Self::FewShot(_) => None,
        }
    }
}
