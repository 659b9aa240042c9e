//! The constants of every family, found again by numbers.

use bistable_common::spec::{Family, ProblemSpec, QuadraticSpec};

use super::{Matrix, Quadratic, bump, with_spectrum};
use crate::{
    problem::{Iterate, Oracle, Table},
    testing,
};

fn spec(family: Family, coupling: Option<f64>) -> QuadraticSpec {
    let mu = match family {
        Family::ScSc => 0.5,
        Family::CC => 0.0,
        Family::NcNc => -0.3,
    };
    QuadraticSpec {
        family,
        coupling,
        mu_f: mu,
        mu_g: mu,
        l_f: 2.0,
        l_g: 1.5,
        ..testing::quadratic_spec()
    }
}

fn specs() -> impl Iterator<Item = QuadraticSpec> {
    let families = [Family::ScSc, Family::CC, Family::NcNc];
    let couplings = [None, Some(0.0), Some(0.3), Some(0.9)];
    families
        .into_iter()
        .flat_map(move |family| couplings.map(|coupling| spec(family, coupling)))
}

fn problem(spec: &QuadraticSpec) -> Quadratic {
    let mut facts = testing::quadratic_facts(6, 12);
    facts.problem = ProblemSpec::Quadratic(spec.clone());
    Quadratic::new(testing::setting(&facts), spec)
}

