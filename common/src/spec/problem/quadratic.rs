//! A generated problem whose constants are all known.

use serde::{Deserialize, Serialize};

use super::{
    Described, Precision, Traits,
    parameters::{Conflict, Visitor, choice},
};
use crate::spec::numbers::{AT_LEAST_ONE, DECAY, FINITE, NOT_NEGATIVE, Numbers, POSITIVE};

/// The largest dimension: matrices are dense.
const MAX_DIM: u32 = 1024;

/// What is known of the curvature of f and g.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Strongly convex: eigenvalues evenly spaced from `mu > 0` to `l`.
    #[default]
    ScSc,
    /// Convex: half of the eigenvalues are 0, the others evenly spaced up to `l`; `mu` is 0.
    CC,
    /// Nonconvex: beside a convex quadratic, `-2 mu sum_i z_i^2 / (1 + z_i^2)` with `mu < 0`, so that the Hessian's
    /// eigenvalues are in `[mu, l]` everywhere and both ends are taken.
    NcNc,
}

const FAMILIES: [(&str, Family); 3] = [
    ("sc-sc", Family::ScSc),
    ("c-c", Family::CC),
    ("nc-nc", Family::NcNc),
];

impl Family {
    fn is_strong(&self) -> bool {
        *self == Self::ScSc
    }

    /// What mu is where nothing is written.
    fn mu(self) -> f64 {
        match self {
            Self::ScSc => 1.0,
            Self::CC => 0.0,
            Self::NcNc => -0.25,
        }
    }

    /// What mu may be.
    fn range(self) -> Numbers {
        match self {
            Self::ScSc => POSITIVE,
            Self::CC => Numbers {
                expected: "0 in the family c-c, or leave it out",
                contains: |value| value == 0.0,
            },
            Self::NcNc => Numbers {
                expected: "a negative number in the family nc-nc",
                contains: |value| value < 0.0,
            },
        }
    }
}

/// A quadratic at both levels, with all constants known:
/// `f(z; xi) = 1/2 (z - xi)' F (z - xi)`, `g(z; zeta) = 1/2 (z - zeta)' G (z - zeta)`, `z = (x, y)`,
/// with eigenvalues of F in `[mu_f, l_f]`, of G in `[mu_g, l_g]` as its [`Family`] has them, and samples whose components
/// are independent and uniform with mean `mean` and standard deviation `noise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuadraticSpec {
    /// Dimension of x.
    pub dim_x: u32,
    /// Dimension of y.
    pub dim_y: u32,
    /// Smallest eigenvalue of f's Hessian.
    pub mu_f: f64,
    /// Smoothness of f.
    pub l_f: f64,
    /// Smallest eigenvalue of g's Hessian.
    pub mu_g: f64,
    /// Smoothness of g.
    pub l_g: f64,
    /// Mean of every component of a sample.
    pub mean: f64,
    /// Standard deviation of every component of a sample.
    pub noise: f64,
    /// Seed of the matrices F and G, which all replicates share.
    pub seed: u64,
    /// What is known of the curvature.
    #[serde(default, skip_serializing_if = "Family::is_strong")]
    pub family: Family,
    /// How strongly x and y are coupled, in [0, 1): the off-diagonal blocks of F and G have norms of at most
    /// `coupling (l - mu) / 2`, and are zero at 0. Without it, eigenvectors are those of a random rotation of all of z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupling: Option<f64>,
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
            family: Family::ScSc,
            coupling: None,
        }
    }
}

impl QuadraticSpec {
    /// Whether f and g are quadratics, whose second derivatives are the same everywhere.
    pub fn has_constant_hessians(&self) -> bool {
        self.family != Family::NcNc
    }

