//! Inner products of rows with rows.

use super::{kernel, vectors};
use crate::kernel::{Real, simd::Lanes};

kernel! {
    /// `out[i * stride + j] += <a[i], b[j]>` for all rows of `a` and of `b`, which have `width` values.
    pub fn add_dots<'a, R>(
        a: &'a [R],
        b: &'a [R],
        width: usize,
        stride: usize,
        out: &'a mut [R],
    ) = body
}

kernel! {
    /// `out[i] = <a[i], b[i]>`.
    pub fn dot_rows<'a, R>(a: &'a [R], b: &'a [R], width: usize, out: &'a mut [R]) = one_by_one
}

#[inline(always)]
fn body<R: Real, S: Lanes<R>>(s: S, a: &[R], b: &[R], width: usize, stride: usize, out: &mut [R]) {
    let mut pairs = a.chunks_exact(width).zip(out.chunks_mut(stride));
    if S::ACCUMULATORS >= 16 {
        while pairs.len() >= 2 {
            if let (Some((a0, out0)), Some((a1, out1))) = (pairs.next(), pairs.next()) {
                row_of_dots(s, [a0, a1], b, width, [out0, out1]);
            }
        }
    }
    for (a, out) in pairs {
        row_of_dots(s, [a], b, width, [out]);
    }
}

/// The inner products of `M` rows with all of `b`, four at a time; the last four may repeat a row, whose products are
/// not used.
#[inline(always)]
fn row_of_dots<R: Real, S: Lanes<R>, const M: usize>(
    s: S,
    a: [&[R]; M],
    b: &[R],
    width: usize,
    out: [&mut [R]; M],
) {
    let count = b.len() / width;
    let mut j = 0;
    while j < count {
        let row = |k: usize| {
            let j = (j + k).min(count - 1);
            vectors(&b[j * width..(j + 1) * width])
        };
        let (b0, b1, b2, b3) = (row(0), row(1), row(2), row(3));
        let mut sums = [[s.splat(R::ZERO); 4]; M];
        for v in 0..width / 16 {
            let b = [
                s.load(&b0[v]),
                s.load(&b1[v]),
                s.load(&b2[v]),
                s.load(&b3[v]),
            ];
            for m in 0..M {
                let a = s.load(&vectors(a[m])[v]);
                for k in 0..4 {
                    sums[m][k] = s.fma(a, b[k], sums[m][k]);
                }
            }
        }
        let used = (count - j).min(4);
        for m in 0..M {
            let dots = s.trees(sums[m]);
            for (out, dot) in out[m][j..j + used].iter_mut().zip(dots) {
                *out += dot;
            }
        }
        j += 4;
    }
}

#[inline(always)]
fn one_by_one<R: Real, S: Lanes<R>>(s: S, a: &[R], b: &[R], width: usize, out: &mut [R]) {
    let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
    for ((a, b), out) in rows.zip(out) {
        let mut sum = s.splat(R::ZERO);
        for (a, b) in vectors(a).iter().zip(vectors(b)) {
            sum = s.fma(s.load(a), s.load(b), sum);
        }
        *out = s.tree(sum);
    }
}
