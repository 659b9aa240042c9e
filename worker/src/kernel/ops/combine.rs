//! Linear combinations of rows: the one matrix product that forward, backward, updates and second pass are made of.

use super::{block, block_mut, kernel, vectors, vectors_mut};
use crate::kernel::{Real, simd::Lanes};

kernel! {
    /// `out[i] += sum_j coefficients[j * stride + i] rows[j]` for all rows of `out`, each element a chain of fused
    /// multiply-adds in the order of `j`. Rows of both have `width` values; there are as many terms as `rows` has rows.
    pub fn combine<'a, R>(
        coefficients: &'a [R],
        stride: usize,
        rows: &'a [R],
        width: usize,
        out: &'a mut [R],
    ) = body
}

#[inline(always)]
fn body<R: Real, S: Lanes<R>>(
    s: S,
    coefficients: &[R],
    stride: usize,
    rows: &[R],
    width: usize,
    out: &mut [R],
) {
    if rows.is_empty() {
        return;
    }
    let terms = Terms {
        coefficients,
        stride,
        rows,
        width,
    };
    let count = out.len() / width;
    let mut i = 0;
    if S::ACCUMULATORS >= 16 {
        while i + 8 <= count {
            strip::<R, S, 8, 2>(s, terms, i, out);
            i += 8;
        }
    }
    while i + 4 <= count {
        strip::<R, S, 4, 1>(s, terms, i, out);
        i += 4;
    }
    while i < count {
        strip::<R, S, 1, 4>(s, terms, i, out);
        i += 1;
    }
}

#[derive(Clone, Copy)]
struct Terms<'a, R> {
    coefficients: &'a [R],
    stride: usize,
    rows: &'a [R],
    width: usize,
}

/// `M` rows of `out`, `N` vectors at a time while there are as many, then one.
#[inline(always)]
fn strip<R: Real, S: Lanes<R>, const M: usize, const N: usize>(
    s: S,
    terms: Terms<'_, R>,
    i: usize,
    out: &mut [R],
) {
    let out = vectors_mut(&mut out[i * terms.width..(i + M) * terms.width]);
    let count = out.len() / M;
    let mut first = 0;
    while first + N <= count {
        tile::<R, S, M, N>(s, terms, i, first, out);
        first += N;
    }
    while first < count {
        tile::<R, S, M, 1>(s, terms, i, first, out);
        first += 1;
    }
}

/// `M` rows by `N` vectors, kept in registers over all terms.
#[inline(always)]
fn tile<R: Real, S: Lanes<R>, const M: usize, const N: usize>(
    s: S,
    terms: Terms<'_, R>,
    i: usize,
    first: usize,
    out: &mut [[R; 16]],
) {
    let width = terms.width / 16;
    let mut sums = [[s.splat(R::ZERO); N]; M];
    for (m, sums) in sums.iter_mut().enumerate() {
        let from = block::<N, R>(out, m * width + first);
        for n in 0..N {
            sums[n] = s.load(&from[n]);
        }
    }
    let rows = vectors(terms.rows).chunks_exact(width);
    let coefficients = terms.coefficients[i..].chunks(terms.stride);
    for (row, coefficients) in rows.zip(coefficients) {
        let row = block::<N, R>(row, first);
        let factors: &[R; M] = coefficients.first_chunk().expect("a factor for each row");
        let mut values = [s.splat(R::ZERO); N];
        for n in 0..N {
            values[n] = s.load(&row[n]);
        }
        for m in 0..M {
            let factor = s.splat(factors[m]);
            for n in 0..N {
                sums[m][n] = s.fma(factor, values[n], sums[m][n]);
            }
        }
    }
    for (m, sums) in sums.iter().enumerate() {
        let to = block_mut::<N, R>(out, m * width + first);
        for n in 0..N {
            s.store(sums[n], &mut to[n]);
        }
    }
}
