//! Multinomial logistic regression with a penalty for every feature (Grazzi et al. 2020, section 5.2):
//! `g = (1/B) sum_b CE(y; zeta_b) + 1/2 sum_j exp(x_j) |y_j|^2`, `f = (1/B) sum_b CE(y; xi_b)`.
//!
//! `y` is feature by feature (`[feature][class]`), so that a value of a sparse row touches one stretch of it. The penalty
//! touches everything, whatever the batch; what comes of a sample costs as much as the sample has values.

use bistable_common::spec::LogisticSpec;

use super::{
    Dims, Iterate, Metrics, Oracle, Size, Table, Work,
    dealt::Dealt,
    samples::{Sample, Samples},
    share,
    size::EXPONENTIAL,
};
use crate::{
    data::Dataset,
    kernel::{Aligned, Real, Simd, elementary, ops, padded},
    setting::Setting,
};

/// The problem in one replicate.
#[derive(Debug)]
pub struct Logistic<R: Real> {
    simd: Simd,
    features: usize,
    classes: usize,
    log_penalty: f64,
    samples: Dealt<Samples<R>>,
}

impl<R: Real> Logistic<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(setting: Setting<'_>, spec: &LogisticSpec, data: &Dataset) -> Option<Self> {
        Some(Self {
            simd: setting.simd,
            features: data.features() as usize,
            classes: data.classes() as usize,
            log_penalty: spec.log_penalty,
            samples: Samples::deal(setting, data)?,
        })
    }

    /// What it takes on data of so many features and classes, with so many values in a sample.
    pub fn size((features, classes): (usize, usize), values: f64) -> Size {
        let (all, touched) = ((features * classes) as f64, values * classes as f64);
        let work = Work {
            per_call: 2.0 * all,
            per_sample: 2.0 * touched + EXPONENTIAL * classes as f64,
        };
        Size {
            dims: Dims {
                x: features,
                y: features * classes,
                z: 0,
            },
            scalar: size_of::<R>(),
            work: padded(features) + 2 * padded(classes),
            sample: Samples::<R>::bytes(values),
            gradient: work,
            product: Work {
                per_sample: work.per_sample + touched,
                ..work
            },
            dual: Work::NONE,
            value: work.per_sample,
        }
    }

    /// `out = sum_j a_j y_j`, in the padded length of a row of classes.
    fn scores(&self, y: &[R], sample: Sample<'_, R>, out: &mut [R]) {
        out.fill(R::ZERO);
        for (feature, value) in sample.entries() {
            let weights = &y[feature * self.classes..][..self.classes];
            for (score, weight) in out.iter_mut().zip(weights) {
                *score += value * *weight;
            }
        }
    }

    /// `out = p - e_label`: the derivative of a sample's loss by its scores.
    fn residual(&self, y: &[R], sample: Sample<'_, R>, out: &mut [R]) {
        self.scores(y, sample, out);
        ops::softmax(self.simd, out, self.classes, out.len());
        let label = sample.label as usize;
        out[label] = out[label] - R::ONE;
    }

    /// `out_j += c a_j s`, for every feature of the sample.
    fn spread(&self, c: R, sample: Sample<'_, R>, s: &[R], out: &mut [R]) {
        for (feature, value) in sample.entries() {
            let factor = c * value;
            let weights = &mut out[feature * self.classes..][..self.classes];
            for (weight, s) in weights.iter_mut().zip(s) {
                *weight += factor * *s;
            }
        }
    }

    /// `exp(x_j)`, padded.
    fn penalties(&self, x: &[R], out: &mut [R]) {
        out[..x.len()].copy_from_slice(x);
        out[x.len()..].fill(R::ZERO);
        ops::exponentials(self.simd, out);
    }

    /// `out_j = exp(x_j) v_j`.
    fn penalise(&self, penalties: &[R], v: &[R], out: &mut [R]) {
        let rows = v.chunks_exact(self.classes);
        let rows = rows.zip(out.chunks_exact_mut(self.classes));
        for ((v, out), penalty) in rows.zip(penalties) {
            for (out, v) in out.iter_mut().zip(v) {
                *out = *penalty * *v;
            }
        }
    }

    fn split<'a>(&self, work: &'a mut [R]) -> (&'a mut [R], &'a mut [R], &'a mut [R]) {
        let (penalties, rest) = work.split_at_mut(padded(self.features));
        let (first, second) = rest.split_at_mut(padded(self.classes));
        (penalties, first, second)
    }

    /// Sums of loss and error over rows.
    fn judge(&self, at: &Iterate<R>, samples: &Samples<R>, rows: &[u32]) -> [f64; 2] {
        let mut scores = vec![R::ZERO; padded(self.classes)];
        let mut sums = [0.0; 2];
        for &row in rows {
            let sample = samples.row(row);
            self.scores(&at.y, sample, &mut scores);
            let judged = ops::judge(self.simd, &scores[..self.classes], sample.label);
            sums = [sums[0] + judged[0], sums[1] + judged[1]];
        }
        sums
    }
}

