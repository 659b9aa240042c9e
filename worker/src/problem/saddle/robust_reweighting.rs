//! Adversarially robust reweighting of classes: see [`RobustReweightingSpec`] for f and g.
//!
//! y has a row of [`padded`] classes for every feature, and one more of biases; the padding stays zero.

use bistable_common::spec::{LabelNoise, RobustReweightingSpec};

use super::samples::{Samples, sample_bytes};
use crate::{
    data::Dataset,
    kernel::{Real, Simd, ops, padded},
    problem::{Dims, Iterate, Metrics, Oracle, Size, Table, Work, dealt::Dealt},
    setting::Setting,
};

/// The problem in one replicate.
#[derive(Debug)]
pub struct RobustReweighting<R> {
    simd: Simd,
    spec: RobustReweightingSpec,
    features: usize,
    classes: usize,
    samples: Dealt<Samples<R>>,
}

/// Room for class weights, a row of logits and one of their tangents.
struct Room<'w, R> {
    weights: &'w mut [R],
    logits: &'w mut [R],
    along: &'w mut [R],
}

/// Rows of classes in `work`.
const ROWS: usize = 3;

impl<R: Real> RobustReweighting<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(setting: Setting<'_>, spec: &RobustReweightingSpec, data: &Dataset) -> Option<Self> {
        let noise = LabelNoise::Share(spec.noise);
        Some(Self {
            simd: setting.simd,
            spec: spec.clone(),
            features: data.features() as usize,
            classes: data.classes() as usize,
            samples: Samples::deal(setting, data, noise)?,
        })
    }

    /// What it takes on samples of so many features, classes and values that are not zero.
    pub fn size((features, classes): (usize, usize), nonzero: f64) -> Size {
        let width = padded(classes);
        let y = (features + 1) * width;
        // As measured: backwards a sample's features are walked one by one, and evaluations are in company.
        let forward = nonzero * width as f64;
        let work = |passes: f64| Work {
            per_call: y as f64,
            per_sample: passes * forward,
        };
        Size {
            dims: Dims {
                x: classes,
                y,
                z: classes,
            },
            scalar: size_of::<R>(),
            work: ROWS * width,
            sample: sample_bytes::<R>(nonzero),
            gradient: work(8.0),
            product: work(9.0),
            dual: Work {
                per_call: 0.0,
                per_sample: forward,
            },
            value: 0.1 * forward,
        }
    }

    fn width(&self) -> usize {
        padded(self.classes)
    }

    /// Splits `work`, with the class weights `w_c(x) = C softmax(x)_c` in their place.
    fn room<'w>(&self, x: &[R], work: &'w mut [R]) -> Room<'w, R> {
        let (weights, rest) = work.split_at_mut(self.width());
        let (logits, along) = rest.split_at_mut(self.width());
        weights.fill(R::ZERO);
        weights[..self.classes].copy_from_slice(x);
        ops::softmax(self.simd, weights, self.classes, weights.len());
        ops::scale(self.simd, R::from_f64(self.classes as f64), weights);
        Room {
            weights,
            logits,
            along,
        }
    }

    /// `out = W' v + b` of a sample v.
    fn logits(&self, y: &[R], samples: &Samples<R>, row: u32, out: &mut [R]) {
        let (w, bias) = y.split_at(self.features * self.width());
        out.copy_from_slice(bias);
        ops::sparse_forward(self.simd, &samples.rows, &[row], w, self.width(), out);
    }

    /// Cross-entropy and 0-1 error of a sample, of which the logits are left in `logits`.
    fn judge(&self, y: &[R], samples: &Samples<R>, row: u32, logits: &mut [R]) -> [f64; 2] {
        self.logits(y, samples, row, logits);
        let class = samples.class(row);
        ops::judge(self.simd, &logits[..self.classes], class as u32)
    }

    /// `W += v c'`, `b += c` for a sample v.
    fn add_sample(&self, samples: &Samples<R>, row: u32, change: &[R], out: &mut [R]) {
        let (w, bias) = out.split_at_mut(self.features * self.width());
        let (columns, values) = samples.rows.row(row);
        for (&column, &value) in columns.iter().zip(values) {
            let row = &mut w[usize::from(column) * self.width()..][..self.width()];
            ops::add_multiple(self.simd, value, change, row);
        }
        ops::add_multiple(self.simd, R::ONE, change, bias);
    }

    /// Adds `factor` times the gradient of a sample's cross-entropy, given its logits.
    fn add_gradient(
        &self,
        samples: &Samples<R>,
        row: u32,
        factor: R,
        logits: &mut [R],
        out: &mut [R],
    ) {
        ops::softmax(self.simd, logits, self.classes, self.width());
        logits[samples.class(row)] += -R::ONE;
        ops::scale(self.simd, factor, logits);
        self.add_sample(samples, row, logits, out);
    }

    /// `w_c(x) (1 + z_c) / B` for a sample of class c in a batch of B.
    fn factor(&self, at: &Iterate<R>, weights: &[R], class: usize, batch: &[u32]) -> R {
        weights[class] * (R::ONE + at.z[class]) / R::from_f64(batch.len() as f64)
    }

    /// `2 l2`.
    fn ridge(&self) -> R {
        R::from_f64(2.0 * self.spec.l2)
    }
}

