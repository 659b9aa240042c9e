//! Linear systems as textbooks solve them, and means over samples.

use std::ops::{Add, Div};

use ndarray::{Array1, Array2};

/// The mean of `of` over rows.
pub fn mean<S: Add<Output = S> + Div<f64, Output = S>>(
    rows: &[u32],
    zero: S,
    of: impl Fn(usize) -> S,
) -> S {
    let sum = rows.iter().fold(zero, |sum, &row| sum + of(row as usize));
    sum / rows.len() as f64
}

pub fn copy(values: &Array1<f64>, out: &mut [f64]) {
    out.copy_from_slice(values.as_slice().expect("contiguous"));
}

pub fn norm(v: &Array1<f64>) -> f64 {
    v.dot(v).sqrt()
}

/// Conjugate gradients on `H v = b` (Nocedal & Wright, Algorithm 5.2): the iterate, and the steps that were taken until
/// the residual was at most the tolerance.
pub fn cg(
    h: &Array2<f64>,
    b: &Array1<f64>,
    start: &Array1<f64>,
    steps: u32,
    tolerance: f64,
) -> (Array1<f64>, u32) {
    let mut v = start.clone();
    let mut r = h.dot(&v) - b;
    let mut p = -&r;
    for step in 0..steps {
        if norm(&r) <= tolerance {
            return (v, step);
        }
        let hp = h.dot(&p);
        let alpha = r.dot(&r) / p.dot(&hp);
        v = v + alpha * &p;
        let next = &r + &(alpha * &hp);
        let beta = next.dot(&next) / r.dot(&r);
        p = beta * &p - &next;
        r = next;
    }
    (v, steps)
}

/// `H^{-1} b`, by elimination.
pub fn solve(h: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
    let n = b.len();
    let (mut h, mut b) = (h.clone(), b.clone());
    for k in 0..n {
        for row in k + 1..n {
            let factor = h[[row, k]] / h[[k, k]];
            for column in k..n {
                h[[row, column]] -= factor * h[[k, column]];
            }
            b[row] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let rest: f64 = (k + 1..n).map(|column| h[[k, column]] * b[column]).sum();
        b[k] = (b[k] - rest) / h[[k, k]];
    }
    b
}

/// The first of `size, size shrink, ...` that is accepted; the hundredth if none before is.
pub fn shrink_until(mut size: f64, shrink: f64, accept: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..99 {
        if accept(size) {
            break;
        }
        size *= shrink;
    }
    size
}
