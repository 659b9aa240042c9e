//! Forward and backward through the network for a batch: activations, class probabilities and per-sample derivatives of
//! the cross-entropy, not yet weighted.

use super::network::{Layer, Network};
use crate::kernel::{Aligned, Columns, LANES, Layout, Real, Rows, Simd, ops};

/// A hidden layer's values for a batch, `[sample][width]` each.
#[derive(Debug)]
pub struct HiddenValues<R> {
    /// Activations.
    pub a: Aligned<R>,
    /// The activation function's derivative.
    pub slope: Aligned<R>,
    /// The loss's derivative in the activations.
    pub up: Aligned<R>,
    /// The loss's derivative in the pre-activations, `slope * up`.
    pub delta: Aligned<R>,
}

/// What a batch leaves behind on its way through the network.
#[derive(Debug)]
pub struct Pass<R> {
    /// Hidden layers, first to last.
    pub hidden: Vec<HiddenValues<R>>,
    /// Logits, then class probabilities, `[sample][width]`; zero in the padding.
    pub p: Aligned<R>,
    /// The loss's derivative in the logits: `p` minus the label.
    pub residual: Aligned<R>,
}

impl<R: Real> Pass<R> {
    /// Room for batches of up to `batch` samples.
    pub fn new(network: &Network, batch: usize) -> Self {
        let rows = |width: usize| Aligned::zeros(batch * width);
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

    /// The loss's derivatives in the pre-activations of layer `l`.
    pub fn delta(&self, l: usize) -> &[R] {
        match self.hidden.get(l) {
            Some(values) => &values.delta,
            None => &self.residual,
        }
    }
}

/// Room that the passes share.
#[derive(Debug)]
pub struct Room<R> {
    /// A batch's samples turned around.
    pub columns: Columns<R>,
    /// Rows of the widest layer.
    pub scaled: Aligned<R>,
    /// The same, turned around.
    turned: Aligned<R>,
}

impl<R: Real> Room<R> {
    /// Room for batches of up to `batch` samples.
    pub fn new(network: &Network, batch: usize) -> Self {
        Self {
            columns: Columns::new(network.layers[0].fan_in),
            scaled: Aligned::zeros(batch * network.widest()),
            turned: Aligned::zeros(batch * network.widest()),
        }
    }

    /// Words that [`Room::new`] allocates.
    pub fn words(network: &Network, batch: usize) -> usize {
        Columns::<R>::words(network.layers[0].fan_in) + 2 * batch * network.widest()
    }
}

/// The rows of a batch, where they come from, and what they are called.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a, R> {
    /// The samples.
    pub data: &'a Rows<R>,
    /// Their labels.
    pub labels: &'a [u32],
    /// The rows.
    pub rows: &'a [u32],
}

impl<R: Real> Batch<'_, R> {
    /// Cross-entropies of up to sixteen samples, given their logits.
    pub fn losses(self, simd: Simd, head: &Layer, logits: &[R]) -> [f64; LANES] {
        let mut labels = [0; LANES];
        for (label, &row) in labels.iter_mut().zip(self.rows) {
            *label = self.labels[row as usize];
        }
        let labels = &labels[..self.rows.len()];
        ops::cross_entropies(simd, logits, head.outputs, head.width, labels)
    }
}

/// `z[b] += sum_p x[b][p] w[p]` for rows of `data`.
pub fn first_forward<R: Real>(
    simd: Simd,
    data: &Rows<R>,
    rows: &[u32],
    w: &[R],
    width: usize,
    columns: &mut Columns<R>,
    z: &mut [R],
) {
    match data.layout() {
        Layout::Sparse => ops::sparse_forward(simd, data, rows, w, width, z),
        Layout::Dense => {
            for (rows, z) in rows.chunks(LANES).zip(z.chunks_mut(LANES * width)) {
                columns.turn(data, [rows].into_iter());
                ops::combine(simd, columns.values(), LANES, w, width, z);
            }
        }
    }
}

/// `w[p] += sum_b x[b][p] delta[b]` and `bias += sum_b delta[b]` for rows of `data`.
pub fn first_update<R: Real>(
    simd: Simd,
    data: &Rows<R>,
    rows: &[u32],
    columns: &mut Columns<R>,
    delta: &[R],
    w: &mut [R],
    bias: &mut [R],
) {
    let width = bias.len();
    if width == LANES && data.layout() == Layout::Sparse {
        ops::sparse_scatter(simd, data, rows, delta, w);
        return ops::add_rows(simd, delta, bias);
    }
    for (rows, delta) in rows.chunks(LANES).zip(delta.chunks(LANES * width)) {
        columns.turn(data, [rows].into_iter());
        ops::sparse_update(simd, columns, delta, width, w);
    }
    ops::add_rows(simd, delta, bias);
}

/// Copies `row` into every row of `rows`.
pub fn fill_rows<R: Real>(rows: &mut [R], row: &[R]) {
    rows.chunks_exact_mut(row.len())
        .for_each(|r| r.copy_from_slice(row));
}

/// `u[b] += sum_o delta[b][o] w[o]`, in the order of outputs; `w` has a row for each output that is not padding.
pub fn pull<R: Real>(
    simd: Simd,
    delta: &[R],
    samples: usize,
    w: &[R],
    inputs: usize,
    room: &mut Room<R>,
    u: &mut [R],
) {
    let (outputs, width) = (w.len() / inputs, delta.len() / samples);
    let turned = &mut room.turned[..outputs * samples];
    for (b, delta) in delta.chunks_exact(width).enumerate() {
        for (turned, delta) in turned[b..].iter_mut().step_by(samples).zip(delta) {
            *turned = *delta;
        }
    }
    ops::combine(simd, turned, samples, w, inputs, u);
}