fn squares<R: Real>(simd: Simd, values: &[R]) -> f64 {
    ops::dot(simd, values, values)
}

impl<R: Real> Oracle for RobustReweighting<R> {
    type Real = R;

    fn dims(&self) -> Dims {
        Dims {
            x: self.classes,
            y: (self.features + 1) * self.width(),
            z: self.classes,
        }
    }

    fn start(&self) -> Iterate<R> {
        Iterate::zeros(self.dims())
    }

    fn simd(&self) -> Simd {
        self.simd
    }

    fn work_words(&self) -> usize {
        ROWS * self.width()
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let room = self.room(&at.x, work);
        let samples = &self.samples.training;
        out.fill(R::ZERO);
        for &row in batch {
            let factor = self.factor(at, room.weights, samples.class(row), batch);
            self.logits(&at.y, samples, row, room.logits);
            self.add_gradient(samples, row, factor, room.logits, out);
        }
        ops::add_multiple(self.simd, self.ridge(), &at.y, out);
    }

    fn dual_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let room = self.room(&at.x, work);
        let samples = &self.samples.training;
        let price = R::from_f64(-self.spec.rho);
        for (out, &z) in out.iter_mut().zip(&at.z) {
            *out = price * z;
        }
        for &row in batch {
            let [loss, _] = self.judge(&at.y, samples, row, room.logits);
            let class = samples.class(row);
            out[class] += room.weights[class] * R::from_f64(loss / batch.len() as f64);
        }
    }

    fn outer_grads(
        &self,
        at: &Iterate<R>,
        batch: &[u32],
        gx: &mut [R],
        gy: &mut [R],
        work: &mut [R],
    ) {
        let room = self.room(&at.x, work);
        let samples = self.samples.table(Table::Validation);
        let count = R::from_f64(batch.len() as f64);
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        let mut sum = R::ZERO;
        for &row in batch {
            let [loss, _] = self.judge(&at.y, samples, row, room.logits);
            let class = samples.class(row);
            let factor = room.weights[class] / count;
            let weighted = factor * R::from_f64(loss);
            gx[class] += weighted;
            sum += weighted;
            self.add_gradient(samples, row, factor, room.logits, gy);
        }
        // The derivative of w_c is w_c (e_c - softmax(x)).
        let share = -sum / R::from_f64(self.classes as f64);
        ops::add_multiple(self.simd, share, &room.weights[..self.classes], gx);
        let l2_x = R::from_f64(self.spec.l2_x);
        ops::add_multiple(self.simd, l2_x, &at.x, gx);
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let room = self.room(&at.x, work);
        let samples = &self.samples.training;
        out.fill(R::ZERO);
        for &row in batch {
            let factor = self.factor(at, room.weights, samples.class(row), batch);
            self.logits(&at.y, samples, row, room.logits);
            ops::softmax(self.simd, room.logits, self.classes, self.width());
            self.logits(v, samples, row, room.along);
            ops::softmax_along(self.simd, room.logits, self.width(), room.along);
            ops::scale(self.simd, factor, room.along);
            self.add_sample(samples, row, room.along, out);
        }
        ops::add_multiple(self.simd, self.ridge(), v, out);
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let room = self.room(&at.x, work);
        let samples = &self.samples.training;
        out.fill(R::ZERO);
        let mut sum = R::ZERO;
        for &row in batch {
            let class = samples.class(row);
            let factor = self.factor(at, room.weights, class, batch);
            self.logits(&at.y, samples, row, room.logits);
            ops::softmax(self.simd, room.logits, self.classes, self.width());
            room.logits[class] += -R::ONE;
            self.logits(v, samples, row, room.along);
            let slope = R::from_f64(ops::dot(self.simd, room.logits, room.along));
            out[class] += factor * slope;
            sum += factor * slope;
        }
        let share = -sum / R::from_f64(self.classes as f64);
        ops::add_multiple(self.simd, share, &room.weights[..self.classes], out);
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let work = &mut vec![R::ZERO; self.work_words()];
        let room = self.room(&at.x, work);
        let samples = &self.samples.training;
        let term = |&row: &u32| {
            let [loss, _] = self.judge(&at.y, samples, row, room.logits);
            let class = samples.class(row);
            room.weights[class].to_f64() * (1.0 + at.z[class].to_f64()) * loss
        };
        batch.iter().map(term).sum::<f64>() / batch.len() as f64
            + self.spec.l2 * squares(self.simd, &at.y)
            - 0.5 * self.spec.rho * squares(self.simd, &at.z)
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let work = &mut vec![R::ZERO; self.work_words()];
        let room = self.room(&at.x, work);
        let samples = self.samples.table(table);
        let (mut loss, mut error) = (0.0, 0.0);
        for &row in rows {
            let judged = self.judge(&at.y, samples, row, room.logits);
            loss += room.weights[samples.class(row)].to_f64() * judged[0];
            error += judged[1];
        }
        let count = rows.len() as f64;
        Metrics {
            loss: loss / count + 0.5 * self.spec.l2_x * squares(self.simd, &at.x),
            error: Some(error / count),
        }
    }
}
