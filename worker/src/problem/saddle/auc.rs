//! AUC maximization as a saddle point: see [`AucSpec`] for the sample function F. With q = 1 - p and t = -1 for a positive
//! sample, q = p and t = 1 for a negative one, and c its centre, a or b:
//! `F = q (s - c)^2 + 2 t (1 + alpha) q s - p (1 - p) alpha^2`.
//!
//! y is (w, a, b), z is alpha.

use bistable_common::spec::{AucSpec, LabelNoise};

use super::samples::{Samples, sample_bytes};
use crate::{
    data::Dataset,
    kernel::{Real, Simd, ops, padded},
    problem::{Dims, Iterate, Metrics, Oracle, Size, Table, Work, dealt::Dealt},
    setting::Setting,
};

/// The problem in one replicate.
#[derive(Debug)]
pub struct Auc<R> {
    simd: Simd,
    spec: AucSpec,
    features: usize,
    /// p, the share of positives in S.
    share: f64,
    samples: Dealt<Samples<R>>,
}

/// What F needs to know of a sample.
struct Seen<R> {
    /// s.
    score: R,
    /// q.
    weight: R,
    /// t.
    sign: R,
    /// Where c stands in y.
    centre: usize,
}

impl<R: Real> Seen<R> {
    /// `s - c`.
    fn offset(&self, y: &[R]) -> R {
        self.score - y[self.centre]
    }

    /// `d_s F = 2 q (s - c + t (1 + alpha))`.
    fn slope(&self, at: &Iterate<R>) -> R {
        let lift = self.sign * (R::ONE + at.z[0]);
        R::TWO * self.weight * (self.offset(&at.y) + lift)
    }

    /// F but for its last term, in f64.
    fn value(&self, at: &Iterate<R>) -> f64 {
        let [offset, weight, sign, alpha, score] = [
            self.offset(&at.y),
            self.weight,
            self.sign,
            at.z[0],
            self.score,
        ]
        .map(R::to_f64);
        weight * offset * offset + 2.0 * sign * (1.0 + alpha) * weight * score
    }
}

impl<R: Real> Auc<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(setting: Setting<'_>, spec: &AucSpec, data: &Dataset) -> Option<Self> {
        // No label is redrawn.
        let samples = Samples::deal(setting, data, LabelNoise::Share(0.0))?;
        // Of S alone, not of who replaces it.
        let classes = samples.training.classes().take(setting.cell().m2 as usize);
        let count = classes.len() as f64;
        let positive = classes.filter(|&class| class == spec.positive as usize);
        Some(Self {
            simd: setting.simd,
            spec: spec.clone(),
            features: data.features() as usize,
            share: positive.count() as f64 / count,
            samples,
        })
    }

    /// What it takes on samples of so many features and values that are not zero.
    pub fn size(features: usize, nonzero: f64) -> Size {
        // As measured: a sample's features are walked one by one, unlike the gates.
        let work = |passes: f64| Work {
            per_call: 3.0 * features as f64,
            per_sample: passes * nonzero,
        };
        Size {
            dims: dims(features),
            scalar: size_of::<R>(),
            work: padded(features),
            sample: sample_bytes::<R>(nonzero),
            gradient: work(20.0),
            product: work(30.0),
            dual: work(14.0),
            value: nonzero,
        }
    }

    /// Leaves `sigmoid(x_j)` in `work`.
    fn gates<'w>(&self, x: &[R], work: &'w mut [R]) -> &'w [R] {
        work[x.len()..].fill(R::ZERO);
        work[..x.len()].copy_from_slice(x);
        ops::sigmoids(self.simd, work);
        work
    }

    /// `sum_j w_j sigmoid(x_j) v_j` of a sample v.
    fn score(&self, gates: &[R], w: &[R], samples: &Samples<R>, row: u32) -> R {
        let (columns, values) = samples.rows.row(row);
        let terms = columns.iter().zip(values);
        terms.fold(R::ZERO, |sum, (&column, &value)| {
            let column = usize::from(column);
            (w[column] * gates[column]).mul_add(value, sum)
        })
    }

    fn see(&self, gates: &[R], y: &[R], samples: &Samples<R>, row: u32) -> Seen<R> {
        let positive = samples.class(row) == self.spec.positive as usize;
        let (weight, sign, centre) = match positive {
            true => (1.0 - self.share, -R::ONE, self.features),
            false => (self.share, R::ONE, self.features + 1),
        };
        Seen {
            score: self.score(gates, y, samples, row),
            weight: R::from_f64(weight),
            sign,
            centre,
        }
    }

    /// `out_w += factor d_w s`.
    fn add_by_w(&self, gates: &[R], samples: &Samples<R>, row: u32, factor: R, out: &mut [R]) {
        let (columns, values) = samples.rows.row(row);
        for (&column, &value) in columns.iter().zip(values) {
            let column = usize::from(column);
            out[column] += factor * gates[column] * value;
        }
    }

    /// `out += factor d_x s`, s with the weights `w`.
    fn add_by_x(
        &self,
        gates: &[R],
        w: &[R],
        samples: &Samples<R>,
        row: u32,
        factor: R,
        out: &mut [R],
    ) {
        let (columns, values) = samples.rows.row(row);
        for (&column, &value) in columns.iter().zip(values) {
            let column = usize::from(column);
            let gate = gates[column];
            out[column] += factor * w[column] * gate * (R::ONE - gate) * value;
        }
    }

    /// Adds the mean of `d_y F` over a batch.
    fn add_by_y(
        &self,
        at: &Iterate<R>,
        gates: &[R],
        samples: &Samples<R>,
        batch: &[u32],
        out: &mut [R],
    ) {
        let count = R::from_f64(batch.len() as f64);
        for &row in batch {
            let seen = self.see(gates, &at.y, samples, row);
            self.add_by_w(gates, samples, row, seen.slope(at) / count, out);
            out[seen.centre] += -(R::TWO * seen.weight * seen.offset(&at.y) / count);
        }
    }

    /// `out_w += 2 l2 v_w`.
    fn add_ridge(&self, v: &[R], out: &mut [R]) {
        let (v, out) = (&v[..self.features], &mut out[..self.features]);
        ops::add_multiple(self.simd, R::from_f64(2.0 * self.spec.l2), v, out);
    }

    /// The mean of F over rows.
    fn mean_value(&self, at: &Iterate<R>, samples: &Samples<R>, rows: &[u32]) -> f64 {
        let work = &mut vec![R::ZERO; self.work_words()];
        let gates = self.gates(&at.x, work);
        let value = |&row: &u32| self.see(gates, &at.y, samples, row).value(at);
        let alpha = at.z[0].to_f64();
        rows.iter().map(value).sum::<f64>() / rows.len() as f64
            - self.share * (1.0 - self.share) * alpha * alpha
    }
}

