//! AVX-512: sixteen f32 are one register, sixteen f64 two.

use super::{Kernel, registers::lanes};

/// Proof that the machine has AVX-512 (F, BW, DQ, VL), AVX2 and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if the machine has the features that [`run`] is compiled for.
    pub fn detect() -> Option<Self> {
        let has = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2");
        has.then_some(Self(()))
    }
}

/// Compiles `kernel` for AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
pub fn run<K: Kernel>(token: Avx512, kernel: K) -> K::Output {
    kernel.run(token)
}

lanes!(Avx512, f32, [__m512; 1], [0], 16, 16, single);
lanes!(Avx512, f64, [__m512d; 2], [0 1], 8, 8, double);

use std::arch::x86_64::{__m512, __m512d};

// SAFETY (both modules): called by `lanes!` with a token in hand.
mod single {
    use std::arch::x86_64::*;
    pub use std::arch::x86_64::{
        _mm512_add_ps as add, _mm512_div_ps as div, _mm512_fmadd_ps as fma,
        _mm512_fnmadd_ps as fnma, _mm512_loadu_ps as load, _mm512_mul_ps as mul,
        _mm512_set1_ps as splat, _mm512_storeu_ps as store, _mm512_sub_ps as sub,
    };

    use crate::kernel::simd::x86;

    #[inline(always)]
    pub unsafe fn neg(a: __m512) -> __m512 {
        unsafe { _mm512_xor_ps(a, _mm512_set1_ps(-0.0)) }
    }

    #[inline(always)]
    pub unsafe fn select_gt(a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    pub unsafe fn exp2_of_rounded(rounded: __m512) -> __m512 {
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(0x3f80_0000)))
        }
    }

    #[inline(always)]
    unsafe fn half(v: [__m512; 1]) -> __m256 {
        unsafe {
            _mm256_add_ps(
                _mm512_castps512_ps256(v[0]),
                _mm512_extractf32x8_ps::<1>(v[0]),
            )
        }
    }

    #[inline(always)]
    pub unsafe fn tree(v: [__m512; 1]) -> f32 {
        unsafe { x86::tree8(half(v)) }
    }

    #[inline(always)]
    pub unsafe fn trees(v: [[__m512; 1]; 4]) -> [f32; 4] {
        unsafe { x86::trees8([half(v[0]), half(v[1]), half(v[2]), half(v[3])]) }
    }
}

mod double {
    use std::arch::x86_64::*;
    pub use std::arch::x86_64::{
        _mm512_add_pd as add, _mm512_div_pd as div, _mm512_fmadd_pd as fma,
        _mm512_fnmadd_pd as fnma, _mm512_loadu_pd as load, _mm512_mul_pd as mul,
        _mm512_set1_pd as splat, _mm512_storeu_pd as store, _mm512_sub_pd as sub,
    };

    use crate::kernel::simd::x86;

    #[inline(always)]
    pub unsafe fn neg(a: __m512d) -> __m512d {
        unsafe { _mm512_xor_pd(a, _mm512_set1_pd(-0.0)) }
    }

    #[inline(always)]
    pub unsafe fn select_gt(a: __m512d, b: __m512d, yes: __m512d, no: __m512d) -> __m512d {
        unsafe { _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    pub unsafe fn exp2_of_rounded(rounded: __m512d) -> __m512d {
        unsafe {
            let exponent = _mm512_slli_epi64::<52>(_mm512_castpd_si512(rounded));
            let one = _mm512_set1_epi64(0x3ff0_0000_0000_0000);
            _mm512_castsi512_pd(_mm512_add_epi64(exponent, one))
        }
    }

    #[inline(always)]
    pub unsafe fn tree(v: [__m512d; 2]) -> f64 {
        unsafe {
            let v = _mm512_add_pd(v[0], v[1]);
            x86::tree4(_mm256_add_pd(
                _mm512_castpd512_pd256(v),
                _mm512_extractf64x4_pd::<1>(v),
            ))
        }
    }

    #[inline(always)]
    pub unsafe fn trees(v: [[__m512d; 2]; 4]) -> [f64; 4] {
        unsafe { [tree(v[0]), tree(v[1]), tree(v[2]), tree(v[3])] }
    }
}
