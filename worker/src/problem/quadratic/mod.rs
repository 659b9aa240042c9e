//! A quadratic at both levels whose constants are all known:
//! `f(z; xi) = 1/2 (z - xi)' F (z - xi)`, `g(z; zeta) = 1/2 (z - zeta)' G (z - zeta)` with `z = (x, y)`; in the nonconvex
//! family, `nu sum_i h(z_i)` more, [`bump`] being h.
//!
//! Without that the Hessians are the same for every sample, so the difference of two coupled runs obeys a linear recursion, and the
//! expectation of an iterate a linear one in the expectation of the samples: see [`closed_form`].

pub mod bump;
pub mod closed_form;
mod matrix;
mod replicas;

use bistable_common::{
    draw::{Key, Purpose},
    spec::QuadraticSpec,
    sweep::Replace,
};

use super::{Constants, Dims, Iterate, Metrics, Oracle, Size, Table, Work};
use crate::setting::Setting;
pub use matrix::{Matrix, with_spectrum};
pub use replicas::QuadraticReplicas;

/// The problem in one replicate. Parameters are f64.
#[derive(Debug, Clone)]
pub struct Quadratic {
    spec: QuadraticSpec,
    f: Matrix,
    g: Matrix,
    /// Weights of the nonconvex terms of f and g.
    nu: [f64; 2],
    training: Vec<f64>,
    validation: Vec<f64>,
    test: Vec<f64>,
}

impl Quadratic {
    /// Generates the samples of one replicate of a cell; the matrices depend on the problem's own seed alone.
    pub fn new(setting: Setting<'_>, spec: &QuadraticSpec) -> Self {
        let (facts, cell) = (setting.facts, setting.cell());
        let samples = |purpose, count| samples(spec, &mut setting.key(purpose), count);
        let mut validation = samples(Purpose::Validation, cell.m1);
        let mut training = samples(Purpose::Training, cell.m2);
        match facts.replace {
            Replace::Validation => validation.extend(samples(Purpose::Replacement, cell.m1)),
            Replace::Training => training.extend(samples(Purpose::TrainingReplacement, cell.m2)),
        }
        Self {
            f: with_spectrum(spec, 0, spec.mu_f, spec.l_f),
            g: with_spectrum(spec, 1, spec.mu_g, spec.l_g),
            nu: match spec.has_constant_hessians() {
                true => [0.0; 2],
                // The least curvature of h is -1/2.
                false => [-2.0 * spec.mu_f, -2.0 * spec.mu_g],
            },
            training,
            validation,
            test: samples(Purpose::Test, facts.test),
            spec: spec.clone(),
        }
    }

    /// What it takes.
    pub fn size(spec: &QuadraticSpec) -> Size {
        let (x, y) = (spec.dim_x as usize, spec.dim_y as usize);
        let (joint, rows) = ((x + y) as f64, y as f64);
        Size {
            dims: Dims { x, y, z: 0 },
            scalar: size_of::<f64>(),
            work: x + y,
            sample: joint * size_of::<f64>() as f64,
            gradient: Work {
                per_call: rows * joint,
                per_sample: joint,
            },
            // The second derivatives are the matrix itself, whatever the batch.
            product: Work {
                per_call: rows * joint,
                per_sample: 0.0,
            },
            dual: Work::NONE,
            value: rows * joint + joint,
        }
    }

    /// The Hessian of f, but for the nonconvex term.
    pub fn outer_hessian(&self) -> &Matrix {
        &self.f
    }

    /// The Hessian of g, but for the nonconvex term.
    pub fn inner_hessian(&self) -> &Matrix {
        &self.g
    }

    /// The weights of the nonconvex terms of f and g; 0 where there is none.
    pub fn nonconvexity(&self) -> [f64; 2] {
        self.nu
    }

    /// A row of [`Table::Validation`].
    pub fn validation_sample(&self, row: u32) -> &[f64] {
        self.sample(&self.validation, row)
    }

    /// A row of S.
    pub fn training_sample(&self, row: u32) -> &[f64] {
        self.sample(&self.training, row)
    }

    fn dim_x(&self) -> usize {
        self.spec.dim_x as usize
    }

    fn dim(&self) -> usize {
        (self.spec.dim_x + self.spec.dim_y) as usize
    }