impl<R: Real> Oracle for Logistic<R> {
    type Real = R;

    fn simd(&self) -> Simd {
        self.simd
    }

    fn dims(&self) -> Dims {
        Dims {
            x: self.features,
            y: self.features * self.classes,
            z: 0,
        }
    }

    fn start(&self) -> Iterate<R> {
        Iterate {
            x: vec![R::from_f64(self.log_penalty); self.features],
            y: Aligned::zeros(self.features * self.classes),
            z: Vec::new(),
        }
    }

    fn work_words(&self) -> usize {
        padded(self.features) + 2 * padded(self.classes)
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let (penalties, residual, _) = self.split(work);
        self.penalties(&at.x, penalties);
        self.penalise(penalties, &at.y, out);
        for &row in batch {
            let sample = self.samples.training.row(row);
            self.residual(&at.y, sample, residual);
            self.spread(share(batch), sample, residual, out);
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
        let (_, residual, _) = self.split(work);
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        for &row in batch {
            let sample = self.samples.table(Table::Validation).row(row);
            self.residual(&at.y, sample, residual);
            self.spread(share(batch), sample, residual, gy);
        }
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (penalties, p, along) = self.split(work);
        self.penalties(&at.x, penalties);
        self.penalise(penalties, v, out);
        for &row in batch {
            let sample = self.samples.training.row(row);
            self.scores(&at.y, sample, p);
            ops::softmax(self.simd, p, self.classes, p.len());
            self.scores(v, sample, along);
            ops::softmax_along(self.simd, p, p.len(), along);
            self.spread(share(batch), sample, along, out);
        }
    }

    fn cross_vp(&self, at: &Iterate<R>, _: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (penalties, ..) = self.split(work);
        self.penalties(&at.x, penalties);
        let rows =
            at.y.chunks_exact(self.classes)
                .zip(v.chunks_exact(self.classes));
        for ((out, penalty), (y, v)) in out.iter_mut().zip(penalties).zip(rows) {
            let terms = y.iter().zip(v);
            let product = terms.fold(R::ZERO, |sum, (y, v)| sum + *y * *v);
            *out = *penalty * product;
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let [loss, _] = self.judge(at, &self.samples.training, batch);
        let rows = at.x.iter().zip(at.y.chunks_exact(self.classes));
        let penalty: f64 = rows
            .map(|(x, y)| {
                let square = |sum: f64, y: &R| sum + y.to_f64() * y.to_f64();
                elementary::exp(x.to_f64()) * y.iter().fold(0.0, square)
            })
            .sum();
        loss / batch.len() as f64 + 0.5 * penalty
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let sums = self.judge(at, self.samples.table(table), rows);
        Metrics::mean(sums, rows.len())
    }
}