/// Activations up to the logits, which are left in `pass.p`.
pub fn logits<R: Real>(
    simd: Simd,
    network: &Network,
    y: &[R],
    batch: Batch<'_, R>,
    columns: &mut Columns<R>,
    pass: &mut Pass<R>,
) {
    let samples = batch.rows.len();
    for (l, layer) in network.layers.iter().enumerate() {
        let (w, bias) = (&y[layer.weights.clone()], &y[layer.bias.clone()]);
        let rows = samples * layer.width;
        let (below, rest) = pass.hidden.split_at_mut(l);
        let (z, slope) = match rest.first_mut() {
            Some(values) => (&mut values.a[..rows], Some(&mut values.slope[..rows])),
            None => (&mut pass.p[..rows], None),
        };
        fill_rows(z, bias);
        match below.last() {
            None => first_forward(simd, batch.data, batch.rows, w, layer.width, columns, z),
            Some(below) => {
                let a = &below.a[..samples * layer.inputs];
                ops::add_dots(simd, a, w, layer.inputs, layer.width, z);
            }
        }
        if let Some(slope) = slope {
            ops::activate(simd, network.activation, z, slope);
        }
    }
}

/// Forward and backward: everything in `pass`, for every sample of the batch.
pub fn forward_backward<R: Real>(
    simd: Simd,
    network: &Network,
    y: &[R],
    batch: Batch<'_, R>,
    room: &mut Room<R>,
    pass: &mut Pass<R>,
) {
    logits(simd, network, y, batch, &mut room.columns, pass);
    differentiate(simd, network, y, batch, room, pass);
}

/// Backward, after [`logits`].
pub fn differentiate<R: Real>(
    simd: Simd,
    network: &Network,
    y: &[R],
    batch: Batch<'_, R>,
    room: &mut Room<R>,
    pass: &mut Pass<R>,
) {
    let head = network.head();
    let rows = batch.rows.len() * head.width;
    ops::softmax(simd, &mut pass.p[..rows], head.outputs, head.width);
    pass.residual[..rows].copy_from_slice(&pass.p[..rows]);
    for (row, residual) in batch
        .rows
        .iter()
        .zip(pass.residual.chunks_exact_mut(head.width))
    {
        let label = batch.labels[*row as usize] as usize;
        residual[label] = residual[label] - R::ONE;
    }
    backward(simd, network, y, batch.rows.len(), room, pass);
}

/// The loss's derivatives, from the residual down.
fn backward<R: Real>(
    simd: Simd,
    network: &Network,
    y: &[R],
    samples: usize,
    room: &mut Room<R>,
    pass: &mut Pass<R>,
) {
    for l in (0..pass.hidden.len()).rev() {
        let next = &network.layers[l + 1];
        let (here, above) = pass.hidden.split_at_mut(l + 1);
        let values = &mut here[l];
        let delta = match above.first() {
            Some(above) => &above.delta,
            None => &pass.residual,
        };
        let rows = samples * next.inputs;
        let up = &mut values.up[..rows];
        up.fill(R::ZERO);
        let w = &y[next.weights.clone()];
        let delta = &delta[..samples * next.width];
        pull(simd, delta, samples, w, next.inputs, room, up);
        ops::multiply(simd, &values.slope[..rows], up, &mut values.delta[..rows]);
    }
}

/// Adds `sum_b factors[b] * (derivative of sample b's loss)` to `target`, a slice with the network's layout.
pub fn add_gradient<R: Real>(
    simd: Simd,
    network: &Network,
    batch: Batch<'_, R>,
    pass: &Pass<R>,
    factors: &[R],
    room: &mut Room<R>,
    target: &mut [R],
) {
    let first = &network.layers[0];
    let rows = batch.rows.len() * first.width;
    let scaled = &mut room.scaled[..rows];
    ops::scale_rows(simd, &pass.delta(0)[..rows], factors, first.width, scaled);
    let (w, bias) = target[..first.bias.end].split_at_mut(first.weights.len());
    first_update(
        simd,
        batch.data,
        batch.rows,
        &mut room.columns,
        scaled,
        w,
        bias,
    );
    let upper = &mut target[first.bias.end..];
    add_upper_gradient(simd, network, pass, factors, &mut room.scaled, upper);
}

/// [`add_gradient`] above the first layer; `target` are the parameters from there on.
pub fn add_upper_gradient<R: Real>(
    simd: Simd,
    network: &Network,
    pass: &Pass<R>,
    factors: &[R],
    scaled: &mut [R],
    target: &mut [R],
) {
    let samples = factors.len();
    let mut rest = target;
    for (l, layer) in network.layers.iter().enumerate().skip(1) {
        let (w, bias, above) = layer.split(rest);
        let rows = samples * layer.width;
        let scaled = &mut scaled[..rows];
        ops::scale_rows(simd, &pass.delta(l)[..rows], factors, layer.width, scaled);
        let a = &pass.hidden[l - 1].a[..samples * layer.inputs];
        ops::combine(simd, scaled, layer.width, a, layer.inputs, w);
        ops::add_rows(simd, scaled, bias);
        rest = above;
    }
}