    /// Lipschitz constants `[L_f, L_g]` on the ball `|z| <= radius`, for every sample: of the quadratic, `l` times the
    /// largest distance to a sample; of the nonconvex term, its largest slope.
    pub fn lipschitz(&self, radius: f64) -> [f64; 2] {
        let root = f64::from(self.dim_x + self.dim_y).sqrt();
        let sample = root * (self.mean.abs() + self.noise * 3.0f64.sqrt());
        [(self.mu_f, self.l_f), (self.mu_g, self.l_g)].map(|(mu, l)| {
            let bump = match self.family {
                Family::NcNc => -2.0 * mu,
                Family::ScSc | Family::CC => 0.0,
            };
            let slope = bump * 9.0 / (8.0 * 3.0f64.sqrt());
            (l - 2.0 * bump) * (radius + sample) + slope * root
        })
    }

    /// Mu as l over the condition number `kappa`.
    fn condition(
        visitor: &mut dyn Visitor,
        keys: [&'static str; 3],
        (mu, l): (&mut f64, &mut f64),
        range: Numbers,
    ) {
        let mut kappa = None;
        visitor.number(keys[0], mu, range);
        visitor.number(keys[1], l, POSITIVE);
        visitor.optional(keys[2], &mut kappa, AT_LEAST_ONE);
        visitor.exclude(keys[2], keys[0]);
        if let Some(kappa) = kappa {
            *mu = *l / kappa;
        }
    }

    /// The nonconvex term takes its curvature from the quadratic's.
    fn leaves_room(mu: (&'static str, f64), l: (&'static str, f64)) -> Result<(), Conflict> {
        if -4.0 * mu.1 <= l.1 {
            return Ok(());
        }
        Err(Conflict {
            message: format!("{} = {} leaves no room for {} = {}", l.0, l.1, mu.0, mu.1),
            keys: vec![(mu.0, "smallest eigenvalue"), (l.0, "largest eigenvalue")],
            help: format!(
                "the nonconvex term has curvatures from {0} to -4 {0}: expected -4 {0} <= {1}",
                mu.0, l.0
            ),
        })
    }
}

impl Described for QuadraticSpec {
    fn traits(&self) -> Traits {
        Traits {
            name: "quadratic",
            summary: "a quadratic at both levels with known constants, strongly convex, convex or not, on generated samples",
            source: "SBO section 3: where its theorems are exact",
            needs_data: false,
            outer_depends_on_x: true,
            is_classification: false,
            precision: Precision::F64,
            smoothness: Some(self.l_f.max(self.l_g)),
        }
    }

    fn parameters(&mut self, visitor: &mut dyn Visitor) {
        visitor.integer("dim_x", &mut self.dim_x, 1..=MAX_DIM);
        visitor.integer("dim_y", &mut self.dim_y, 1..=MAX_DIM);
        let before = self.family;
        choice(visitor, "family", &FAMILIES, &mut self.family);
        if self.family != before {
            (self.mu_f, self.mu_g) = (self.family.mu(), self.family.mu());
        }
        let range = self.family.range();
        let outer = (&mut self.mu_f, &mut self.l_f);
        Self::condition(visitor, ["mu_f", "l_f", "kappa_f"], outer, range);
        let inner = (&mut self.mu_g, &mut self.l_g);
        Self::condition(visitor, ["mu_g", "l_g", "kappa_g"], inner, range);
        visitor.optional("coupling", &mut self.coupling, DECAY);
        visitor.number("mean", &mut self.mean, FINITE);
        visitor.number("noise", &mut self.noise, NOT_NEGATIVE);
        visitor.seed("seed", &mut self.seed);
    }

    fn conflict(&self) -> Result<(), Conflict> {
        let (f, g) = (("mu_f", self.mu_f), ("mu_g", self.mu_g));
        let (l_f, l_g) = (("l_f", self.l_f), ("l_g", self.l_g));
        match self.family {
            Family::ScSc => {
                Conflict::unordered(f, l_f)?;
                Conflict::unordered(g, l_g)
            }
            Family::CC => Ok(()),
            Family::NcNc => {
                Self::leaves_room(f, l_f)?;
                Self::leaves_room(g, l_g)
            }
        }
    }
}
