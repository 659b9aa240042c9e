//! What theory says about SGD on the quadratic, by dense algebra that shares no code with the solvers.
//!
//! One outer iteration is affine, `z' = M z + N xi + sum_t N_t zeta_t`, where `xi` and `zeta_t` are the batches' means, so
//! the expectation of an iterate follows from the expectation of a sample, and the difference of two coupled runs obeys
//! `d' = M d + (c / B_x) N (xi~_i - xi_i)`, `c` being how often the batch holds the replaced sample.

use bistable_common::spec::{Direction, Order, Solver, Start};
use ndarray::{Array1, Array2, s};

use super::{Matrix, Quadratic};

/// One outer iteration with constant step sizes, as an affine map.
#[derive(Debug, Clone)]
pub struct AffineStep {
    /// `M`: (dim_x + dim_y) square.
    pub state: Array2<f64>,
    /// `N`: what the outer batch's mean sample adds.
    pub outer: Array2<f64>,
    /// `sum_t N_t`: what the inner batches' mean samples add if they are all the same.
    pub inner: Array2<f64>,
}

fn dense(matrix: &Matrix) -> Array2<f64> {
    Array2::from_shape_fn((matrix.dim(), matrix.dim()), |(a, b)| matrix.at(a, b))
}

/// The affine map of one outer iteration of `solver`, whose step sizes are taken to be constant.
pub fn affine_step(problem: &Quadratic, solver: &Solver) -> AffineStep {
    let (f, g) = (dense(&problem.f), dense(&problem.g));
    let (p, n) = (problem.dim_x(), problem.dim());
    let (eta_x, eta_y) = (solver.eta_x.scale, solver.eta_y.scale);
    let eye = Array2::<f64>::eye(n);
    let mut rows_y = eye.clone();
    rows_y.slice_mut(s![..p, ..]).fill(0.0);
    let rows_x = &eye - &rows_y;

    // The inner steps: z <- z - eta_y P_y G (z - zeta), and dy_T/dx along with them.
    let drift = rows_y.dot(&g) * eta_y;
    let contraction = &eye - &drift;
    let mut inner_state = match solver.schedule.start {
        Start::Warm => eye.clone(),
        Start::Reinit => rows_x.clone(),
        Start::Outer | Start::OuterHead => unreachable!("a quadratic has no tasks"),
    };
    let mut inner_noise = Array2::<f64>::zeros((n, n));
    let mut sensitivity = Array2::<f64>::zeros((n - p, p));
    for _ in 0..solver.schedule.inner_steps {
        inner_state = contraction.dot(&inner_state);
        inner_noise = contraction.dot(&inner_noise) + &drift;
        sensitivity = &sensitivity
            - &((g.slice(s![p.., p..]).dot(&sensitivity) + g.slice(s![p.., ..p])) * eta_y);
    }

    // The outer step: z <- z - eta_x W F (z - xi), where W keeps the rows of x and, unrolled, adds those of y through
    // dy_T/dx.
    let mut weights = rows_x;
    if solver.direction == Direction::Unrolled {
        weights.slice_mut(s![..p, p..]).assign(&sensitivity.t());
    }
    let outer = weights.dot(&f) * eta_x;
    let (state, inner) = match solver.schedule.order {
        Order::InnerFirst => {
            let step = &eye - &outer;
            (step.dot(&inner_state), step.dot(&inner_noise))
        }
        Order::Simultaneous => (&inner_state - &outer, inner_noise),
        Order::OuterFirst => {
            let step = &eye - &outer;
            let pushed = inner_state.dot(&outer);
            return AffineStep {
                state: inner_state.dot(&step),
                outer: pushed,
                inner: inner_noise,
            };
        }
    };
    AffineStep {
        state,
        outer,
        inner,
    }
}

/// `E[z_k]` from the start of the problem: every sample has mean `mean` in every component. With step sizes constant,
/// `E[z_k] = z* + M^k (z_0 - z*)`, here as its recursion.
pub fn expected_iterate(problem: &Quadratic, solver: &Solver, k: u64) -> Vec<f64> {
    let step = affine_step(problem, solver);
    let mean = Array1::from_elem(problem.dim(), problem.spec.mean);
    let push = step.outer.dot(&mean) + step.inner.dot(&mean);
    let mut z = Array1::<f64>::zeros(problem.dim());
    for _ in 0..k {
        z = step.state.dot(&z) + &push;
    }
    z.to_vec()
}

/// `beta_2^2` after `k` outer iterations with uniform sampling, its x- and its y-part: with `c` binomial, and the
/// difference of two samples of covariance `2 noise^2 I`,
/// `2 noise^2 ( v sum_j |M^j N|_F^2 + |sum_j M^j N|_F^2 / m1^2 )`, `v = (1/m1)(1 - 1/m1)/B_x`, over `j < k`.
pub fn beta2_squared(problem: &Quadratic, solver: &Solver, m1: u32, k: u64) -> [f64; 2] {
    let step = affine_step(problem, solver);
    let p = problem.dim_x();
    let batch = f64::from(solver.batch_x.size(m1));
    let m1 = f64::from(m1);
    let variance = (1.0 / m1) * (1.0 - 1.0 / m1) / batch;
    let mut power = step.outer.clone();
    let mut sum = Array2::<f64>::zeros(power.raw_dim());
    let mut squares = [0.0; 2];
    let parts = |m: &Array2<f64>| {
        let norm2 = |part: ndarray::ArrayView2<f64>| part.iter().map(|v| v * v).sum::<f64>();
        [norm2(m.slice(s![..p, ..])), norm2(m.slice(s![p.., ..]))]
    };
    for _ in 0..k {
        sum += &power;
        let [x, y] = parts(&power);
        squares = [squares[0] + x, squares[1] + y];
        power = step.state.dot(&power);
    }
    let mean = parts(&sum);
    let part =
        |j: usize| 2.0 * problem.spec.noise.powi(2) * (variance * squares[j] + mean[j] / (m1 * m1));
    [part(0), part(1)]
}
