//! AVX2 with FMA: sixteen f32 are two registers, sixteen f64 four.

use super::{Kernel, registers::lanes};

/// Proof that the machine has AVX2 and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if the machine has the features that [`run`] is compiled for.
    pub fn detect() -> Option<Self> {
        let has = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2");
        has.then_some(Self(()))
    }
}

/// Compiles `kernel` for AVX2.
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
pub fn run<K: Kernel>(token: Avx2, kernel: K) -> K::Output {
    kernel.run(token)
}

lanes!(Avx2, f32, [__m256; 2], [0 1], 8, 4, single);
lanes!(Avx2, f64, [__m256d; 4], [0 1 2 3], 4, 2, double);

use std::arch::x86_64::{__m256, __m256d};

// SAFETY (both modules): called by `lanes!` with a token in hand.
mod single {
    use std::arch::x86_64::*;
    pub use std::arch::x86_64::{
        _mm256_add_ps as add, _mm256_div_ps as div, _mm256_fmadd_ps as fma,
        _mm256_fnmadd_ps as fnma, _mm256_loadu_ps as load, _mm256_mul_ps as mul,
        _mm256_set1_ps as splat, _mm256_storeu_ps as store, _mm256_sub_ps as sub,
    };

    use crate::kernel::simd::x86;

    #[inline(always)]
    pub unsafe fn neg(a: __m256) -> __m256 {
        unsafe { _mm256_xor_ps(a, _mm256_set1_ps(-0.0)) }
    }

    #[inline(always)]
    pub unsafe fn select_gt(a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) }
    }

    #[inline(always)]
    pub unsafe fn exp2_of_rounded(rounded: __m256) -> __m256 {
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded));
            _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(0x3f80_0000)))
        }
    }

    #[inline(always)]
    pub unsafe fn tree(v: [__m256; 2]) -> f32 {
        unsafe { x86::tree8(add(v[0], v[1])) }
    }

    #[inline(always)]
    pub unsafe fn trees(v: [[__m256; 2]; 4]) -> [f32; 4] {
        unsafe {
            x86::trees8([
                add(v[0][0], v[0][1]),
                add(v[1][0], v[1][1]),
                add(v[2][0], v[2][1]),
                add(v[3][0], v[3][1]),
            ])
        }
    }
}

mod double {
    use std::arch::x86_64::*;
    pub use std::arch::x86_64::{
        _mm256_add_pd as add, _mm256_div_pd as div, _mm256_fmadd_pd as fma,
        _mm256_fnmadd_pd as fnma, _mm256_loadu_pd as load, _mm256_mul_pd as mul,
        _mm256_set1_pd as splat, _mm256_storeu_pd as store, _mm256_sub_pd as sub,
    };

    use crate::kernel::simd::x86;

    #[inline(always)]
    pub unsafe fn neg(a: __m256d) -> __m256d {
        unsafe { _mm256_xor_pd(a, _mm256_set1_pd(-0.0)) }
    }

    #[inline(always)]
    pub unsafe fn select_gt(a: __m256d, b: __m256d, yes: __m256d, no: __m256d) -> __m256d {
        unsafe { _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_GT_OQ>(a, b)) }
    }

    #[inline(always)]
    pub unsafe fn exp2_of_rounded(rounded: __m256d) -> __m256d {
        unsafe {
            let exponent = _mm256_slli_epi64::<52>(_mm256_castpd_si256(rounded));
            let one = _mm256_set1_epi64x(0x3ff0_0000_0000_0000);
            _mm256_castsi256_pd(_mm256_add_epi64(exponent, one))
        }
    }

    #[inline(always)]
    pub unsafe fn tree(v: [__m256d; 4]) -> f64 {
        unsafe { x86::tree4(add(add(v[0], v[2]), add(v[1], v[3]))) }
    }

    #[inline(always)]
    pub unsafe fn trees(v: [[__m256d; 4]; 4]) -> [f64; 4] {
        unsafe { [tree(v[0]), tree(v[1]), tree(v[2]), tree(v[3])] }
    }
}
