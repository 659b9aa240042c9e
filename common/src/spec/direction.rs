//! The outer direction: which estimate of the hypergradient moves x.
//!
//! One sign convention: the adjoint is `v = (d_yy g)^{-1} d_y f`, and the direction is `d_x f - d_x d_y g v` (Ji21 eq. 3).

use serde::{Deserialize, Serialize};

use super::{Batch, MAX_BATCH, Tolerance, numbers::power};

/// The outer direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The partial derivative of f in x (SBO Algorithm 1 read literally, BMO).
    Partial,
    /// The derivative of `f(x, y_T(x))` through the T inner steps of this outer iteration, in reverse mode (SBO
    /// Algorithms 2 and 3).
    Unrolled,
    /// The same through the last steps only; what came before counts as a constant.
    Truncated {
        /// So many steps; at least 1.
        last: u32,
    },
    /// By the implicit function theorem (Ji21 eq. 3).
    Implicit(Implicit),
}

impl Direction {
    /// Inner steps of `steps` that are differentiated through.
    pub fn taped(&self, steps: u32) -> u32 {
        match *self {
            Self::Partial | Self::Implicit(_) => 0,
            Self::Unrolled => steps,
            Self::Truncated { last } => last.min(steps),
        }
    }

    /// The implicit direction's parts, if it is one.
    pub fn implicit(&self) -> Option<&Implicit> {
        match self {
            Self::Implicit(implicit) => Some(implicit),
            Self::Partial | Self::Unrolled | Self::Truncated { .. } => None,
        }
    }
}

/// The implicit direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Implicit {
    /// How v is found.
    #[serde(flatten)]
    pub inverse: Inverse,
    /// Training samples of every product with a second derivative of g.
    pub batch_v: Batch,
}

impl Implicit {
    /// Samples of product `j`, from 1, given `m2` training samples: `ceil(B Q (1 - eta_v mu)^{Q - j})` where sizes are
    /// geometric (Ji21 Algorithm 3, whose `B_{Q+1-j}` is of `j - 1` powers), at most 65536; else B.
    pub fn product_batch(&self, j: u32, m2: u32) -> u32 {
        let batch = self.batch_v.size(m2);
        match self.inverse {
            Inverse::Neumann {
                steps,
                eta_v,
                geometric: Some(mu),
            } => {
                let ratio = power(1.0 - eta_v * mu, u64::from(steps - j));
                let size = (f64::from(batch) * f64::from(steps) * ratio).ceil();
                (size as u32).clamp(1, MAX_BATCH)
            }
            _ => batch,
        }
    }

    /// Samples of the largest product, given `m2` training samples.
    pub fn largest_batch(&self, m2: u32) -> u32 {
        let batch = self.batch_v.size(m2);
        match self.inverse {
            // The last is the largest.
            Inverse::Neumann { steps, .. } => self.product_batch(steps, m2).max(batch),
            _ => batch,
        }
    }
}

/// Where an iteration for v starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjointStart {
    /// At zero.
    Cold,
    /// Where the last outer iteration's ended.
    Warm,
}

/// How `v = (d_yy g)^{-1} d_y f` is found, or something like it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "inverse", rename_all = "snake_case")]
pub enum Inverse {
    /// Conjugate gradients, all on one batch (AID-BiO, AID-CG, HOAG).
    Cg {
        /// Steps, at most.
        steps: u32,
        /// Ends earlier once the residual's norm is at most this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tolerance: Option<Tolerance>,
        /// Where it starts.
        start_v: AdjointStart,
    },
    /// `v <- v - eta_v (d_yy g v - d_y f)`, all on one batch (AID-FP).
    FixedPoint {
        /// Steps.
        steps: u32,
        /// Step size; below 2 over the smoothness of g, or it diverges.
        eta_v: f64,
        /// Where it starts.
        start_v: AdjointStart,
    },
    /// `v = eta_v sum_{i=0..Q} r_i`, `r_0 = d_y f`, `r_i = r_{i-1} - eta_v d_yy g(B_i) r_{i-1}`: Q + 1 terms, each product
    /// on a batch of its own (stocBiO, Ji21 Algorithm 3).
    Neumann {
        /// Q, the number of products.
        steps: u32,
        /// Step size.
        eta_v: f64,
        /// For batches of geometric sizes `ceil(B Q (1 - eta_v mu)^{j-1})`, the j-th that is applied (Ji21): mu.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        geometric: Option<f64>,
    },
    /// `v = N eta_v prod_{j <= N'} (I - eta_v d_yy g(B_j)) d_y f` with `N'` uniform in `0..N` (BSA, TTSA; Ghadimi & Wang
    /// 2018 with `eta_v = 1/L_g`).
    RandomNeumann {
        /// N.
        steps: u32,
        /// Step size.
        eta_v: f64,
    },
    /// `v = eta_v d_y f`: as if the Hessian were the identity over `eta_v`.
    Identity {
        /// The scale.
        eta_v: f64,
    },
}

impl Inverse {
    /// Whether v is remembered from one outer iteration to the next.
    pub fn remembers(&self) -> bool {
        matches!(
            self,
            Self::Cg {
                start_v: AdjointStart::Warm,
                ..
            } | Self::FixedPoint {
                start_v: AdjointStart::Warm,
                ..
            }
        )
    }
}
