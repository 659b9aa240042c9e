//! Inner products of per-sample gradients without the gradients: a dense layer's is `delta v'`, and
//! `<u v', s t'> = <u, s> <v, t>`; the bias joins as one more input that is always 1 (theory: SBO section 5 after Bao21).

use super::{
    network::Network,
    pass::{Batch, Pass},
};
use crate::kernel::{LANES, Real, ops};

/// A batch with its values.
#[derive(Clone, Copy)]
pub struct Side<'a, R> {
    /// The batch.
    pub batch: Batch<'a, R>,
    /// Its forward and backward values.
    pub pass: &'a Pass<R>,
}

/// `out[b] = (1/B') sum_j <grad loss_b, grad loss'_j>` over the samples `j` of `outer`. `table` is room for 16 values a
/// feature, zero before and after.
#[inline(always)]
pub fn mean_products<R: Real>(
    network: &Network,
    inner: Side<'_, R>,
    outer: Side<'_, R>,
    table: &mut [R],
    out: &mut [R],
) {
    let count = R::from_f64(outer.batch.rows.len() as f64);
    let samples = inner.batch.rows.len();
    out[..samples].fill(R::ZERO);
    for (group, rows) in outer.batch.rows.chunks(LANES).enumerate() {
        scatter(outer.batch, rows, table);
        for (b, out) in out[..samples].iter_mut().enumerate() {
            let inputs = gather(inner.batch, inner.batch.rows[b], table);
            for (lane, input) in inputs.iter().enumerate().take(rows.len()) {
                *out += product(
                    network,
                    inner.pass,
                    b,
                    outer.pass,
                    group * LANES + lane,
                    *input,
                );
            }
        }
        clear(outer.batch, rows, table);
    }
    out[..samples]
        .iter_mut()
        .for_each(|out| *out = *out / count);
}

/// `<grad loss_b, grad loss'_j>`, given the inner product of the two samples.
#[inline(always)]
fn product<R: Real>(
    network: &Network,
    inner: &Pass<R>,
    b: usize,
    outer: &Pass<R>,
    j: usize,
    input: R,
) -> R {
    let mut sum = R::ZERO;
    let mut below = input;
    for (l, layer) in network.layers.iter().enumerate() {
        let (here, there) = (
            b * layer.width..(b + 1) * layer.width,
            j * layer.width..(j + 1) * layer.width,
        );
        let (delta, other, next) = match (inner.hidden.get(l), outer.hidden.get(l)) {
            (Some(a), Some(o)) => (
                &a.delta,
                &o.delta,
                ops::dot(&a.a[here.clone()], &o.a[there.clone()]),
            ),
            _ => (&inner.residual, &outer.residual, R::ZERO),
        };
        sum += ops::dot(&delta[here], &other[there]) * (R::ONE + below);
        below = next;
    }
    sum
}

#[inline(always)]
fn scatter<R: Real>(batch: Batch<'_, R>, rows: &[u32], table: &mut [R]) {
    for (lane, &row) in rows.iter().enumerate() {
        let (columns, values) = batch.data.row(row);
        for (&column, &value) in columns.iter().zip(values) {
            table[usize::from(column) * LANES + lane] = value;
        }
    }
}

#[inline(always)]
fn clear<R: Real>(batch: Batch<'_, R>, rows: &[u32], table: &mut [R]) {
    for &row in rows {
        for &column in batch.data.row(row).0 {
            table[usize::from(column) * LANES..][..LANES].fill(R::ZERO);
        }
    }
}

#[inline(always)]
fn gather<R: Real>(batch: Batch<'_, R>, row: u32, table: &[R]) -> [R; LANES] {
    let (columns, values) = batch.data.row(row);
    let table = table.as_chunks::<LANES>().0;
    let mut sums = [R::ZERO; LANES];
    for (&column, &value) in columns.iter().zip(values) {
        for (sum, other) in sums.iter_mut().zip(&table[usize::from(column)]) {
            *sum = value.mul_add(*other, *sum);
        }
    }
    sums
}
