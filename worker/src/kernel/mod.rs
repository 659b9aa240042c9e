//! The canonical numerics. Everything that enters a digest is computed by the functions here, or by plain `+ - * /` and
//! `sqrt`, which IEEE 754 fixes.
//!
//! # The specification
//!
//! * **Lanes.** There are [`LANES`] = 16 virtual lanes, whatever the machine has. Rows of parameters and activations are
//!   padded with zeros to a multiple of 16, which changes no bit.
//! * **Elements.** A weight, an activation, a pre-activation of the first layer, a term of the second pass is one chain of
//!   fused multiply-adds in a fixed order: of columns (pixels) in a forward product, of samples in an update, of outputs
//!   in a backward product, of the tape (newest step first) in the second pass. Chains are independent, so any number of
//!   them may run side by side. Zeros that are not stored are skipped, which changes no finite number.
//! * **Sums.** A horizontal sum has the 16 lanes: lane `j` adds the elements with index `j` modulo 16 in ascending order
//!   by fused multiply-add (by addition, if there is no product), and the lanes are added by one tree, halves onto halves:
//!   `(j) + (j + 8)`, then `(j) + (j + 4)`, `(j) + (j + 2)`, `(0) + (1)`.
//! * **Fused multiply-add** is used where [`Arithmetic::fma`](simd::Arithmetic::fma) and its kin are written, and nowhere
//!   else; the compiler contracts nothing.
//! * **Functions** are our own ([`elementary`]): `exp`, `expm1` and everything built from them reduce the argument by
//!   `z = n ln 2 + r` with ln 2 in two parts, take the Taylor polynomial of `exp(r) - 1` of degree 7 (f32) or 13 (f64) by
//!   Horner's rule, and scale by `2^n`; results outside the normal range are clamped to its ends. In f32 exp is within 1.5
//!   ulp of the exact value, expm1 within 2, tanh and sigmoid within 3; in f64 they are within 1e-15 of it, relatively.
//!   ELU is `z` above 0 and expm1 elsewhere. The logarithm is `libm`'s, in f64; sixteen side by side have its bits. The
//!   platform's functions are never used: they differ between machines.
//! * **Types.** Parameters are f32 or f64 ([`Real`]); losses, metrics and distances are accumulated in f64.
//!
//! Fused multiply-add is exact in hardware and in software, so every instruction set ([`simd`]) gives the same bits; the
//! choice of one only says how fast. Tests compare all of them, and all of them with plain matrix algebra.

mod aligned;
pub mod elementary;
pub mod ops;
mod real;
mod rows;
pub mod simd;

pub use aligned::Aligned;
pub use real::Real;
pub use rows::{Columns, Layout, Rows};
pub use simd::{Mode as SimdMode, Simd, Unavailable};

/// Virtual lanes of a horizontal sum, and the unit to which rows are padded.
pub const LANES: usize = 16;

/// `n` rounded up to a multiple of [`LANES`].
pub const fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}
