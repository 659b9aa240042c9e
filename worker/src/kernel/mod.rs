//! The canonical numerics. Everything that enters a digest is computed by the functions here, or by plain `+ - * /` and
//! `sqrt`, which IEEE 754 fixes.
//!
//! # The specification
//!
//! * **Elements.** A weight, an activation or a pre-activation of the first layer is one chain of fused multiply-adds in
//!   a fixed order (pixel, then sample). Chains are independent, so any number of them may run side by side.
//! * **Sums.** A horizontal sum has [`LANES`] virtual lanes: lane `j` adds the elements with index `j` modulo 16 in
//!   ascending order by fused multiply-add, and the lanes are added by one fixed tree ([`ops::tree`]). Rows are padded
//!   with zeros to a multiple of 16, which changes no bit.
//! * **Functions.** `exp`, `tanh` and their kin are our own polynomials ([`elementary`]); the logarithm is `libm`'s. The
//!   platform's are never used: they differ between machines.
//! * **Types.** Parameters are f32 or f64 ([`Real`]); losses, metrics and distances are accumulated in f64.
//!
//! Fused multiply-add is exact in hardware and in software, so every code path gives the same bits; the dispatch in
//! [`dispatch`] only chooses how fast.

pub mod dispatch;
pub mod elementary;
pub mod ops;
mod real;
mod sparse;

pub use real::Real;
pub use sparse::SparseRows;

/// Virtual lanes of a horizontal sum, and the unit to which rows are padded.
pub const LANES: usize = 16;

/// `n` rounded up to a multiple of [`LANES`].
pub const fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}
