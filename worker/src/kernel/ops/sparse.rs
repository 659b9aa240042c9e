//! Products with sparse rows. Only values that are kept are touched.

use super::{block, block_mut, kernel, narrow, vectors, vectors_mut};
use crate::kernel::{Columns, LANES, Real, Rows, simd::Lanes};

/// Bytes of weights that are walked for one sample after another before the next ones are: what stays in a first-level
/// cache of 32 KiB when half of them are touched.
const RESIDENT_BYTES: usize = 56 << 10;

kernel! {
    /// `z[b] += sum_p x[b][p] w[p]`, each element a chain in the order of columns.
    pub fn sparse_forward<'a, R>(
        rows: &'a Rows<R>,
        batch: &'a [u32],
        w: &'a [R],
        width: usize,
        z: &'a mut [R],
    ) = forward
}

kernel! {
    /// `w[p] += sum_b x[b][p] delta[b]`, each element a chain in the order of samples, of which there are at most
    /// sixteen: those that `columns` has turned.
    pub fn sparse_update<'a, R>(
        columns: &'a Columns<R>,
        delta: &'a [R],
        width: usize,
        w: &'a mut [R],
    ) = update
}

kernel! {
    /// `out[j][lane] = 1 + <rows[j], columns' lane>`, each a chain in the order of columns: the inner products of a batch's
    /// samples with those that `columns` has turned, the bias included as one more input.
    pub fn gather<'a, R>(
        rows: &'a Rows<R>,
        batch: &'a [u32],
        columns: &'a Columns<R>,
        out: &'a mut [R],
    ) = inner_products
}

/// A row's column numbers and values.
type Row<'a, R> = (&'a [u16], &'a [R]);

#[inline(always)]
fn forward<R: Real, S: Lanes<R>>(
    s: S,
    rows: &Rows<R>,
    batch: &[u32],
    w: &[R],
    width: usize,
    z: &mut [R],
) {
    let (w, count) = (vectors(w), width / LANES);
    if count == 1 {
        return narrow::forward(s, rows, batch, w, vectors_mut(z));
    }
    for (batch, z) in batch.chunks(LANES).zip(z.chunks_mut(LANES * width)) {
        let empty: Row<'_, R> = (&[], &[]);
        let mut walked = [empty; LANES];
        for (walked, &row) in walked.iter_mut().zip(batch) {
            *walked = rows.row(row);
        }
        let walked = &walked[..batch.len()];
        let z = vectors_mut(z);
        let mut first = 0;
        if S::ACCUMULATORS >= 16 {
            while first + 16 <= count {
                forward_block::<R, S, 16>(s, walked, rows.columns(), w, count, first, z);
                first += 16;
            }
            // As many as there are digits.
            while first + 10 <= count {
                forward_block::<R, S, 10>(s, walked, rows.columns(), w, count, first, z);
                first += 10;
            }
            while first + 8 <= count {
                forward_block::<R, S, 8>(s, walked, rows.columns(), w, count, first, z);
                first += 8;
            }
        }
        while first + 4 <= count {
            forward_block::<R, S, 4>(s, walked, rows.columns(), w, count, first, z);
            first += 4;
        }
        while first < count {
            forward_block::<R, S, 1>(s, walked, rows.columns(), w, count, first, z);
            first += 1;
        }
    }
}

