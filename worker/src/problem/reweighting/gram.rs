//! Inner products of per-sample gradients without the gradients: a dense layer's is `delta v'`, and
//! `<u v', s t'> = <u, s> <v, t>`; the bias joins as one more input that is always 1 (theory: SBO section 5 after Bao21).

use super::{
    network::Network,
    pass::{Batch, Pass},
};
use crate::kernel::{Aligned, Columns, LANES, Real, Simd, ops};

/// A batch with its values.
#[derive(Clone, Copy)]
pub struct Side<'a, R> {
    /// The batch.
    pub batch: Batch<'a, R>,
    /// Its forward and backward values.
    pub pass: &'a Pass<R>,
}

/// Room for the inner products of two batches.
#[derive(Debug)]
pub struct Products<R> {
    /// `[outer sample][16 inner samples]`: of the samples, plus 1.
    inputs: Aligned<R>,
    /// `[inner sample][outer sample]`: of a layer's `delta`.
    deltas: Vec<R>,
    /// The same of a layer's activations.
    activations: Vec<R>,
    /// The same of the gradients.
    gradients: Vec<R>,
}

impl<R: Real> Products<R> {
    /// Room for batches of up to so many samples.
    pub fn new(batch_x: usize, batch_y: usize) -> Self {
        let pairs = || vec![R::ZERO; batch_x * batch_y];
        Self {
            inputs: Aligned::zeros(batch_x * LANES),
            deltas: pairs(),
            activations: pairs(),
            gradients: pairs(),
        }
    }

    /// Words that [`Products::new`] allocates.
    pub fn words(batch_x: usize, batch_y: usize) -> usize {
        batch_x * (LANES + 3 * batch_y)
    }

    /// `out[b] = (1/B') sum_j <grad loss_b, grad loss'_j>` over the samples `j` of `outer`.
    pub fn mean(
        &mut self,
        simd: Simd,
        network: &Network,
        inner: Side<'_, R>,
        outer: Side<'_, R>,
        columns: &mut Columns<R>,
        out: &mut [R],
    ) {
        let (samples, others) = (inner.batch.rows.len(), outer.batch.rows.len());
        let pairs = samples * others;
        for (l, layer) in network.layers.iter().enumerate() {
            let dots = |a: &[R], b: &[R], width: usize, out: &mut [R]| {
                out.fill(R::ZERO);
                let (a, b) = (&a[..samples * width], &b[..others * width]);
                ops::add_dots(simd, a, b, width, others, out);
            };
            let deltas = &mut self.deltas[..pairs];
            dots(
                inner.pass.delta(l),
                outer.pass.delta(l),
                layer.width,
                deltas,
            );
            let gradients = &mut self.gradients[..pairs];
            match l.checked_sub(1) {
                None => {
                    gradients.fill(R::ZERO);
                    let groups = inner.batch.rows.chunks(LANES);
                    for (group, rows) in groups.enumerate() {
                        columns.turn(inner.batch.data, [rows].into_iter());
                        let inputs = &mut self.inputs[..others * LANES];
                        ops::gather(simd, outer.batch.data, outer.batch.rows, columns, inputs);
                        for (lane, b) in (group * LANES..).take(rows.len()).enumerate() {
                            for j in 0..others {
                                let pair = b * others + j;
                                gradients[pair] += deltas[pair] * inputs[j * LANES + lane];
                            }
                        }
                    }
                }
                Some(below) => {
                    let activations = &mut self.activations[..pairs];
                    let (a, b) = (&inner.pass.hidden[below].a, &outer.pass.hidden[below].a);
                    dots(a, b, layer.inputs, activations);
                    for ((gradient, delta), a) in gradients.iter_mut().zip(deltas).zip(activations)
                    {
                        *gradient += *delta * (R::ONE + *a);
                    }
                }
            }
        }
        let count = R::from_f64(others as f64);
        for (out, gradients) in out.iter_mut().zip(self.gradients[..pairs].chunks(others)) {
            *out = gradients.iter().fold(R::ZERO, |sum, &g| sum + g) / count;
        }
    }
}
