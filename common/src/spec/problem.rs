//! Problems and the precision in which they are computed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The floating-point type of parameters. Distances, losses and metrics are always accumulated in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits: the default of networks.
    F32,
    /// 64 bits: the default of analytic problems.
    F64,
}

/// The nonlinearity of a network's hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `z` for positive z, else `exp(z) - 1`.
    Elu,
    /// Hyperbolic tangent.
    Tanh,
}

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

/// A strongly convex quadratic at both levels, with all constants known:
/// `f(z; xi) = 1/2 (z - xi)' F (z - xi)`, `g(z; zeta) = 1/2 (z - zeta)' G (z - zeta)`, `z = (x, y)`,
/// with eigenvalues of F evenly spaced in `[mu_f, l_f]`, of G in `[mu_g, l_g]`, and samples whose components are
/// independent and uniform with mean `mean` and standard deviation `noise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuadraticSpec {
    /// Dimension of x.
    pub dim_x: u32,
    /// Dimension of y.
    pub dim_y: u32,
    /// Strong convexity of f.
    pub mu_f: f64,
    /// Smoothness of f.
    pub l_f: f64,
    /// Strong convexity of g.
    pub mu_g: f64,
    /// Smoothness of g.
    pub l_g: f64,
    /// Mean of every component of a sample.
    pub mean: f64,
    /// Standard deviation of every component of a sample.
    pub noise: f64,
    /// Seed of the matrices F and G, which all replicates share.
    pub seed: u64,
}

impl Default for QuadraticSpec {
    /// A condition number of 1.5 at both levels: Theorem 2's strongly convex case needs at most 2.
    fn default() -> Self {
        Self {
            dim_x: 8,
            dim_y: 8,
            mu_f: 1.0,
            l_f: 1.5,
            mu_g: 1.0,
            l_g: 1.5,
            mean: 1.0,
            noise: 1.0,
            seed: 1,
        }
    }
}

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
}

impl ProblemSpec {
    /// Every problem with its defaults.
    pub fn defaults() -> [Self; 3] {
        [
            Self::Reweighting(ReweightingSpec::default()),
            Self::HyperCleaning(HyperCleaningSpec::default()),
            Self::Quadratic(QuadraticSpec::default()),
        ]
    }

    /// What it is, in a line.
    pub fn summary(&self) -> &'static str {
        match self {
            Self::Reweighting(_) => {
                "a weight for every training image, half of which have random labels, under a network"
            }
            Self::HyperCleaning(_) => {
                "a weight for every training image, some of which have random labels, under a linear classifier with a penalty"
            }
            Self::Quadratic(_) => {
                "a strongly convex quadratic at both levels with known constants, on generated samples"
            }
        }
    }

    /// The paper.
    pub fn source(&self) -> &'static str {
        match self {
            Self::Reweighting(_) => "SBO section 5, after Bao et al. 2021",
            Self::HyperCleaning(_) => "Franceschi et al. 2017; Ji et al. 2021, section 5.2",
            Self::Quadratic(_) => "SBO section 3: where its theorems are exact",
        }
    }

    /// The name in sweep files and results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reweighting(_) => "reweighting",
            Self::HyperCleaning(_) => "hyper_cleaning",
            Self::Quadratic(_) => "quadratic",
        }
    }

    /// Whether it computes on a data set (else its samples are generated).
    pub fn needs_data(&self) -> bool {
        self.classifier().is_some()
    }

    /// The classifier whose samples are reweighted, if the problem is one of those.
    pub fn classifier(&self) -> Option<Cow<'_, ReweightingSpec>> {
        match self {
            Self::Reweighting(spec) => Some(Cow::Borrowed(spec)),
            Self::HyperCleaning(spec) => Some(Cow::Owned(spec.into())),
            Self::Quadratic(_) => None,
        }
    }

    /// Whether the outer objective depends on x directly, not only through y.
    pub fn outer_depends_on_x(&self) -> bool {
        matches!(self, Self::Quadratic(_))
    }

    /// Whether there is a 0-1 error.
    pub fn is_classification(&self) -> bool {
        self.classifier().is_some()
    }

    /// The precision it is computed in unless the sweep says otherwise.
    pub fn default_precision(&self) -> Precision {
        match self {
            Self::Reweighting(_) | Self::HyperCleaning(_) => Precision::F32,
            Self::Quadratic(_) => Precision::F64,
        }
    }

    /// Joint smoothness `l = max(l_f, l_g)`, where it is known.
    pub fn smoothness(&self) -> Option<f64> {
        match self {
            Self::Reweighting(_) | Self::HyperCleaning(_) => None,
            Self::Quadratic(quadratic) => Some(quadratic.l_f.max(quadratic.l_g)),
        }
    }
}
