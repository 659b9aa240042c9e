//! The last steps of a sum over lanes, which AVX2 and AVX-512 share.

use std::arch::x86_64::*;

/// Eight lanes to four.
#[inline(always)]
unsafe fn half(v: __m256) -> __m128 {
    // SAFETY: the caller's token is of AVX at least.
    unsafe { _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v)) }
}

/// Eight lanes to one.
#[inline(always)]
pub unsafe fn tree8(v: __m256) -> f32 {
    // SAFETY: the caller's token is of AVX at least.
    unsafe {
        let v = half(v);
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<0b01>(v, v)))
    }
}

/// Eight lanes to one, four times.
#[inline(always)]
pub unsafe fn trees8(v: [__m256; 4]) -> [f32; 4] {
    // SAFETY: the caller's token is of AVX at least.
    unsafe {
        let (a, b, c, d) = (half(v[0]), half(v[1]), half(v[2]), half(v[3]));
        // Lanes 0 and 1 of a, then of b; their partners stand in lanes 2 and 3.
        let ab = _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
        let cd = _mm_add_ps(_mm_movelh_ps(c, d), _mm_movehl_ps(d, c));
        let sums = _mm_add_ps(
            _mm_shuffle_ps::<0b10_00_10_00>(ab, cd),
            _mm_shuffle_ps::<0b11_01_11_01>(ab, cd),
        );
        let mut out = [0.0; 4];
        _mm_storeu_ps(out.as_mut_ptr(), sums);
        out
    }
}

/// Four lanes to one.
#[inline(always)]
pub unsafe fn tree4(v: __m256d) -> f64 {
    // SAFETY: the caller's token is of AVX at least.
    unsafe {
        let v = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
        _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v)))
    }
}
