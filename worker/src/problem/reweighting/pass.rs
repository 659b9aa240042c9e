//! Forward and backward through the network for a batch: activations, class probabilities and per-sample derivatives of
//! the cross-entropy, not yet weighted.

use bistable_common::spec::Activation;

use super::network::Network;
use crate::kernel::{LANES, Real, SparseRows, elementary, ops};

/// A hidden layer's values for a batch, `[sample][width]` each.
#[derive(Debug, Clone)]
pub struct HiddenValues<R> {
    /// Activations.
    pub a: Vec<R>,
    /// The activation function's derivative.
    pub slope: Vec<R>,
    /// The loss's derivative in the activations.
    pub up: Vec<R>,
    /// The loss's derivative in the pre-activations, `slope * up`.
    pub delta: Vec<R>,
}

/// What a batch leaves behind on its way through the network.
#[derive(Debug, Clone)]
pub struct Pass<R> {
    /// Hidden layers, first to last.
    pub hidden: Vec<HiddenValues<R>>,
    /// Logits, then class probabilities, `[sample][width]`; zero in the padding.
    pub p: Vec<R>,
    /// The loss's derivative in the logits: `p` minus the label.
    pub residual: Vec<R>,
}

impl<R: Real> Pass<R> {
    /// Room for batches of up to `batch` samples.
    pub fn new(network: &Network, batch: usize) -> Self {
        let rows = |width: usize| vec![R::ZERO; batch * width];
        let values = |width| HiddenValues {
            a: rows(width),
            slope: rows(width),
            up: rows(width),
            delta: rows(width),
        };
        Self {
            hidden: network
                .hidden()
                .iter()
                .map(|layer| values(layer.width))
                .collect(),
            p: rows(network.head().width),
            residual: rows(network.head().width),
        }
    }

    /// Words that [`Pass::new`] allocates.
    pub fn words(network: &Network, batch: usize) -> usize {
        let hidden: usize = network.hidden().iter().map(|layer| 4 * layer.width).sum();
        batch * (hidden + 2 * network.head().width)
    }
}

/// The rows of a batch, where they come from, and what they are called.
#[derive(Clone, Copy)]
pub struct Batch<'a, R> {
    /// The samples.
    pub data: &'a SparseRows<R>,
    /// Their labels.
    pub labels: &'a [u8],
    /// The rows.
    pub rows: &'a [u32],
}

#[inline(always)]
fn fill_rows<R: Real>(rows: &mut [R], row: &[R]) {
    rows.chunks_exact_mut(row.len())
        .for_each(|r| r.copy_from_slice(row));
}

/// Activations up to the logits, which are left in `pass.p`.
#[inline(always)]
pub fn logits<R: Real>(network: &Network, y: &[R], batch: Batch<'_, R>, pass: &mut Pass<R>) {
    let samples = batch.rows.len();
    let mut below: Option<&[R]> = None;
    for (layer, values) in network.hidden().iter().zip(&mut pass.hidden) {
        let (w, bias) = (&y[layer.weights.clone()], &y[layer.bias.clone()]);
        let rows = samples * layer.width;
        let z = &mut values.a[..rows];
        match below {
            None => ops::sparse_forward(batch.data, batch.rows, w, bias, z),
            Some(a) => {
                fill_rows(z, bias);
                ops::dense_forward(a, layer.inputs, w, layer.outputs, z);
            }
        }
        activate(network.activation, z, &mut values.slope[..rows]);
        below = Some(&values.a[..rows]);
    }
    let head = network.head();
    let z = &mut pass.p[..samples * head.width];
    fill_rows(z, &y[head.bias.clone()]);
    let a = below.unwrap_or_default();
    ops::dense_forward(a, head.inputs, &y[head.weights.clone()], head.outputs, z);
}

/// Replaces pre-activations by activations, and gives the function's derivative.
#[inline(always)]
fn activate<R: Real>(activation: Activation, z: &mut [R], slope: &mut [R]) {
    match activation {
        Activation::Elu => {
            for (z, slope) in z.iter_mut().zip(slope) {
                let below = elementary::expm1(*z);
                *slope = if *z > R::ZERO { R::ONE } else { below + R::ONE };
                *z = if *z > R::ZERO { *z } else { below };
            }
        }
        Activation::Tanh => {
            for (z, slope) in z.iter_mut().zip(slope) {
                *z = elementary::tanh(*z);
                *slope = (-*z).mul_add(*z, R::ONE);
            }
        }
    }
}

