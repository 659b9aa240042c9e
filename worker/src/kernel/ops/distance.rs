//! Distances between states.

use super::LANES;
use crate::kernel::{
    Real, Simd,
    simd::{Arithmetic, Isa, Kernel, Lanes},
};

/// Squared Euclidean distance, accumulated in f64: one sum of sixteen lanes.
pub fn distance2<R: Real>(simd: Simd, a: &[R], b: &[R]) -> f64 {
    assert_eq!(a.len(), b.len());
    simd.run(Distance2 { a, b })
}

struct Distance2<'a, R> {
    a: &'a [R],
    b: &'a [R],
}

impl<R: Real> Kernel for Distance2<'_, R> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> f64 {
        let s = f64::lanes(isa);
        let mut sum = s.splat(0.0);
        let (a, b) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.0.iter().zip(b.0) {
            sum = add(s, a, b, sum);
        }
        sum = add(s, a.1, b.1, sum);
        s.tree(sum)
    }
}

#[inline(always)]
fn add<R: Real, S: Lanes<f64>>(s: S, a: &[R], b: &[R], sum: S::V) -> S::V {
    let mut differences = [0.0; LANES];
    for ((difference, a), b) in differences.iter_mut().zip(a).zip(b) {
        *difference = a.to_f64() - b.to_f64();
    }
    let differences = s.load(&differences);
    s.fma(differences, differences, sum)
}