/// Eigenvalues by Jacobi's rotations, ascending.
fn eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for _ in 0..50 {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                let (above, below) = a.split_at_mut(q);
                for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    let mut values: Vec<f64> = (0..n).map(|k| a[k][k]).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn dense(matrix: &Matrix) -> Vec<Vec<f64>> {
    let n = matrix.dim();
    (0..n)
        .map(|a| (0..n).map(|b| matrix.at(a, b)).collect())
        .collect()
}

/// A Hessian at z: the matrix, and the nonconvex term on its diagonal.
fn hessian(matrix: &Matrix, nu: f64, z: &[f64]) -> Vec<Vec<f64>> {
    let mut all = dense(matrix);
    for (k, &z) in z.iter().enumerate() {
        all[k][k] += nu * bump::curvature(z);
    }
    all
}

#[track_caller]
fn close(ours: f64, reference: f64) {
    assert!(
        (ours - reference).abs() < 1e-12,
        "{ours} is not {reference}"
    );
}

#[test]
fn the_ends_of_the_spectrum_are_mu_and_l() {
    for spec in specs() {
        let problem = problem(&spec);
        let constants = problem.constants().expect("known");
        let [nu_f, nu_g] = problem.nonconvexity();
        for (matrix, nu, mu, l) in [
            (problem.outer_hessian(), nu_f, constants.mu_f, constants.l_f),
            (problem.inner_hessian(), nu_g, constants.mu_g, constants.l_g),
        ] {
            // The nonconvex term's curvature is least at 1 and largest at 0.
            let at = |z: f64| eigenvalues(hessian(matrix, nu, &[z; 7]));
            close(at(1.0)[0], mu);
            close(at(0.0)[6], l);
            for sample in 0..50 {
                let z: Vec<f64> = (0..7)
                    .map(|k| f64::from((sample * 37 + k * 23) % 41 - 20) / 7.0)
                    .collect();
                let values = eigenvalues(hessian(matrix, nu, &z));
                assert!(
                    values[0] >= mu - 1e-12 && values[6] <= l + 1e-12,
                    "{spec:?}"
                );
            }
        }
    }
}

#[test]
fn half_of_a_convex_spectrum_is_zero() {
    for coupling in [None, Some(0.6)] {
        let spec = spec(Family::CC, coupling);
        let values = eigenvalues(dense(&with_spectrum(&spec, 1, 0.0, 2.0)));
        let expected = [0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0];
        values.iter().zip(expected).for_each(|(&v, e)| close(v, e));
    }
}

/// The norm of the block of x and y: its largest singular value.
fn coupling_norm(matrix: &Matrix, p: usize) -> f64 {
    let n = matrix.dim();
    let product = |a: usize, b: usize| (p..n).map(|k| matrix.at(a, k) * matrix.at(b, k)).sum();
    let square: Vec<Vec<f64>> = (0..p)
        .map(|a| (0..p).map(|b| product(a, b)).collect())
        .collect();
    eigenvalues(square)[p - 1].max(0.0).sqrt()
}

#[test]
fn coupling_is_as_strong_as_asked() {
    for coupling in [0.0, 0.25, 0.5, 0.9] {
        let spec = spec(Family::ScSc, Some(coupling));
        let norm = coupling_norm(&with_spectrum(&spec, 0, 1.0, 3.0), 4);
        // Of 4 and 3 dimensions: the first of x has the least eigenvalue, its partner of y the second largest.
        let (first, partner) = (1.0, 1.0 + 2.0 / 6.0 * 5.0);
        close(norm, coupling * (partner - first) / 2.0);
        assert!(norm <= coupling * (3.0 - 1.0) / 2.0);
    }
    let square = QuadraticSpec {
        dim_x: 4,
        dim_y: 4,
        ..spec(Family::ScSc, Some(0.5))
    };
    let norm = coupling_norm(&with_spectrum(&square, 0, 1.0, 3.0), 4);
    close(norm, 0.5 * (3.0 - 1.0) / 2.0);
}

#[test]
fn products_are_those_of_the_dense_hessian() {
    for spec in specs() {
        let problem = problem(&spec);
        let mut at = problem.start();
        let vary = |(k, z): (usize, &mut f64)| *z = (k as f64 * 1.7).sin() * 2.0;
        at.y.iter_mut().enumerate().for_each(vary);
        let z: Vec<f64> = at.x.iter().chain(&*at.y).copied().collect();
        let dense = hessian(problem.inner_hessian(), problem.nonconvexity()[1], &z);
        let v = [0.3, -1.0, 0.7];
        let (mut hv, mut cross) = ([0.0; 3], [0.0; 4]);
        problem.inner_hvp(&at, &[0], &v, &mut hv, &mut []);
        problem.cross_vp(&at, &[0], &v, &mut cross, &mut []);
        let product = |row: usize| (0..3).map(|k| dense[row][4 + k] * v[k]).sum();
        (0..3).for_each(|row| close(hv[row], product(4 + row)));
        (0..4).for_each(|row| close(cross[row], product(row)));
    }
}

#[test]
fn gradients_within_a_ball_are_no_longer_than_the_lipschitz_constants() {
    for spec in specs() {
        let problem = problem(&spec);
        let radius = 3.0;
        let bounds = spec.lipschitz(radius);
        let norm = |parts: &[&[f64]]| {
            let squares = parts.iter().flat_map(|part| part.iter()).map(|g| g * g);
            squares.sum::<f64>().sqrt()
        };
        let mut longest = 0.0f64;
        for sample in 0..200i32 {
            let z: Vec<f64> = (0..7)
                .map(|k| f64::from((sample * 37 + k * 23) % 41 - 20))
                .collect();
            let scale = radius / norm(&[&z]).max(1e-9);
            let at = Iterate {
                x: z[..4].iter().map(|z| z * scale).collect(),
                y: crate::kernel::Aligned::from_slice(
                    &z[4..].iter().map(|z| z * scale).collect::<Vec<_>>(),
                ),
                z: Vec::new(),
            };
            let (mut gx, mut gy, mut work) = ([0.0; 4], [0.0; 3], [0.0; 7]);
            let row = [sample.unsigned_abs() % 12];
            problem.outer_grads(&at, &row, &mut gx, &mut gy, &mut work);
            longest = longest.max(norm(&[&gx, &gy]));
            assert!(norm(&[&gx, &gy]) <= bounds[0], "{spec:?}");
            problem.inner_grad(&at, &row, &mut gy, &mut work);
            assert!(norm(&[&gy]) <= bounds[1], "{spec:?}");
        }
        assert!(longest > 0.2 * bounds[0], "the bound says something");
    }
}

#[test]
fn the_nonconvex_term_is_bounded_and_nonconvex() {
    for k in -1000..1000 {
        let t = f64::from(k) / 50.0;
        let h = 1e-5;
        assert!((0.0..1.0).contains(&bump::value(t)));
        let slope = (bump::value(t + h) - bump::value(t - h)) / (2.0 * h);
        assert!((bump::slope(t) - slope).abs() < 1e-9);
        let curvature = (bump::slope(t + h) - bump::slope(t - h)) / (2.0 * h);
        assert!((bump::curvature(t) - curvature).abs() < 1e-8);
        assert!(bump::slope(t).abs() <= 9.0 / (8.0 * 3.0f64.sqrt()) + 1e-15);
        assert!((-0.5..=2.0).contains(&bump::curvature(t)));
    }
    let spec = spec(Family::NcNc, None);
    let problem = problem(&spec);
    let value = |z: f64| {
        let mut at = problem.start();
        at.x.fill(z);
        at.y.fill(z);
        problem.metrics(&at, Table::Test, &[0]).loss
    };
    assert!(value(1e3) > 0.0);
}
