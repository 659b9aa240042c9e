//! Small dense symmetric matrices with a given spectrum, by plain arithmetic only, so that their bits are the same
//! everywhere.

use bistable_common::{
    draw::{Key, Purpose},
    ids::Replicate,
    spec::{Family, QuadraticSpec},
};

/// A dense square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    dim: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// The number of rows and of columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// An entry.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.dim + column]
    }

    /// The entries from a row on.
    pub fn rows_from(&self, row: usize) -> &[f64] {
        &self.values[row * self.dim..]
    }

    /// `out = M[first_row.., first_column..] v`: as many rows as `out` has components, as many columns as `v`.
    pub fn block_times(&self, first_row: usize, first_column: usize, v: &[f64], out: &mut [f64]) {
        for (row, out) in (first_row..).zip(out) {
            let start = row * self.dim + first_column;
            let entries = &self.values[start..start + v.len()];
            let terms = entries.iter().zip(v);
            *out = terms.fold(0.0, |sum, (m, v)| m.mul_add(*v, sum));
        }
    }

    /// `v' M v`.
    pub fn quadratic_form(&self, v: &[f64]) -> f64 {
        let row = |r: &[f64]| r.iter().zip(v).map(|(m, v)| m * v).sum::<f64>();
        self.values
            .chunks_exact(self.dim)
            .zip(v)
            .map(|(r, v)| v * row(r))
            .sum()
    }
}

/// `Q' diag(lambda) Q` with the spectrum of one level, the `which`-th matrix of the problem's seed: `Q` is a random
/// rotation of all of z, or two of x and y and then, for every pair of an eigenvector of either, one in their plane.
pub fn with_spectrum(spec: &QuadraticSpec, which: u64, mu: f64, l: f64) -> Matrix {
    let dim = (spec.dim_x + spec.dim_y) as usize;
    let q = match spec.coupling {
        None => orthogonal(spec.seed, [which, 0], dim),
        Some(coupling) => coupled(spec, which, coupling),
    };
    let mut values = vec![0.0; dim * dim];
    for (k, row) in q.chunks_exact(dim).enumerate() {
        let eigenvalue = eigenvalue(spec.family, (mu, l), k, dim);
        for (a, &qa) in row.iter().enumerate() {
            for (b, &qb) in row.iter().enumerate() {
                values[a * dim + b] += eigenvalue * (qa * qb);
            }
        }
    }
    Matrix { dim, values }
}

/// The `k`-th of `dim` eigenvalues, which ascend.
fn eigenvalue(family: Family, (mu, l): (f64, f64), k: usize, dim: usize) -> f64 {
    let spaced = |from: f64, to: f64| from + (to - from) / (dim - 1).max(1) as f64 * k as f64;
    match family {
        Family::ScSc => spaced(mu, l),
        Family::CC => {
            let zeros = dim / 2;
            match k.checked_sub(zeros) {
                None => 0.0,
                Some(above) => l * (above + 1) as f64 / (dim - zeros) as f64,
            }
        }
        // The nonconvex term has the rest.
        Family::NcNc => spaced(0.0, l + 4.0 * mu),
    }
}

/// Rows are alternately from x and y. The k-th of x and the k-th last of y, of those that have a partner, are turned in
/// their plane by an angle whose double has the sine `coupling`.
fn coupled(spec: &QuadraticSpec, which: u64, coupling: f64) -> Vec<f64> {
    let (p, n) = (spec.dim_x as usize, (spec.dim_x + spec.dim_y) as usize);
    let (x, y) = (
        orthogonal(spec.seed, [which, 1], p),
        orthogonal(spec.seed, [which, 2], n - p),
    );
    let pairs = p.min(n - p);
    let cosine = ((1.0 + (1.0 - coupling * coupling).sqrt()) / 2.0).sqrt();
    let sine = coupling / (2.0 * cosine);
    let mut rows = Vec::with_capacity(n * n);
    let mut push = |of_x: Option<usize>, of_y: Option<usize>, [c, s]: [f64; 2]| {
        let vector = |from: &[f64], row: Option<usize>, dim: usize, factor: f64| -> Vec<f64> {
            let entry = |j| row.map_or(0.0, |row| factor * from[row * dim + j]);
            (0..dim).map(entry).collect()
        };
        rows.extend(vector(&x, of_x, p, c));
        rows.extend(vector(&y, of_y, n - p, s));
    };
    for k in 0..p.max(n - p) {
        let partner = (k < pairs).then(|| pairs - 1 - k);
        if k < p {
            match partner {
                Some(_) => push(Some(k), partner, [cosine, sine]),
                None => push(Some(k), None, [1.0, 0.0]),
            }
        }
        if k < n - p {
            match partner {
                Some(_) => push(partner, Some(k), [-sine, cosine]),
                None => push(None, Some(k), [0.0, 1.0]),
            }
        }
    }
    rows
}

/// A random orthogonal matrix: uniform entries, orthogonalised row by row (Gram-Schmidt, each row twice).
fn orthogonal(seed: u64, [which, part]: [u64; 2], dim: usize) -> Vec<f64> {
    let mut key = Key::new(seed, Replicate(0), Purpose::Constants);
    let mut stream = key.stream(which, part);
    let mut rows: Vec<f64> = (0..dim * dim).map(|_| 2.0 * stream.unit() - 1.0).collect();
    for k in 0..dim {
        let (done, rest) = rows.split_at_mut(k * dim);
        let row = &mut rest[..dim];
        for earlier in done.chunks_exact(dim).chain(done.chunks_exact(dim)) {
            let along: f64 = earlier.iter().zip(&*row).map(|(a, b)| a * b).sum();
            row.iter_mut()
                .zip(earlier)
                .for_each(|(r, e)| *r -= along * e);
        }
        let norm = row.iter().map(|r| r * r).sum::<f64>().sqrt();
        row.iter_mut().for_each(|r| *r /= norm);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectrum_is_as_asked() {
        let spec = crate::testing::quadratic_spec();
        let matrix = with_spectrum(&spec, 0, 1.0, 2.0);
        let dim = matrix.dim();
        let trace: f64 = (0..dim).map(|k| matrix.at(k, k)).sum();
        assert!((trace - 1.5 * dim as f64).abs() < 1e-12);
        // Power iteration on M and on 3 I - M finds both ends of the spectrum.
        let extreme = |shift: f64, sign: f64| {
            let mut v = vec![1.0; dim];
            let mut w = vec![0.0; dim];
            for _ in 0..2000 {
                matrix.block_times(0, 0, &v, &mut w);
                w.iter_mut()
                    .zip(&v)
                    .for_each(|(w, v)| *w = shift * v + sign * *w);
                let norm = w.iter().map(|w| w * w).sum::<f64>().sqrt();
                v.iter_mut().zip(&w).for_each(|(v, w)| *v = w / norm);
            }
            matrix.quadratic_form(&v)
        };
        assert!((extreme(0.0, 1.0) - 2.0).abs() < 1e-9);
        assert!((extreme(3.0, -1.0) - 1.0).abs() < 1e-9);
        assert!((0..dim).all(|a| (0..dim).all(|b| matrix.at(a, b) == matrix.at(b, a))));
    }
}
