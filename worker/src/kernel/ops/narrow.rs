//! Products of sparse rows with weights of which a row is one vector: a linear classifier of up to sixteen classes. There
//! is one chain a sample then, too few to hide their latency, and a sample's weights are too few to keep in registers.

use super::{kernel, vectors, vectors_mut};
use crate::kernel::{LANES, Real, Rows, simd::Lanes};

/// Samples that are walked side by side. With more, the compiler runs out of registers for where each one is.
const CHAINS: usize = 2;

kernel! {
    /// `w[p] += sum_b x[b][p] delta[b]` for weights of one vector a row, each element a chain in the order of samples.
    pub fn sparse_scatter<'a, R>(
        rows: &'a Rows<R>,
        batch: &'a [u32],
        delta: &'a [R],
        w: &'a mut [R],
    ) = scatter
}

#[inline(always)]
fn scatter<R: Real, S: Lanes<R>>(s: S, rows: &Rows<R>, batch: &[u32], delta: &[R], w: &mut [R]) {
    let w = vectors_mut(w);
    for (&row, delta) in batch.iter().zip(vectors(delta)) {
        let delta = s.load(delta);
        let (numbers, values) = rows.row(row);
        for (&column, &value) in numbers.iter().zip(values) {
            let w = &mut w[usize::from(column)];
            s.store(s.fma(s.splat(value), delta, s.load(w)), w);
        }
    }
}

/// [`super::sparse_forward`] for weights of one vector a row: samples side by side, and as soon as one ends, the next.
#[inline(always)]
pub(super) fn forward<R: Real, S: Lanes<R>>(
    s: S,
    rows: &Rows<R>,
    batch: &[u32],
    w: &[[R; LANES]],
    z: &mut [[R; LANES]],
) {
    let mut left: [(&[u16], &[R]); CHAINS] = [(&[], &[]); CHAINS];
    let mut places = [0; CHAINS];
    let mut coming = batch.iter().enumerate();
    'walk: loop {
        for (left, place) in left.iter_mut().zip(&mut places) {
            while left.0.is_empty() {
                let Some((next, &row)) = coming.next() else {
                    break 'walk;
                };
                (*left, *place) = (rows.row(row), next);
            }
        }
        let shortest = left.iter().fold(usize::MAX, |n, row| n.min(row.0.len()));
        let mut sums = [s.splat(R::ZERO); CHAINS];
        let mut here: [(&[u16], &[R]); CHAINS] = [(&[], &[]); CHAINS];
        for m in 0..CHAINS {
            sums[m] = s.load(&z[places[m]]);
            here[m] = (&left[m].0[..shortest], &left[m].1[..shortest]);
            left[m] = (&left[m].0[shortest..], &left[m].1[shortest..]);
        }
        for k in 0..shortest {
            for m in 0..CHAINS {
                let row = s.load(&w[usize::from(here[m].0[k])]);
                sums[m] = s.fma(s.splat(here[m].1[k]), row, sums[m]);
            }
        }
        for m in 0..CHAINS {
            s.store(sums[m], &mut z[places[m]]);
        }
    }
    for ((numbers, values), place) in left.into_iter().zip(places) {
        let mut sum = s.load(&z[place]);
        for (&column, &value) in numbers.iter().zip(values) {
            sum = s.fma(s.splat(value), s.load(&w[usize::from(column)]), sum);
        }
        s.store(sum, &mut z[place]);
    }
}
