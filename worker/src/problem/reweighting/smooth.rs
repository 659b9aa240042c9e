//! Values, gradients and products by themselves, on scratch space: what solvers ask for that are not made of fused steps.

use super::{
    EVALUATION_BATCH, Reweighting, Scratch,
    curvature::{self, Taken},
    network::Network,
    pass::{self, Pass},
};
use crate::{
    kernel::{Aligned, Real, ops, padded},
    problem::{Iterate, Smooth},
};

/// Samples that are looked at first where their loss may be too much already.
const FIRST_LOOK: usize = 4;

/// Where g is linearized: a batch with its values, and the weights above the first layer.
#[derive(Debug)]
pub struct Linearized<R> {
    rows: Vec<u32>,
    /// `sigmoid(x_b)`.
    weights: Vec<R>,
    pass: Pass<R>,
    upper: Aligned<R>,
    /// For gradients of g by themselves.
    gradient: Pass<R>,
    shares: Vec<R>,
}

impl<R: Real> Linearized<R> {
    /// Room for gradients and products of so many samples.
    pub fn new(network: &Network, gradient: usize, products: usize) -> Self {
        let samples = gradient.max(products);
        Self {
            rows: Vec::with_capacity(products),
            weights: Vec::with_capacity(padded(samples)),
            pass: Pass::new(network, products),
            upper: Aligned::zeros(upper(network, products)),
            gradient: Pass::new(network, gradient),
            shares: vec![R::ZERO; samples],
        }
    }

    /// Words that [`Linearized::new`] allocates.
    pub fn words(network: &Network, gradient: usize, products: usize) -> usize {
        let samples = gradient.max(products);
        products
            + padded(samples)
            + samples
            + Pass::<R>::words(network, products)
            + Pass::<R>::words(network, gradient)
            + upper(network, products)
    }
}

fn upper(network: &Network, products: usize) -> usize {
    match products {
        0 => 0,
        _ => network.upper().len(),
    }
}

impl<R: Real> Reweighting<R> {
    /// `sigmoid(x_b)` of a batch.
    pub(super) fn weigh(&self, x: &[R], batch: &[u32], weights: &mut Vec<R>) {
        weights.clear();
        weights.extend(batch.iter().map(|&row| x[self.place(row)]));
        weights.resize(padded(batch.len()), R::ZERO);
        ops::sigmoids(self.simd, weights);
        weights.truncate(batch.len());
    }

    /// `out += 2 l2 v`: the gradient of `l2 |y|^2` at v, and its Hessian times v.
    fn ridge(&self, v: &[R], out: &mut [R]) {
        if self.l2 != 0.0 {
            ops::add_multiple(self.simd, R::from_f64(2.0 * self.l2), v, out);
        }
    }

    /// g; where `most` is given and g is more, perhaps only a part of it that is more, too: no term is negative.
    pub(super) fn weighted_loss(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        batch: &[u32],
        most: Option<f64>,
    ) -> f64 {
        let count = batch.len() as f64;
        self.weigh(&at.x, batch, &mut scratch.linear.weights);
        let (mut sum, mut from) = (0.0, 0);
        let mut chunk = most.map_or(EVALUATION_BATCH, |_| FIRST_LOOK);
        while from < batch.len() {
            let to = batch.len().min(from + chunk);
            self.add_losses(scratch, at, &batch[from..to], from, &mut sum);
            if most.is_some_and(|most| sum / count > most) {
                return sum / count;
            }
            (from, chunk) = (to, EVALUATION_BATCH);
        }
        let ridge = match self.l2 {
            0.0 => 0.0,
            l2 => l2 * ops::dot(self.simd, &at.y, &at.y),
        };
        sum / count + ridge
    }

    /// Adds the losses of some samples, whose weights stand from `first` on, one after another.
    fn add_losses(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        rows: &[u32],
        first: usize,
        sum: &mut f64,
    ) {
        let head = self.network.head();
        let (columns, pass) = (&mut scratch.room.columns, &mut scratch.evaluation);
        let samples = self.training.batch(rows);
        pass::logits(self.simd, &self.network, &at.y, samples, columns, pass);
        let losses = samples.losses(self.simd, head, &pass.p);
        let weights = &scratch.linear.weights[first..][..rows.len()];
        for (weight, loss) in weights.iter().zip(losses) {
            *sum += weight.to_f64() * loss;
        }
    }

