//! The floating-point types in which parameters are kept.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use super::simd::{Isa, Lanes};

/// A floating-point type, with the constants that the elementary functions need.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + std::fmt::Debug
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Two.
    const TWO: Self;
    /// log2(e).
    const LOG2_E: Self;
    /// The high part of ln(2): a multiple of it by a small integer is exact.
    const LN2_HIGH: Self;
    /// ln(2) minus its high part.
    const LN2_LOW: Self;
    /// Adding it rounds to an integer, which then stands in the low bits of the significand.
    const ROUNDER: Self;
    /// The least argument of `exp` whose result is a normal number.
    const EXP_MIN: Self;
    /// The largest argument of `exp` whose result is finite.
    const EXP_MAX: Self;
    /// Coefficients of `(exp(r) - 1 - r) / r^2`, highest power first, for |r| up to ln(2)/2.
    const EXPM1_TAIL: &'static [Self];

    /// The nearest value.
    fn from_f64(value: f64) -> Self;
    /// The value, exactly.
    fn to_f64(self) -> f64;
    /// `self * a + b` with one rounding.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `2^n`, where `rounded` is `n + ROUNDER`.
    fn exp2_of_rounded(rounded: Self) -> Self;
    /// An instruction set's operations on this type.
    fn lanes<S: Isa>(isa: S) -> impl Lanes<Self>;
    /// Appends the little-endian bytes.
    fn put_le(self, bytes: &mut Vec<u8>);
}

/// The Taylor coefficients 1/n!, which at these degrees are as good as minimax ones.
macro_rules! factorials {
    ($real:ty: $($n:expr),*) => { &[$((1.0 / $n) as $real),*] };
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const TWO: Self = 2.0;
    const LOG2_E: Self = std::f32::consts::LOG2_E;
    const LN2_HIGH: Self = 0.693_359_4;
    const LN2_LOW: Self = -2.121_944_4e-4;
    const ROUNDER: Self = 12_582_912.0;
    const EXP_MIN: Self = -87.0;
    const EXP_MAX: Self = 88.0;
    const EXPM1_TAIL: &'static [Self] = factorials!(f32: 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0);

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }

    #[inline(always)]
    fn exp2_of_rounded(rounded: Self) -> Self {
        Self::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000))
    }

    #[inline(always)]
    fn lanes<S: Isa>(isa: S) -> impl Lanes<Self> {
        isa
    }

    fn put_le(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const TWO: Self = 2.0;
    const LOG2_E: Self = std::f64::consts::LOG2_E;
    const LN2_HIGH: Self = 6.931_471_803_691_238e-1;
    const LN2_LOW: Self = 1.908_214_929_270_587_7e-10;
    const ROUNDER: Self = 6_755_399_441_055_744.0;
    const EXP_MIN: Self = -708.0;
    const EXP_MAX: Self = 709.0;
    const EXPM1_TAIL: &'static [Self] = factorials!(
        f64: 6_227_020_800.0, 479_001_600.0, 39_916_800.0, 3_628_800.0, 362_880.0, 40_320.0, 5040.0, 720.0, 120.0,
        24.0, 6.0, 2.0
    );

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }

    #[inline(always)]
    fn exp2_of_rounded(rounded: Self) -> Self {
        Self::from_bits((rounded.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000))
    }

    #[inline(always)]
    fn lanes<S: Isa>(isa: S) -> impl Lanes<Self> {
        isa
    }

    fn put_le(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}
