//! Logistic regression of two classes as a single-level problem (Hardt et al. 2016):
//! `f(x; xi) = log(1 + exp(-b a'x)) + l2/2 |x|^2`, `b` of -1 or 1. There is no y, and g is zero.

use bistable_common::spec::BinaryLogisticSpec;

use super::{
    Dims, Iterate, Metrics, Oracle, Size, Table, Work,
    dealt::Dealt,
    samples::{Sample, Samples},
    share,
    size::EXPONENTIAL,
};
use crate::{
    data::Dataset,
    kernel::{Real, Simd, elementary, ops},
    setting::Setting,
};

/// The problem in one replicate.
#[derive(Debug)]
pub struct BinaryLogistic<R: Real> {
    simd: Simd,
    features: usize,
    l2: f64,
    samples: Dealt<Samples<R>>,
}

impl<R: Real> BinaryLogistic<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(setting: Setting<'_>, spec: &BinaryLogisticSpec, data: &Dataset) -> Option<Self> {
        Some(Self {
            simd: setting.simd,
            features: data.features() as usize,
            l2: spec.l2,
            samples: Samples::deal(setting, data)?,
        })
    }

    /// What it takes on data of so many features, with so many values in a sample.
    pub fn size(features: usize, values: f64) -> Size {
        Size {
            dims: Dims {
                x: features,
                y: 0,
                z: 0,
            },
            scalar: size_of::<R>(),
            work: 0,
            sample: Samples::<R>::bytes(values),
            gradient: Work {
                per_call: features as f64,
                per_sample: 2.0 * values + EXPONENTIAL,
            },
            product: Work::NONE,
            dual: Work::NONE,
            value: 2.0 * values + EXPONENTIAL,
        }
    }

    /// `a'x`.
    fn score(&self, x: &[R], sample: Sample<'_, R>) -> R {
        let entries = sample.entries();
        entries.fold(R::ZERO, |sum, (feature, value)| {
            value.mul_add(x[feature], sum)
        })
    }
}

/// `b`.
fn sign<R: Real>(sample: Sample<'_, R>) -> R {
    match sample.label {
        0 => -R::ONE,
        _ => R::ONE,
    }
}

/// `log(1 + exp(-margin))`, which overflows nowhere.
fn loss(margin: f64) -> f64 {
    (-margin).max(0.0) + elementary::ln(1.0 + elementary::exp(-margin.abs()))
}

impl<R: Real> Oracle for BinaryLogistic<R> {
    type Real = R;

    fn simd(&self) -> Simd {
        self.simd
    }

    fn dims(&self) -> Dims {
        Dims {
            x: self.features,
            y: 0,
            z: 0,
        }
    }

    fn start(&self) -> Iterate<R> {
        Iterate::zeros(self.dims())
    }

    fn work_words(&self) -> usize {
        0
    }

    fn inner_grad(&self, _: &Iterate<R>, _: &[u32], _: &mut [R], _: &mut [R]) {}

    fn outer_grads(&self, at: &Iterate<R>, batch: &[u32], gx: &mut [R], _: &mut [R], _: &mut [R]) {
        let share: R = share(batch);
        let l2 = R::from_f64(self.l2);
        for (g, x) in gx.iter_mut().zip(&at.x) {
            *g = l2 * *x;
        }
        for &row in batch {
            let sample = self.samples.table(Table::Validation).row(row);
            let b: R = sign(sample);
            let slope = -b * elementary::sigmoid(-b * self.score(&at.x, sample));
            for (feature, value) in sample.entries() {
                gx[feature] = (share * slope).mul_add(value, gx[feature]);
            }
        }
    }

    fn inner_hvp(&self, _: &Iterate<R>, _: &[u32], _: &[R], _: &mut [R], _: &mut [R]) {}

    fn cross_vp(&self, _: &Iterate<R>, _: &[u32], _: &[R], out: &mut [R], _: &mut [R]) {
        out.fill(R::ZERO);
    }

    fn inner_value(&self, _: &Iterate<R>, _: &[u32]) -> f64 {
        0.0
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let samples = self.samples.table(table);
        let mut sums = [0.0; 2];
        for &row in rows {
            let sample = samples.row(row);
            let score = self.score(&at.x, sample).to_f64();
            // Of equal scores the first class counts as the larger, as elsewhere.
            let wrong = (score > 0.0) != (sample.label > 0);
            let margin = sign::<R>(sample).to_f64() * score;
            sums = [sums[0] + loss(margin), sums[1] + f64::from(u8::from(wrong))];
        }
        let mut metrics = Metrics::mean(sums, rows.len());
        metrics.loss += 0.5 * self.l2 * ops::dot(self.simd, &at.x, &at.x);
        metrics
    }
}
