//! NEON: sixteen f32 are four registers, sixteen f64 eight. Every AArch64 machine has it.

use super::registers::lanes;

/// Proof that the machine has NEON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neon(());

impl Neon {
    /// The token: NEON belongs to the target.
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

lanes!(Neon, f32, [float32x4_t; 4], [0 1 2 3], 4, 4, single);
lanes!(Neon, f64, [float64x2_t; 8], [0 1 2 3 4 5 6 7], 2, 2, double);

use std::arch::aarch64::{float32x4_t, float64x2_t};

// SAFETY (both modules): called by `lanes!` with a token in hand.
mod single {
    use std::arch::aarch64::*;
    pub use std::arch::aarch64::{
        vaddq_f32 as add, vdivq_f32 as div, vdupq_n_f32 as splat, vld1q_f32 as load,
        vmulq_f32 as mul, vnegq_f32 as neg, vst1q_f32 as store, vsubq_f32 as sub,
    };

    #[inline(always)]
    pub unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    pub unsafe fn fnma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmsq_f32(c, a, b) }
    }

    #[inline(always)]
    pub unsafe fn select_gt(
        a: float32x4_t,
        b: float32x4_t,
        yes: float32x4_t,
        no: float32x4_t,
    ) -> float32x4_t {
        unsafe { vbslq_f32(vcgtq_f32(a, b), yes, no) }
    }

    #[inline(always)]
    pub unsafe fn exp2_of_rounded(rounded: float32x4_t) -> float32x4_t {
        unsafe {
            let exponent = vshlq_n_s32::<23>(vreinterpretq_s32_f32(rounded));
            vreinterpretq_f32_s32(vaddq_s32(exponent, vdupq_n_s32(0x3f80_0000)))
        }
    }

    #[inline(always)]
    pub unsafe fn tree(v: [float32x4_t; 4]) -> f32 {
        unsafe {
            let v = add(add(v[0], v[2]), add(v[1], v[3]));
            let v = vadd_f32(vget_low_f32(v), vget_high_f32(v));
            vget_lane_f32::<0>(v) + vget_lane_f32::<1>(v)
        }
    }

    #[inline(always)]
    pub unsafe fn trees(v: [[float32x4_t; 4]; 4]) -> [f32; 4] {
        unsafe { [tree(v[0]), tree(v[1]), tree(v[2]), tree(v[3])] }
    }
}

mod double {
    use std::arch::aarch64::*;
    pub use std::arch::aarch64::{
        vaddq_f64 as add, vdivq_f64 as div, vdupq_n_f64 as splat, vld1q_f64 as load,
        vmulq_f64 as mul, vnegq_f64 as neg, vst1q_f64 as store, vsubq_f64 as sub,
    };

    #[inline(always)]
    pub unsafe fn fma(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        unsafe { vfmaq_f64(c, a, b) }
    }

    #[inline(always)]
    pub unsafe fn fnma(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        unsafe { vfmsq_f64(c, a, b) }
    }

    #[inline(always)]
    pub unsafe fn select_gt(
        a: float64x2_t,
        b: float64x2_t,
        yes: float64x2_t,
        no: float64x2_t,
    ) -> float64x2_t {
        unsafe { vbslq_f64(vcgtq_f64(a, b), yes, no) }
    }

    #[inline(always)]
    pub unsafe fn exp2_of_rounded(rounded: float64x2_t) -> float64x2_t {
        unsafe {
            let exponent = vshlq_n_s64::<52>(vreinterpretq_s64_f64(rounded));
            vreinterpretq_f64_s64(vaddq_s64(exponent, vdupq_n_s64(0x3ff0_0000_0000_0000)))
        }
    }

    #[inline(always)]
    pub unsafe fn tree(v: [float64x2_t; 8]) -> f64 {
        unsafe {
            let even = add(add(v[0], v[4]), add(v[2], v[6]));
            let odd = add(add(v[1], v[5]), add(v[3], v[7]));
            let v = add(even, odd);
            vgetq_lane_f64::<0>(v) + vgetq_lane_f64::<1>(v)
        }
    }

    #[inline(always)]
    pub unsafe fn trees(v: [[float64x2_t; 8]; 4]) -> [f64; 4] {
        unsafe { [tree(v[0]), tree(v[1]), tree(v[2]), tree(v[3])] }
    }
}