/// The activation function's second derivative, from its value and slope.
#[inline(always)]
pub fn bend<R: Real>(activation: Activation, a: R, slope: R) -> R {
    match activation {
        Activation::Elu => {
            if a < R::ZERO {
                slope
            } else {
                R::ZERO
            }
        }
        Activation::Tanh => -(a + a) * slope,
    }
}

/// Replaces logits by probabilities, row by row.
#[inline(always)]
fn softmax<R: Real>(p: &mut [R], classes: usize, width: usize) {
    for row in p.chunks_exact_mut(width) {
        let largest = row[1..classes]
            .iter()
            .fold(row[0], |m, &z| if z > m { z } else { m });
        for z in row.iter_mut() {
            *z = elementary::exp(*z - largest);
        }
        row[classes..].fill(R::ZERO);
        let mut sums = [R::ZERO; LANES];
        for chunk in row.as_chunks::<LANES>().0 {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += *value;
            }
        }
        let sum = ops::tree(&sums);
        for p in row.iter_mut() {
            *p = *p / sum;
        }
    }
}

/// Forward and backward: everything in `pass`, for every sample of the batch.
#[inline(always)]
pub fn forward_backward<R: Real>(
    network: &Network,
    y: &[R],
    batch: Batch<'_, R>,
    pass: &mut Pass<R>,
) {
    logits(network, y, batch, pass);
    let samples = batch.rows.len();
    let head = network.head();
    let p = &mut pass.p[..samples * head.width];
    softmax(p, head.outputs, head.width);
    let residual = &mut pass.residual[..samples * head.width];
    residual.copy_from_slice(p);
    for (row, residual) in batch.rows.iter().zip(residual.chunks_exact_mut(head.width)) {
        let label = usize::from(batch.labels[*row as usize]);
        residual[label] = residual[label] - R::ONE;
    }
    backward(network, &y[network.upper()], samples, pass);
}

/// The loss's derivatives, from the residual down; `upper` are the weights above the first layer.
#[inline(always)]
fn backward<R: Real>(network: &Network, upper: &[R], samples: usize, pass: &mut Pass<R>) {
    let offset = network.upper().start;
    let mut above: &[R] = &pass.residual[..samples * network.head().width];
    for (l, values) in pass.hidden.iter_mut().enumerate().rev() {
        let next = &network.layers[l + 1];
        let w = &upper[next.weights.start - offset..next.weights.end - offset];
        let rows = samples * next.inputs;
        let up = &mut values.up[..rows];
        up.fill(R::ZERO);
        ops::dense_backward(above, w, next.outputs, next.inputs, up);
        for ((delta, up), slope) in values.delta[..rows]
            .iter_mut()
            .zip(up)
            .zip(&values.slope[..rows])
        {
            *delta = *slope * *up;
        }
        above = &values.delta[..rows];
    }
}

/// Adds `sum_b factors[b] * (derivative of sample b's loss)` to `target`, a slice with the network's layout. `scaled` is
/// room for the widest layer's rows.
#[inline(always)]
pub fn add_gradient<R: Real>(
    network: &Network,
    batch: Batch<'_, R>,
    pass: &Pass<R>,
    factors: &[R],
    scaled: &mut [R],
    target: &mut [R],
) {
    let samples = batch.rows.len();
    for (l, layer) in network.layers.iter().enumerate() {
        let delta = match pass.hidden.get(l) {
            Some(values) => &values.delta,
            None => &pass.residual,
        };
        let rows = samples * layer.width;
        let scaled = &mut scaled[..rows];
        ops::scale_rows(&delta[..rows], factors, layer.width, scaled);
        let (w, bias) =
            target[layer.weights.start..layer.bias.end].split_at_mut(layer.weights.len());
        match l.checked_sub(1) {
            None => ops::sparse_update(batch.data, batch.rows, scaled, w, bias),
            Some(below) => {
                let a = &pass.hidden[below].a[..samples * layer.inputs];
                ops::dense_update(scaled, layer.outputs, a, layer.inputs, w, Some(bias));
            }
        }
    }
}
