//! A generated problem whose constants are all known.

use serde::{Deserialize, Serialize};

use super::{
    Described, Precision, Traits,
    parameters::{Conflict, Visitor},
};
use crate::spec::numbers::{FINITE, NOT_NEGATIVE, POSITIVE};

/// The largest dimension: matrices are dense.
const MAX_DIM: u32 = 1024;

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

impl Described for QuadraticSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "quadratic",
            summary: "a strongly convex quadratic at both levels with known constants, on generated samples",
            source: "SBO section 3: where its theorems are exact",
            needs_data: false,
            outer_depends_on_x: true,
            is_minimax: false,
            is_classification: false,
            precision: Precision::F64,
            smoothness: Some(self.l_f.max(self.l_g)),
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.integer("dim_x", &mut self.dim_x, 1..=MAX_DIM);
        visitor.integer("dim_y", &mut self.dim_y, 1..=MAX_DIM);
        visitor.number("mu_f", &mut self.mu_f, POSITIVE);
        visitor.number("l_f", &mut self.l_f, POSITIVE);
        visitor.number("mu_g", &mut self.mu_g, POSITIVE);
        visitor.number("l_g", &mut self.l_g, POSITIVE);
        visitor.number("mean", &mut self.mean, FINITE);
        visitor.number("noise", &mut self.noise, NOT_NEGATIVE);
        visitor.seed("seed", &mut self.seed);
    }

    fn conflict(&self) -> Result<(), Conflict> {
        Conflict::unordered(("mu_f", self.mu_f), ("l_f", self.l_f))?;
        Conflict::unordered(("mu_g", self.mu_g), ("l_g", self.l_g))
    }
}