    fn sample<'a>(&self, samples: &'a [f64], row: u32) -> &'a [f64] {
        &samples[row as usize * self.dim()..][..self.dim()]
    }

    /// `z` minus the mean of the batch's samples.
    fn offset(&self, at: &Iterate<f64>, samples: &[f64], batch: &[u32], out: &mut [f64]) {
        out.fill(0.0);
        for &row in batch {
            for (sum, value) in out.iter_mut().zip(self.sample(samples, row)) {
                *sum += value;
            }
        }
        for (mean, z) in out.iter_mut().zip(at.x.iter().chain(&*at.y)) {
            *mean = z - *mean / batch.len() as f64;
        }
    }

    /// Mean of `1/2 (z - s)' H (z - s)` over rows, and `nu sum_i h(z_i)`.
    fn mean_value(
        &self,
        at: &Iterate<f64>,
        (h, nu): (&Matrix, f64),
        samples: &[f64],
        rows: &[u32],
        offset: &mut [f64],
    ) -> f64 {
        let value = |&row: &u32| {
            self.offset(at, samples, &[row], offset);
            0.5 * h.quadratic_form(offset)
        };
        let mean = rows.iter().map(value).sum::<f64>() / rows.len() as f64;
        match nu {
            0.0 => mean,
            nu => {
                let z = at.x.iter().chain(&*at.y);
                mean + nu * z.map(|&z| bump::value(z)).sum::<f64>()
            }
        }
    }

    /// The mean outer loss, with room for one sample.
    fn risk(&self, at: &Iterate<f64>, table: Table, rows: &[u32], room: &mut [f64]) -> Metrics {
        let samples = match table {
            Table::Validation => &self.validation,
            Table::Test => &self.test,
        };
        Metrics {
            loss: self.mean_value(at, (&self.f, self.nu[0]), samples, rows, room),
            error: None,
        }
    }
}

/// `out_i += nu h'(z_i)`.
fn add_slopes(nu: f64, z: &[f64], out: &mut [f64]) {
    if nu != 0.0 {
        for (out, &z) in out.iter_mut().zip(z) {
            *out += nu * bump::slope(z);
        }
    }
}

/// Uniform components with the spec's mean and standard deviation; sample `i` has a stream of its own, so that a smaller
/// set is a prefix of a larger one.
fn samples(spec: &QuadraticSpec, key: &mut Key, count: u32) -> Vec<f64> {
    let half_width = spec.noise * 3.0f64.sqrt();
    let mut values = Vec::with_capacity(count as usize * (spec.dim_x + spec.dim_y) as usize);
    for sample in 0..count {
        let mut stream = key.stream(u64::from(sample), 0);
        let component = |_| spec.mean + (2.0 * stream.unit() - 1.0) * half_width;
        values.extend((0..spec.dim_x + spec.dim_y).map(component));
    }
    values
}

impl Oracle for Quadratic {
    type Real = f64;

    fn dims(&self) -> Dims {
        Dims {
            x: self.spec.dim_x as usize,
            y: self.spec.dim_y as usize,
            z: 0,
        }
    }

    fn start(&self) -> Iterate<f64> {
        Iterate::zeros(self.dims())
    }

    fn work_words(&self) -> usize {
        self.dim()
    }

    fn inner_grad(&self, at: &Iterate<f64>, batch: &[u32], out: &mut [f64], work: &mut [f64]) {
        self.offset(at, &self.training, batch, work);
        self.g.block_times(self.dim_x(), 0, work, out);
        add_slopes(self.nu[1], &at.y, out);
    }

    fn outer_grads(
        &self,
        at: &Iterate<f64>,
        batch: &[u32],
        gx: &mut [f64],
        gy: &mut [f64],
        work: &mut [f64],
    ) {
        self.offset(at, &self.validation, batch, work);
        self.f.block_times(0, 0, work, gx);
        self.f.block_times(self.dim_x(), 0, work, gy);
        add_slopes(self.nu[0], &at.x, gx);
        add_slopes(self.nu[0], &at.y, gy);
    }

    fn inner_hvp(&self, at: &Iterate<f64>, _: &[u32], v: &[f64], out: &mut [f64], _: &mut [f64]) {
        self.g.block_times(self.dim_x(), self.dim_x(), v, out);
        let nu = self.nu[1];
        if nu != 0.0 {
            for ((out, v), &y) in out.iter_mut().zip(v).zip(&*at.y) {
                *out += nu * bump::curvature(y) * v;
            }
        }
    }

    fn cross_vp(&self, _: &Iterate<f64>, _: &[u32], v: &[f64], out: &mut [f64], _: &mut [f64]) {
        self.g.block_times(0, self.dim_x(), v, out);
    }

    fn inner_value(&self, at: &Iterate<f64>, batch: &[u32]) -> f64 {
        let room = &mut vec![0.0; self.dim()];
        self.mean_value(at, (&self.g, self.nu[1]), &self.training, batch, room)
    }

    fn metrics(&self, at: &Iterate<f64>, table: Table, rows: &[u32]) -> Metrics {
        self.risk(at, table, rows, &mut vec![0.0; self.dim()])
    }

    fn constants(&self) -> Option<Constants> {
        Some(Constants {
            l_f: self.spec.l_f,
            l_g: self.spec.l_g,
            mu_f: self.spec.mu_f,
            mu_g: self.spec.mu_g,
        })
    }
}

#[cfg(test)]
mod families;
#[cfg(test)]
mod tests;