    /// Pushes `v` forward through where g is linearized; each sample's derivative along it is left in `along`.
    fn push(&self, scratch: &mut Scratch<R>, v: &[R]) {
        let Scratch {
            linear,
            tangent,
            room,
            along,
            ..
        } = scratch;
        let (simd, network) = (self.simd, &self.network);
        let batch = self.training.batch(&linear.rows);
        let taken = Taken {
            batch,
            pass: &linear.pass,
            upper: &linear.upper,
        };
        let first = &network.layers[0];
        let rows = linear.rows.len() * first.width;
        let z = &mut curvature::first_tangent(tangent)[..rows];
        pass::fill_rows(z, &v[first.bias.clone()]);
        let (w, columns) = (&v[first.weights.clone()], &mut room.columns);
        pass::first_forward(simd, batch.data, batch.rows, w, first.width, columns, z);
        let upper = &v[network.upper()];
        curvature::push_forward(simd, network, taken, upper, tangent, along);
    }
}

/// `sigmoid(x_b) / B`.
fn share<R: Real>(weights: &[R], shares: &mut [R]) {
    let each = R::ONE / R::from_f64(weights.len() as f64);
    for (share, &weight) in shares.iter_mut().zip(weights) {
        *share = each * weight;
    }
}

impl<R: Real> Smooth for Reweighting<R> {
    fn inner_grad(&self, scratch: &mut Scratch<R>, at: &Iterate<R>, batch: &[u32], out: &mut [R]) {
        let Scratch {
            linear, line, room, ..
        } = scratch;
        let Linearized {
            weights,
            gradient,
            shares,
            ..
        } = linear;
        let (simd, network) = (self.simd, &self.network);
        self.weigh(&at.x, batch, weights);
        let samples = self.training.batch(batch);
        pass::logits(simd, network, &at.y, samples, &mut room.columns, gradient);
        line.begin(batch, weights, &gradient.p);
        pass::differentiate(simd, network, &at.y, samples, room, gradient);
        let shares = &mut shares[..batch.len()];
        share(weights, shares);
        out.fill(R::ZERO);
        pass::add_gradient(simd, network, samples, gradient, shares, room, out);
        self.ridge(&at.y, out);
    }

    fn outer_grads(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        batch: &[u32],
        gx: &mut [R],
        gy: &mut [R],
    ) {
        let Scratch {
            outer,
            room,
            factors,
            ..
        } = scratch;
        let (simd, network) = (self.simd, &self.network);
        let samples = self.validation.batch(batch);
        pass::forward_backward(simd, network, &at.y, samples, room, outer);
        let shares = &mut factors[..batch.len()];
        shares.fill(R::ONE / R::from_f64(batch.len() as f64));
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        pass::add_gradient(simd, network, samples, outer, shares, room, gy);
    }

    fn linearize(&self, scratch: &mut Scratch<R>, at: &Iterate<R>, batch: &[u32]) {
        let Scratch { linear, room, .. } = scratch;
        linear.rows.clear();
        linear.rows.extend_from_slice(batch);
        self.weigh(&at.x, batch, &mut linear.weights);
        linear.upper.copy_from_slice(&at.y[self.network.upper()]);
        let samples = self.training.batch(batch);
        let pass = &mut linear.pass;
        pass::forward_backward(self.simd, &self.network, &at.y, samples, room, pass);
    }

    fn inner_hvp(&self, scratch: &mut Scratch<R>, v: &[R], out: &mut [R]) {
        self.push(scratch, v);
        let Scratch {
            linear,
            tangent,
            room,
            ..
        } = scratch;
        let (simd, network) = (self.simd, &self.network);
        let taken = Taken {
            batch: self.training.batch(&linear.rows),
            pass: &linear.pass,
            upper: &linear.upper,
        };
        let upper = &v[network.upper()];
        curvature::pull_back(simd, network, taken, upper, tangent, room);
        let shares = &mut linear.shares[..linear.rows.len()];
        share(&linear.weights, shares);
        out.fill(R::ZERO);
        let first = &network.layers[0];
        let (below, above) = out.split_at_mut(first.bias.end);
        let rows = linear.rows.len() * first.width;
        let change = &curvature::first_change(tangent)[..rows];
        let scaled = &mut room.scaled[..rows];
        ops::scale_rows(simd, change, shares, first.width, scaled);
        let (w, bias) = below.split_at_mut(first.weights.len());
        let columns = &mut room.columns;
        let (data, batch) = (taken.batch.data, taken.batch.rows);
        pass::first_update(simd, data, batch, columns, scaled, w, bias);
        let scaled = &mut room.scaled;
        curvature::add_upper_change(simd, network, taken, shares, tangent, scaled, above);
        self.ridge(v, out);
    }

    fn cross_vp(&self, scratch: &mut Scratch<R>, v: &[R], out: &mut [R]) {
        self.push(scratch, v);
        out.fill(R::ZERO);
        let linear = &scratch.linear;
        let each = R::ONE / R::from_f64(linear.rows.len() as f64);
        let samples = linear.rows.iter().zip(&linear.weights);
        for ((&row, &weight), &along) in samples.zip(&scratch.along) {
            out[self.place(row)] += each * (weight * (R::ONE - weight)) * along;
        }
    }
}
