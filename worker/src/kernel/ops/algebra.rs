//! Algebra of whole states: inner products, combinations, multiples.

use super::{LANES, kernel};
use crate::kernel::{
    Real, Simd,
    simd::{Arithmetic, Isa, Kernel, Lanes},
};

/// Inner product, accumulated in f64: one sum of sixteen lanes.
pub fn dot<R: Real>(simd: Simd, a: &[R], b: &[R]) -> f64 {
    assert_eq!(a.len(), b.len());
    simd.run(Dot { a, b })
}

kernel! {
    /// `target += c a`, element by element, with one rounding.
    pub fn add_multiple<'a, R>(c: R, a: &'a [R], target: &'a mut [R]) = add_multiple_body
}

kernel! {
    /// `out = from + c a`, element by element, with one rounding.
    pub fn shift<'a, R>(from: &'a [R], c: R, a: &'a [R], out: &'a mut [R]) = shift_body
}

kernel! {
    /// `target *= c`.
    pub fn scale<'a, R>(c: R, target: &'a mut [R]) = scale_body
}

struct Dot<'a, R> {
    a: &'a [R],
    b: &'a [R],
}

impl<R: Real> Kernel for Dot<'_, R> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> f64 {
        let s = f64::lanes(isa);
        let mut sum = s.splat(0.0);
        let (a, b) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.0.iter().zip(b.0) {
            sum = s.fma(widened(s, a), widened(s, b), sum);
        }
        sum = s.fma(widened(s, a.1), widened(s, b.1), sum);
        s.tree(sum)
    }
}

/// Up to sixteen values in f64; zeros where there are fewer.
#[inline(always)]
fn widened<R: Real, S: Lanes<f64>>(s: S, values: &[R]) -> S::V {
    let mut wide = [0.0; LANES];
    for (wide, value) in wide.iter_mut().zip(values) {
        *wide = value.to_f64();
    }
    s.load(&wide)
}

#[inline(always)]
fn add_multiple_body<R: Real, S: Lanes<R>>(s: S, c: R, a: &[R], target: &mut [R]) {
    assert_eq!(a.len(), target.len());
    let factor = s.splat(c);
    let (whole, rest) = target.as_chunks_mut::<LANES>();
    let (terms, last) = a.as_chunks::<LANES>();
    for (target, a) in whole.iter_mut().zip(terms) {
        s.store(s.fma(factor, s.load(a), s.load(target)), target);
    }
    for (target, a) in rest.iter_mut().zip(last) {
        *target = c.mul_add(*a, *target);
    }
}

#[inline(always)]
fn shift_body<R: Real, S: Lanes<R>>(s: S, from: &[R], c: R, a: &[R], out: &mut [R]) {
    assert!(from.len() == out.len() && a.len() == out.len());
    let factor = s.splat(c);
    let (whole, rest) = out.as_chunks_mut::<LANES>();
    let (terms, last) = a.as_chunks::<LANES>();
    let (from, from_last) = from.as_chunks::<LANES>();
    for ((out, from), a) in whole.iter_mut().zip(from).zip(terms) {
        s.store(s.fma(factor, s.load(a), s.load(from)), out);
    }
    for ((out, from), a) in rest.iter_mut().zip(from_last).zip(last) {
        *out = c.mul_add(*a, *from);
    }
}

#[inline(always)]
fn scale_body<R: Real, S: Lanes<R>>(s: S, c: R, target: &mut [R]) {
    let factor = s.splat(c);
    let (whole, rest) = target.as_chunks_mut::<LANES>();
    for target in whole {
        s.store(s.mul(factor, s.load(target)), target);
    }
    for target in rest {
        *target = c * *target;
    }
}
