//! Sixteen lanes side by side, on whatever instructions the machine has. The only unsafe code in Bistable.
//!
//! A kernel is written once against [`Lanes`] and compiled for each instruction set ([`Isa`]). A token of a set can only
//! be had from [`Simd`], which checks the machine, so holding one proves that its instructions exist. All sets compute
//! the same bits: every operation is exact or correctly rounded, and sums have one order (see the specification in
//! [the module above](super)).

#![expect(
    unsafe_code,
    reason = "vector instructions, called only with a token that proves that the machine has them"
)]

mod arrays;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
#[cfg(target_arch = "aarch64")]
mod neon;
mod registers;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{LANES, Real};

pub use arrays::{Arrays, Scalar};
pub use choice::{Mode, Simd, Unavailable};

/// Arithmetic on values of a shape: one number, or sixteen side by side.
pub trait Arithmetic<R: Real>: Copy {
    /// The values.
    type V: Copy;

    /// `value` everywhere.
    fn splat(self, value: R) -> Self::V;
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `-a`.
    fn neg(self, a: Self::V) -> Self::V;
    /// `a b + c` with one rounding.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a b` with one rounding.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `yes` where `a > b`, else `no` (also where either is not a number).
    fn select_gt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `2^n`, where `rounded` is `n + ROUNDER`.
    fn exp2_of_rounded(self, rounded: Self::V) -> Self::V;
}

/// Sixteen values side by side.
pub trait Lanes<R: Real>: Arithmetic<R> {
    /// Vectors of accumulators that fit into the registers with room to spare.
    const ACCUMULATORS: usize;

    /// Reads sixteen values.
    fn load(self, from: &[R; LANES]) -> Self::V;
    /// Writes sixteen values.
    fn store(self, v: Self::V, to: &mut [R; LANES]);
    /// Adds the lanes by the one tree: halves onto halves.
    fn tree(self, v: Self::V) -> R;
    /// [`Lanes::tree`] of four.
    #[inline(always)]
    fn trees(self, v: [Self::V; 4]) -> [R; 4] {
        [
            self.tree(v[0]),
            self.tree(v[1]),
            self.tree(v[2]),
            self.tree(v[3]),
        ]
    }
}

/// An instruction set, by a token that proves that the machine has it.
pub trait Isa: Lanes<f32> + Lanes<f64> {}

impl<S: Lanes<f32> + Lanes<f64>> Isa for S {}

/// A computation that is worth compiling for several instruction sets.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// Runs it. Must be `#[inline(always)]`, as must everything that it calls, or the instructions are not used.
    fn run<S: Isa>(self, isa: S) -> Self::Output;
}
