//! Problems and the precision in which they are computed.

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

/// A bilevel problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProblemSpec {
    /// Data reweighting on an image data set.
    Reweighting(ReweightingSpec),
    /// A generated quadratic.
    Quadratic(QuadraticSpec),
}

impl ProblemSpec {
    /// The name in sweep files and results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reweighting(_) => "reweighting",
            Self::Quadratic(_) => "quadratic",
        }
    }

    /// Whether it computes on a data set (else its samples are generated).
    pub fn needs_data(&self) -> bool {
        matches!(self, Self::Reweighting(_))
    }

    /// Whether the outer objective depends on x directly, not only through y.
    pub fn outer_depends_on_x(&self) -> bool {
        matches!(self, Self::Quadratic(_))
    }

    /// Whether there is a 0-1 error.
    pub fn is_classification(&self) -> bool {
        matches!(self, Self::Reweighting(_))
    }

    /// The precision it is computed in unless the sweep says otherwise.
    pub fn default_precision(&self) -> Precision {
        match self {
            Self::Reweighting(_) => Precision::F32,
            Self::Quadratic(_) => Precision::F64,
        }
    }

    /// Joint smoothness `l = max(l_f, l_g)`, where it is known.
    pub fn smoothness(&self) -> Option<f64> {
        match self {
            Self::Reweighting(_) => None,
            Self::Quadratic(quadratic) => Some(quadratic.l_f.max(quadratic.l_g)),
        }
    }
}
