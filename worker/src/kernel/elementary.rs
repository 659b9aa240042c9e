//! Elementary functions with the same bits on every machine: branch-free, so that they vectorise, and built from fused
//! multiply-adds only. The logarithm is `libm`'s, operation for operation. In f32 exp is within 1.5 ulp of the exact value,
//! expm1 within 2, tanh and sigmoid within 3 (a test holds them to it).

use super::{
    LANES, Real,
    simd::{Arithmetic, Scalar},
};

/// `(s, q)` with `exp(z) = s (1 + q)`, `s` a power of two: from both, `exp` and `exp - 1` follow without cancellation.
#[inline(always)]
fn split_exp<R: Real, S: Arithmetic<R>>(s: S, z: S::V) -> (S::V, S::V) {
    let (least, largest) = (s.splat(R::EXP_MIN), s.splat(R::EXP_MAX));
    // Selected so that a NaN stays one.
    let z = s.select_gt(least, z, least, z);
    let z = s.select_gt(z, largest, largest, z);
    let rounder = s.splat(R::ROUNDER);
    let rounded = s.fma(z, s.splat(R::LOG2_E), rounder);
    let n = s.sub(rounded, rounder);
    let r = s.fnma(n, s.splat(R::LN2_HIGH), z);
    let r = s.fnma(n, s.splat(R::LN2_LOW), r);
    let mut q = s.splat(R::EXPM1_TAIL[0]);
    for &coefficient in &R::EXPM1_TAIL[1..] {
        q = s.fma(q, r, s.splat(coefficient));
    }
    (s.exp2_of_rounded(rounded), s.fma(s.mul(q, r), r, r))
}

/// `exp(z)`; arguments outside the range of normal results are clamped to its ends.
#[inline(always)]
pub fn exp_of<R: Real, S: Arithmetic<R>>(s: S, z: S::V) -> S::V {
    let (scale, q) = split_exp(s, z);
    s.fma(scale, q, scale)
}

/// `exp(z) - 1`, without cancellation near 0.
#[inline(always)]
pub fn expm1_of<R: Real, S: Arithmetic<R>>(s: S, z: S::V) -> S::V {
    let (scale, q) = split_exp(s, z);
    s.fma(scale, q, s.sub(scale, s.splat(R::ONE)))
}

/// `tanh(z)`.
#[inline(always)]
pub fn tanh_of<R: Real, S: Arithmetic<R>>(s: S, z: S::V) -> S::V {
    let zero = s.splat(R::ZERO);
    // With -2|z|, expm1 lies in (-1, 0] and the quotient cancels nowhere.
    let twice = s.add(z, z);
    let t = expm1_of(s, s.select_gt(z, zero, s.neg(twice), twice));
    let quotient = s.div(t, s.add(t, s.splat(R::TWO)));
    s.select_gt(z, zero, s.neg(quotient), quotient)
}

/// `1 / (1 + exp(-z))`.
#[inline(always)]
pub fn sigmoid_of<R: Real, S: Arithmetic<R>>(s: S, z: S::V) -> S::V {
    let one = s.splat(R::ONE);
    s.div(one, s.add(one, exp_of(s, s.neg(z))))
}

/// [`exp_of`] one number.
pub fn exp<R: Real>(z: R) -> R {
    exp_of(Scalar, z)
}

/// [`expm1_of`] one number.
pub fn expm1<R: Real>(z: R) -> R {
    expm1_of(Scalar, z)
}

/// [`tanh_of`] one number.
pub fn tanh<R: Real>(z: R) -> R {
    tanh_of(Scalar, z)
}

/// [`sigmoid_of`] one number.
pub fn sigmoid<R: Real>(z: R) -> R {
    sigmoid_of(Scalar, z)
}

/// The natural logarithm.
pub fn ln(z: f64) -> f64 {
    libm::log(z)
}

/// [`ln`] of sixteen numbers.
#[inline(always)]
pub fn logarithms(z: &mut [f64; LANES]) {
    let normal = z.iter().fold(true, |all, z| {
        all & (f64::MIN_POSITIVE..=f64::MAX).contains(z)
    });
    if !normal {
        return z.iter_mut().for_each(|z| *z = ln(*z));
    }
    for z in z {
        *z = ln_of_normal(*z);
    }
}