fn dims(features: usize) -> Dims {
    Dims {
        x: features,
        y: features + 2,
        z: 1,
    }
}

impl<R: Real> Oracle for Auc<R> {
    type Real = R;

    fn dims(&self) -> Dims {
        dims(self.features)
    }

    fn start(&self) -> Iterate<R> {
        Iterate::zeros(self.dims())
    }

    fn simd(&self) -> Simd {
        self.simd
    }

    fn work_words(&self) -> usize {
        padded(self.features)
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let gates = self.gates(&at.x, work);
        out.fill(R::ZERO);
        self.add_by_y(at, gates, &self.samples.training, batch, out);
        self.add_ridge(&at.y, out);
    }

    fn dual_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let gates = self.gates(&at.x, work);
        let samples = &self.samples.training;
        let sum = batch.iter().fold(R::ZERO, |sum, &row| {
            let seen = self.see(gates, &at.y, samples, row);
            sum + R::TWO * seen.sign * seen.weight * seen.score
        });
        let price = R::from_f64(-2.0 * self.share * (1.0 - self.share));
        out[0] = price * at.z[0] + sum / R::from_f64(batch.len() as f64);
    }

    fn outer_grads(
        &self,
        at: &Iterate<R>,
        batch: &[u32],
        gx: &mut [R],
        gy: &mut [R],
        work: &mut [R],
    ) {
        let gates = self.gates(&at.x, work);
        let samples = self.samples.table(Table::Validation);
        let count = R::from_f64(batch.len() as f64);
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        for &row in batch {
            let slope = self.see(gates, &at.y, samples, row).slope(at) / count;
            self.add_by_x(gates, &at.y, samples, row, slope, gx);
        }
        self.add_by_y(at, gates, samples, batch, gy);
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let gates = self.gates(&at.x, work);
        let samples = &self.samples.training;
        let count = R::from_f64(batch.len() as f64);
        out.fill(R::ZERO);
        for &row in batch {
            // F is quadratic in (s, c), and s linear in w.
            let seen = self.see(gates, v, samples, row);
            let change = R::TWO * seen.weight * seen.offset(v) / count;
            self.add_by_w(gates, samples, row, change, out);
            out[seen.centre] += -change;
        }
        self.add_ridge(v, out);
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let gates = self.gates(&at.x, work);
        let samples = &self.samples.training;
        let count = R::from_f64(batch.len() as f64);
        out.fill(R::ZERO);
        for &row in batch {
            let seen = self.see(gates, v, samples, row);
            let change = R::TWO * seen.weight * seen.offset(v) / count;
            self.add_by_x(gates, &at.y, samples, row, change, out);
            let slope = self.see(gates, &at.y, samples, row).slope(at) / count;
            self.add_by_x(gates, v, samples, row, slope, out);
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let w = &at.y[..self.features];
        self.mean_value(at, &self.samples.training, batch)
            + self.spec.l2 * ops::dot(self.simd, w, w)
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        Metrics {
            loss: self.mean_value(at, self.samples.table(table), rows),
            error: None,
        }
    }
}
