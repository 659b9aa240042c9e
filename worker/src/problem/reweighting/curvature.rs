//! The second pass: how a batch's gradient changes along a direction in the parameters (the R-operator, Pearlmutter
//! 1994), which gives the Hessian-vector product and, on the way, every sample's derivative along that direction.
//!
//! The forward pass's activations are on the tape, and of the weights only those above the first layer are needed, so
//! nothing is computed twice and the tape stays small.

use super::{
    network::Network,
    pass::{self, Batch, Pass, Room},
};
use crate::kernel::{Real, Simd, ops};

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

impl<R> Taken<'_, R> {
    /// The weights of layer `l`, which is not the first.
    fn weights(&self, network: &Network, l: usize) -> &[R] {
        let offset = network.upper().start;
        let weights = &network.layers[l].weights;
        &self.upper[weights.start - offset..weights.end - offset]
    }
}

/// Pushes a direction in the parameters through the forward pass. The first layer's pre-activations' derivatives along it
/// are in `tangent` already ([`first_tangent`]); `upper` is the direction above. In `tangent`: activations' and logits'
/// derivatives along it (`a`, `p`), and the change of each hidden slope (`slope`). In `along`: each sample's derivative of
/// the loss along it.
pub fn push_forward<R: Real>(
    simd: Simd,
    network: &Network,
    taken: Taken<'_, R>,
    upper: &[R],
    tangent: &mut Pass<R>,
    along: &mut [R],
) {
    let samples = taken.batch.rows.len();
    let offset = network.upper().start;
    for (l, layer) in network.layers.iter().enumerate() {
        let rows = samples * layer.width;
        let (below, rest) = tangent.hidden.split_at_mut(l);
        let z = match rest.first_mut() {
            Some(values) => &mut values.a[..rows],
            None => &mut tangent.p[..rows],
        };
        if let Some(below) = below.last() {
            let v = &upper[layer.weights.start - offset..layer.weights.end - offset];
            let bias = &upper[layer.bias.start - offset..layer.bias.end - offset];
            let inputs = samples * layer.inputs;
            pass::fill_rows(z, bias);
            let a = &taken.pass.hidden[l - 1].a[..inputs];
            ops::add_dots(simd, a, v, layer.inputs, layer.width, z);
            let w = taken.weights(network, l);
            ops::add_dots(simd, &below.a[..inputs], w, layer.inputs, layer.width, z);
        }
        if let (Some(tangent), Some(values)) = (rest.first_mut(), taken.pass.hidden.get(l)) {
            ops::bend_rows(
                simd,
                network.activation,
                &values.a[..rows],
                &values.slope[..rows],
                &mut tangent.a[..rows],
                &mut tangent.slope[..rows],
            );
        }
    }
    let width = network.head().width;
    let rows = samples * width;
    let residual = &taken.pass.residual[..rows];
    ops::dot_rows(
        simd,
        residual,
        &tangent.p[..rows],
        width,
        &mut along[..samples],
    );
}

/// Where the first layer's pre-activations' derivatives stand in `tangent`.
pub fn first_tangent<R: Real>(tangent: &mut Pass<R>) -> &mut [R] {
    match tangent.hidden.first_mut() {
        Some(values) => &mut values.a,
        None => &mut tangent.p,
    }
}

/// Pulls what [`push_forward`] left in `tangent` back through the network, to each sample's change of `delta` along the
/// direction: in `delta` of the hidden layers, in `p` of the head. `upper` is the direction above the first layer.
pub fn pull_back<R: Real>(
    simd: Simd,
    network: &Network,
    taken: Taken<'_, R>,
    upper: &[R],
    tangent: &mut Pass<R>,
    room: &mut Room<R>,
) {
    let samples = taken.batch.rows.len();
    let width = network.head().width;
    let rows = samples * width;
    let p = &taken.pass.p[..rows];
    ops::softmax_along(simd, p, width, &mut tangent.p[..rows]);
    let offset = network.upper().start;
    for l in (0..tangent.hidden.len()).rev() {
        let next = &network.layers[l + 1];
        let (rows, outer) = (samples * next.inputs, samples * next.width);
        let (here, above) = tangent.hidden.split_at_mut(l + 1);
        let values = &mut here[l];
        let change = match above.first() {
            Some(above) => &above.delta,
            None => &tangent.p,
        };
        let up = &mut values.up[..rows];
        up.fill(R::ZERO);
        let w = taken.weights(network, l + 1);
        pass::pull(simd, &change[..outer], samples, w, next.inputs, room, up);
        let v = &upper[next.weights.start - offset..next.weights.end - offset];
        let delta = &taken.pass.delta(l + 1)[..outer];
        pass::pull(simd, delta, samples, v, next.inputs, room, up);
        let plain = &taken.pass.hidden[l];
        let delta = &mut values.delta[..rows];
        ops::multiply(simd, &values.slope[..rows], &plain.up[..rows], delta);
        ops::multiply_add(simd, &plain.slope[..rows], up, delta);
    }
}

/// The change of `delta` in the first layer, after [`pull_back`].
pub fn first_change<R: Real>(tangent: &Pass<R>) -> &[R] {
    match tangent.hidden.first() {
        Some(values) => &values.delta,
        None => &tangent.p,
    }
}

/// Adds `sum_b factors[b] (change of sample b's gradient)` above the first layer to `target`, the direction itself.
pub fn add_upper_change<R: Real>(
    simd: Simd,
    network: &Network,
    taken: Taken<'_, R>,
    factors: &[R],
    tangent: &Pass<R>,
    scaled: &mut [R],
    target: &mut [R],
) {
    let samples = taken.batch.rows.len();
    let mut rest = target;
    for (l, layer) in network.layers.iter().enumerate().skip(1) {
        let (w, bias, above) = layer.split(rest);
        let rows = samples * layer.width;
        let inputs = samples * layer.inputs;
        let scaled = &mut scaled[..rows];
        let change = tangent.hidden.get(l).map_or(&tangent.p, |v| &v.delta);
        ops::scale_rows(simd, &change[..rows], factors, layer.width, scaled);
        let a = &taken.pass.hidden[l - 1].a[..inputs];
        ops::combine(simd, scaled, layer.width, a, layer.inputs, w);
        ops::add_rows(simd, scaled, bias);
        let delta = &taken.pass.delta(l)[..rows];
        ops::scale_rows(simd, delta, factors, layer.width, scaled);
        let a = &tangent.hidden[l - 1].a[..inputs];
        ops::combine(simd, scaled, layer.width, a, layer.inputs, w);
        rest = above;
    }
}