/// [`ln`] of a positive number that is neither subnormal nor infinite, with the same operations in the same order but
/// without a branch, so that it vectorises.
//
// After FreeBSD's e_log.c, as is `libm`'s: Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at
// SunSoft, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this software is freely
// granted, provided that this notice is preserved.
#[inline(always)]
fn ln_of_normal(z: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const L: [f64; 7] = [
        0.666_666_666_666_673_5,
        0.399_999_999_994_094_2,
        0.285_714_287_436_623_9,
        0.222_221_984_321_497_84,
        0.181_835_721_616_180_5,
        0.153_138_376_992_093_73,
        0.147_981_986_051_165_86,
    ];
    // `z = 2^n (1 + f)` with `1 + f` from sqrt(1/2) to sqrt(2).
    const LEAST: u64 = 0x3fe6_a09e << 32;
    const ONE: u64 = 0x3ff0_0000 << 32;
    let bits = z.to_bits() + (ONE - LEAST);
    let f = f64::from_bits((bits & (u64::MAX >> 12)) + LEAST) - 1.0;
    // The exponent in the low bits of 2^52.
    let n = f64::from_bits((1075 << 52) | (bits >> 52)) - (4_503_599_627_370_496.0 + 1023.0);
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (L[1] + w * (L[3] + w * L[5]));
    let odd = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])));
    s * (half + (odd + even)) + n * LN2_LOW - half + f + n * LN2_HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{
        Simd,
        simd::{Isa, Kernel},
    };

    fn ulps32(ours: f32, exact: f64) -> f64 {
        let ulp = f64::from(f32::from_bits((exact as f32).abs().to_bits() + 1))
            - f64::from((exact as f32).abs());
        (f64::from(ours) - exact).abs() / ulp
    }

    fn grid(lo: f64, hi: f64) -> impl Iterator<Item = f64> {
        (0..=200_000).map(move |j| lo + (hi - lo) * f64::from(j) / 200_000.0)
    }

    #[test]
    fn f32_functions_are_within_their_ulps() {
        let mut worst = [0.0f64; 4];
        for z in grid(-80.0, 80.0).chain(grid(-1.0, 1.0)) {
            let z = z as f32;
            let exact = f64::from(z);
            let errors = [
                ulps32(exp(z), exact.exp()),
                ulps32(expm1(z), exact.exp_m1()),
                ulps32(tanh(z), exact.tanh()),
                ulps32(sigmoid(z), 1.0 / (1.0 + (-exact).exp())),
            ];
            for (worst, error) in worst.iter_mut().zip(errors) {
                *worst = worst.max(error);
            }
        }
        assert!(
            worst[0] < 1.5 && worst[1] < 2.0 && worst[2] < 3.0 && worst[3] < 3.0,
            "{worst:?}"
        );
    }

    #[test]
    fn f64_functions_are_close_to_the_platforms() {
        for z in grid(-30.0, 30.0).chain(grid(-1e-3, 1e-3)) {
            let close =
                |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-15 * theirs.abs().max(1e-300);
            assert!(close(exp(z), z.exp()), "exp {z}");
            assert!(close(expm1(z), z.exp_m1()), "expm1 {z}");
            assert!(close(tanh(z), z.tanh()), "tanh {z}");
        }
    }

    #[test]
    fn logarithms_have_the_bits_of_one_logarithm() {
        struct Logarithms([f64; LANES]);
        impl Kernel for Logarithms {
            type Output = [f64; LANES];

            #[inline(always)]
            fn run<S: Isa>(mut self, _: S) -> Self::Output {
                logarithms(&mut self.0);
                self.0
            }
        }
        let same = |block: [f64; LANES]| {
            for simd in Simd::all() {
                for (ours, z) in simd.run(Logarithms(block)).into_iter().zip(block) {
                    assert_eq!(ours.to_bits(), ln(z).to_bits(), "{z:e}");
                }
            }
        };
        let (normals, _) = (0..1 << 20)
            .map(|j: u64| f64::from_bits(j.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1))
            .chain(grid(1.0, 20.0))
            .filter(|z| z.is_normal())
            .fold((0, [1.0; LANES]), |(count, mut block), z| {
                block[count % LANES] = z;
                if count % LANES == LANES - 1 {
                    same(block);
                }
                (count + 1, block)
            });
        assert!(normals > 1 << 20);
        for end in [
            0.0,
            -0.0,
            1e-310,
            -1.0,
            f64::INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN_POSITIVE,
        ] {
            let mut block = [2.5; LANES];
            block[3] = end;
            same(block);
        }
    }

    #[test]
    fn ends_and_nan_are_kept() {
        assert_eq!(exp(0.0f32), 1.0);
        assert_eq!(expm1(0.0f32), 0.0);
        assert_eq!(tanh(0.0f64), 0.0);
        assert!(exp(-1e30f32) > 0.0 && exp(1e30f32).is_finite());
        assert!(exp(f32::NAN).is_nan() && tanh(f64::NAN).is_nan());
        assert_eq!(tanh(-0.5f64), -tanh(0.5f64));
    }

    #[test]
    fn golden_bits_never_change() {
        assert_eq!(exp(1.0f32).to_bits(), 0x402d_f854);
        assert_eq!(exp(1.0f64).to_bits(), 0x4005_bf0a_8b14_576a);
        assert_eq!(tanh(0.75f32).to_bits(), 0x3f22_991f);
    }
}