/// `N` vectors of every sample's sum. The weights are walked in pieces that stay in cache from sample to sample.
#[inline(always)]
fn forward_block<R: Real, S: Lanes<R>, const N: usize>(
    s: S,
    walked: &[Row<'_, R>],
    columns: usize,
    w: &[[R; LANES]],
    count: usize,
    first: usize,
    z: &mut [[R; LANES]],
) {
    let piece = (RESIDENT_BYTES / (N * LANES * size_of::<R>())).max(1);
    let mut walked_to = [0; LANES];
    let mut end = 0;
    while end < columns {
        end += piece;
        for (b, (numbers, values)) in walked.iter().enumerate() {
            let values = &values[..numbers.len()];
            let z = block_mut::<N, R>(z, b * count + first);
            let mut sums = [s.splat(R::ZERO); N];
            for n in 0..N {
                sums[n] = s.load(&z[n]);
            }
            let mut k = walked_to[b];
            while k < numbers.len() {
                let column = usize::from(numbers[k]);
                if column >= end {
                    break;
                }
                let row = block::<N, R>(w, column * count + first);
                let value = s.splat(values[k]);
                for n in 0..N {
                    sums[n] = s.fma(value, s.load(&row[n]), sums[n]);
                }
                k += 1;
            }
            walked_to[b] = k;
            for n in 0..N {
                s.store(sums[n], &mut z[n]);
            }
        }
    }
}

#[inline(always)]
fn update<R: Real, S: Lanes<R>>(
    s: S,
    columns: &Columns<R>,
    delta: &[R],
    width: usize,
    w: &mut [R],
) {
    let (delta, w, count) = (vectors(delta), vectors_mut(w), width / LANES);
    let (values, _) = columns.values().as_chunks::<LANES>();
    for &column in columns.touched() {
        let column = usize::from(column);
        let (values, mask) = (&values[column], columns.masks()[column]);
        let w = &mut w[column * count..(column + 1) * count];
        let mut first = 0;
        if S::ACCUMULATORS >= 16 {
            while first + 16 <= count {
                update_block::<R, S, 16>(s, values, mask, delta, count, first, w);
                first += 16;
            }
            while first + 10 <= count {
                update_block::<R, S, 10>(s, values, mask, delta, count, first, w);
                first += 10;
            }
            while first + 8 <= count {
                update_block::<R, S, 8>(s, values, mask, delta, count, first, w);
                first += 8;
            }
        }
        while first + 4 <= count {
            update_block::<R, S, 4>(s, values, mask, delta, count, first, w);
            first += 4;
        }
        while first < count {
            update_block::<R, S, 1>(s, values, mask, delta, count, first, w);
            first += 1;
        }
    }
}

#[inline(always)]
fn update_block<R: Real, S: Lanes<R>, const N: usize>(
    s: S,
    values: &[R; LANES],
    mask: u16,
    delta: &[[R; LANES]],
    count: usize,
    first: usize,
    w: &mut [[R; LANES]],
) {
    let w = block_mut::<N, R>(w, first);
    let mut sums = [s.splat(R::ZERO); N];
    for n in 0..N {
        sums[n] = s.load(&w[n]);
    }
    let mut rest = mask;
    while rest != 0 {
        let b = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        let row = block::<N, R>(delta, b * count + first);
        let value = s.splat(values[b % LANES]);
        for n in 0..N {
            sums[n] = s.fma(value, s.load(&row[n]), sums[n]);
        }
    }
    for n in 0..N {
        s.store(sums[n], &mut w[n]);
    }
}

#[inline(always)]
fn inner_products<R: Real, S: Lanes<R>>(
    s: S,
    rows: &Rows<R>,
    batch: &[u32],
    columns: &Columns<R>,
    out: &mut [R],
) {
    let (lanes, one) = (vectors(columns.values()), s.splat(R::ONE));
    let mut out = vectors_mut(out).iter_mut();
    let mut groups = batch.chunks_exact(4);
    for group in &mut groups {
        // Four chains side by side hide each other's latency.
        let walked = [
            rows.row(group[0]),
            rows.row(group[1]),
            rows.row(group[2]),
            rows.row(group[3]),
        ];
        let shortest = walked[0].0.len().min(walked[1].0.len());
        let shortest = shortest.min(walked[2].0.len()).min(walked[3].0.len());
        let mut sums = [s.splat(R::ZERO); 4];
        for k in 0..shortest {
            for m in 0..4 {
                let lanes = s.load(&lanes[usize::from(walked[m].0[k])]);
                sums[m] = s.fma(s.splat(walked[m].1[k]), lanes, sums[m]);
            }
        }
        for m in 0..4 {
            let (numbers, values) = (&walked[m].0[shortest..], &walked[m].1[shortest..]);
            let sum = chain(s, (numbers, values), lanes, sums[m]);
            if let Some(out) = out.next() {
                s.store(s.add(sum, one), out);
            }
        }
    }
    for (&row, out) in groups.remainder().iter().zip(out) {
        let sum = chain(s, rows.row(row), lanes, s.splat(R::ZERO));
        s.store(s.add(sum, one), out);
    }
}

#[inline(always)]
fn chain<R: Real, S: Lanes<R>>(
    s: S,
    (numbers, values): Row<'_, R>,
    lanes: &[[R; LANES]],
    mut sum: S::V,
) -> S::V {
    for (&column, &value) in numbers.iter().zip(values) {
        sum = s.fma(s.splat(value), s.load(&lanes[usize::from(column)]), sum);
    }
    sum
}
