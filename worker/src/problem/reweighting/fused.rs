//! The fused operations, each compiled as one kernel.

use super::{
    Labelled, Scratch, Side, Step,
    curvature::{self, Taken},
    gram,
    network::Network,
    pass::{self, Batch, Pass},
};
use crate::kernel::{Real, dispatch::Kernel};

/// `y -= eta d_y g`, leaving the batch's values in `pass`.
pub(super) struct InnerStep<'a, R> {
    pub network: &'a Network,
    pub batch: Batch<'a, R>,
    pub weights: &'a [R],
    pub eta: R,
    pub pass: &'a mut Pass<R>,
    pub factors: &'a mut [R],
    pub scaled: &'a mut [R],
    pub y: &'a mut [R],
}

impl<R: Real> Kernel for InnerStep<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let samples = self.batch.rows.len();
        pass::forward_backward(self.network, self.y, self.batch, self.pass);
        step_factors(self.weights, self.eta, self.factors);
        let factors = &self.factors[..samples];
        pass::add_gradient(
            self.network,
            self.batch,
            self.pass,
            factors,
            self.scaled,
            self.y,
        );
    }
}

/// `-eta sigmoid(x_b) / B`: what the derivative of sample b's loss is multiplied by.
#[inline(always)]
fn step_factors<R: Real>(weights: &[R], eta: R, factors: &mut [R]) {
    let step = -(eta / R::from_f64(weights.len() as f64));
    for (factor, &weight) in factors.iter_mut().zip(weights) {
        *factor = step * weight;
    }
}

/// The outer direction through the taped inner steps, in reverse (Ji21 Proposition 2; the adjoint `lambda` is that of
/// the inner variable, with a plus sign).
pub(super) struct Unrolled<'a, R> {
    pub network: &'a Network,
    pub training: &'a Labelled<R>,
    pub batch: Batch<'a, R>,
    pub y: &'a [R],
    pub scratch: &'a mut Scratch<R>,
    pub out: &'a mut [R],
}

impl<R: Real> Kernel for Unrolled<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Scratch {
            tape,
            outer,
            tangent,
            lambda,
            scaled,
            factors,
            products,
            table,
            ..
        } = self.scratch;
        let network = self.network;
        pass::forward_backward(network, self.y, self.batch, outer);
        if let [step] = tape.as_slice() {
            let inner = Side {
                batch: self.training.batch(&step.rows),
                pass: &step.pass,
            };
            let outer = Side {
                batch: self.batch,
                pass: outer,
            };
            gram::mean_products(network, inner, outer, table, products);
            return add_cross(step, products, self.out);
        }
        let samples = self.batch.rows.len();
        let share = R::ONE / R::from_f64(samples as f64);
        factors[..samples].fill(share);
        lambda.fill(R::ZERO);
        pass::add_gradient(
            network,
            self.batch,
            outer,
            &factors[..samples],
            scaled,
            lambda,
        );
        for (t, step) in tape.iter().enumerate().rev() {
            let taken = Taken {
                batch: self.training.batch(&step.rows),
                pass: &step.pass,
                upper: &step.upper,
            };
            curvature::push_forward(
                network,
                taken,
                lambda,
                tangent,
                &mut products[..step.rows.len()],
            );
            add_cross(step, products, self.out);
            if t > 0 {
                step_factors(&step.weights, step.eta, factors);
                let factors = &factors[..step.rows.len()];
                curvature::pull_back(network, taken, factors, scaled, tangent, lambda);
            }
        }
    }
}

/// `out -= eta d_x d_y g lambda`, given every sample's `<grad loss_b, lambda>`.
#[inline(always)]
fn add_cross<R: Real>(step: &Step<R>, products: &[R], out: &mut [R]) {
    let share = -(step.eta / R::from_f64(step.rows.len() as f64));
    for ((&row, &weight), &product) in step.rows.iter().zip(&step.weights).zip(products) {
        let slope = weight * (R::ONE - weight);
        out[row as usize] += share * slope * product;
    }
}

/// Logits of a batch, for evaluation.
pub(super) struct Logits<'a, R> {
    pub network: &'a Network,
    pub y: &'a [R],
    pub batch: Batch<'a, R>,
    pub pass: &'a mut Pass<R>,
}

impl<R: Real> Kernel for Logits<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        pass::logits(self.network, self.y, self.batch, self.pass);
    }
}
