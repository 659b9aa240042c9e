//! The second pass: how a batch's gradient changes along a direction in the parameters (the R-operator, Pearlmutter
//! 1994), which gives the Hessian-vector product and, on the way, every sample's derivative along that direction.
//!
//! Only the weights above the first layer are needed, so a tape of inner steps stays small.

use super::{
    network::Network,
    pass::{Batch, Pass, bend},
};
use crate::kernel::{Real, ops};

/// A step's forward and backward values, and the upper weights at which they were taken.
#[derive(Clone, Copy)]
pub struct Taken<'a, R> {
    /// The batch.
    pub batch: Batch<'a, R>,
    /// Its values.
    pub pass: &'a Pass<R>,
    /// The weights above the first layer, as they were.
    pub upper: &'a [R],
}

/// Pushes `lambda`, a direction with the network's layout, through the forward pass. In `tangent`: activations' and
/// logits' derivatives along it (`a`, `p`), and the change of each hidden slope (`slope`). In `along`: each sample's
/// derivative of the loss along it.
#[inline(always)]
pub fn push_forward<R: Real>(
    network: &Network,
    taken: Taken<'_, R>,
    lambda: &[R],
    tangent: &mut Pass<R>,
    along: &mut [R],
) {
    let samples = taken.batch.rows.len();
    let offset = network.upper().start;
    for (l, layer) in network.layers.iter().enumerate() {
        let rows = samples * layer.width;
        let (v, bias) = (&lambda[layer.weights.clone()], &lambda[layer.bias.clone()]);
        let (below, rest) = tangent.hidden.split_at_mut(l);
        let z = match rest.first_mut() {
            Some(values) => &mut values.a[..rows],
            None => &mut tangent.p[..rows],
        };
        if l == 0 {
            ops::sparse_forward(taken.batch.data, taken.batch.rows, v, bias, z);
        } else {
            let inputs = samples * layer.inputs;
            let w = &taken.upper[layer.weights.start - offset..layer.weights.end - offset];
            z.chunks_exact_mut(layer.width)
                .for_each(|z| z.copy_from_slice(bias));
            ops::dense_forward(
                &taken.pass.hidden[l - 1].a[..inputs],
                layer.inputs,
                v,
                layer.outputs,
                z,
            );
            ops::dense_forward(&below[l - 1].a[..inputs], layer.inputs, w, layer.outputs, z);
        }
        if let (Some(tangent), Some(values)) = (rest.first_mut(), taken.pass.hidden.get(l)) {
            let slopes = tangent.slope[..rows]
                .iter_mut()
                .zip(&values.slope)
                .zip(&values.a);
            for (z, ((bent, &slope), &a)) in tangent.a[..rows].iter_mut().zip(slopes) {
                *bent = bend(network.activation, a, slope) * *z;
                *z = slope * *z;
            }
        }
    }
    let width = network.head().width;
    let logits = tangent.p[..samples * width].chunks_exact(width);
    let residuals = taken.pass.residual.chunks_exact(width);
    for ((along, z), residual) in along.iter_mut().zip(logits).zip(residuals) {
        *along = ops::dot(residual, z);
    }
}

/// Pulls what [`push_forward`] left in `tangent` back through the network and adds `sum_b factors[b] H_b lambda` to
/// `lambda`, in place.
#[inline(always)]
pub fn pull_back<R: Real>(
    network: &Network,
    taken: Taken<'_, R>,
    factors: &[R],
    scaled: &mut [R],
    tangent: &mut Pass<R>,
    lambda: &mut [R],
) {
    let samples = taken.batch.rows.len();
    let width = network.head().width;
    let probabilities = taken.pass.p.chunks_exact(width);
    for (z, p) in tangent.p[..samples * width]
        .chunks_exact_mut(width)
        .zip(probabilities)
    {
        let mean = ops::dot(p, z);
        for (z, p) in z.iter_mut().zip(p) {
            *z = *p * (*z - mean);
        }
    }
    pull_hidden(network, taken, tangent, lambda);
    for (l, layer) in network.layers.iter().enumerate() {
        let rows = samples * layer.width;
        let (values, tangents) = (taken.pass.hidden.get(l), tangent.hidden.get(l));
        let tangent_delta = tangents.map_or(&tangent.p, |values| &values.delta);
        let delta = values.map_or(&taken.pass.residual, |values| &values.delta);
        let (w, bias) =
            lambda[layer.weights.start..layer.bias.end].split_at_mut(layer.weights.len());
        ops::scale_rows(
            &tangent_delta[..rows],
            factors,
            layer.width,
            &mut scaled[..rows],
        );
        let Some(below) = l.checked_sub(1) else {
            ops::sparse_update(taken.batch.data, taken.batch.rows, &scaled[..rows], w, bias);
            continue;
        };
        let inputs = samples * layer.inputs;
        let a = &taken.pass.hidden[below].a[..inputs];
        ops::dense_update(
            &scaled[..rows],
            layer.outputs,
            a,
            layer.inputs,
            w,
            Some(bias),
        );
        ops::scale_rows(&delta[..rows], factors, layer.width, &mut scaled[..rows]);
        let a = &tangent.hidden[below].a[..inputs];
        ops::dense_update(&scaled[..rows], layer.outputs, a, layer.inputs, w, None);
    }
}

/// The hidden layers' `delta` in `tangent`, from the logits' down.
#[inline(always)]
fn pull_hidden<R: Real>(
    network: &Network,
    taken: Taken<'_, R>,
    tangent: &mut Pass<R>,
    lambda: &[R],
) {
    let samples = taken.batch.rows.len();
    let offset = network.upper().start;
    let mut above: &[R] = &tangent.p;
    for (l, values) in tangent.hidden.iter_mut().enumerate().rev() {
        let next = &network.layers[l + 1];
        let w = &taken.upper[next.weights.start - offset..next.weights.end - offset];
        let (rows, outer) = (samples * next.inputs, samples * next.width);
        let plain_above = match taken.pass.hidden.get(l + 1) {
            Some(values) => &values.delta,
            None => &taken.pass.residual,
        };
        let up = &mut values.up[..rows];
        up.fill(R::ZERO);
        ops::dense_backward(&above[..outer], w, next.outputs, next.inputs, up);
        let v = &lambda[next.weights.clone()];
        ops::dense_backward(&plain_above[..outer], v, next.outputs, next.inputs, up);
        let plain = &taken.pass.hidden[l];
        let first = values.delta[..rows].iter_mut().zip(up).zip(&plain.slope);
        let second = values.slope[..rows].iter().zip(&plain.up);
        for (((delta, up), slope), (bent, plain_up)) in first.zip(second) {
            *delta = slope.mul_add(*up, *bent * *plain_up);
        }
        above = &values.delta;
    }
}
