//! Every operation on every small shape: with each instruction set the bits of plain arrays in software, and these within
//! a bound of matrix algebra in f64. What stands before and after the slices must neither be read nor written.
//!
//! # The bounds
//!
//! They are those of rounding, not guesses, so that a wrong index cannot hide in them. An operation with one rounding is
//! off by at most u times its result, u being half the distance from 1 to the next number; a value that went through n of
//! them one after another, by n u / (1 - n u) of it (Higham, Accuracy and Stability, lemma 3.1). In a sum of products by
//! fused multiply-adds each product goes through at most as many roundings as there are terms, so the sum is off by at
//! most [`roundings`]`(terms)` times the sum of absolute products, what was there before included. That is n/2 ulps of
//! the latter. A sum over lanes of n vectors is n fused multiply-adds and four levels of the tree: n + 4. The reference is
//! computed in f64 in whatever order, which adds the same of f64's u.

mod combine;
mod distance;
mod dots;
mod layers;
mod memcheck;
mod sparse;

use std::ops::Deref;

use ndarray::{Array2, ArrayView2};

use super::LANES;
use crate::kernel::{Real, Simd};

/// Widths of rows that take every path through tiles of 16, 10, 8, 4 and 1 vectors.
const WIDTHS: std::ops::RangeInclusive<usize> = 1..=20;

/// What stands around slices that are written. Adding anything to it shows.
const WALL: f64 = -7777.125;

/// Where the values come from and what is around them: reproducible numbers in [-1, 1), and so many walls either side;
/// none, where a tool watches the ends of each allocation.
struct Lab {
    state: u64,
    walls: usize,
}

impl Lab {
    fn new(walls: usize) -> Self {
        Self { state: 1, walls }
    }

    /// SplitMix64.
    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn number<R: Real>(&mut self) -> R {
        R::from_f64((self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    }

    fn numbers<R: Real>(&mut self, len: usize) -> Vec<R> {
        (0..len).map(|_| self.number()).collect()
    }

    /// Numbers to read. One more, and the result is not a number.
    fn input<R: Real>(&mut self, len: usize) -> Walled<R> {
        let numbers = self.numbers(len);
        self.walled(&numbers, f64::NAN)
    }

    fn walled<R: Real>(&self, values: &[R], wall: f64) -> Walled<R> {
        let wall = vec![R::from_f64(wall); self.walls];
        Walled {
            all: [&wall[..], values, &wall].concat().into_boxed_slice(),
            walls: self.walls,
        }
    }

    /// What `op` makes of `before`, the same with every instruction set.
    fn run<R: Real, const N: usize>(
        &self,
        before: [&[R]; N],
        op: impl Fn(Simd, [&mut [R]; N]),
    ) -> [Vec<R>; N] {
        let sets = Simd::all();
        let mut results = sets.iter().rev().map(|&simd| {
            let mut after = before.map(|values| self.walled(values, WALL));
            op(simd, after.each_mut().map(Walled::inside));
            assert!(after.iter().all(Walled::stands), "a wall in {simd:?}");
            (simd, after.map(|values| values.to_vec()))
        });
        let (_, plain) = results.next().expect("software runs everywhere");
        for (simd, result) in results {
            let same = result.iter().flatten().map(bits);
            assert!(
                same.eq(plain.iter().flatten().map(bits)),
                "bits in {simd:?}"
            );
        }
        plain
    }
}

fn bits<R: Real>(value: &R) -> u64 {
    // From f32 this keeps all that tells two numbers apart.
    value.to_f64().to_bits()
}

/// Values between walls, in an allocation that ends with the last wall.
struct Walled<R> {
    all: Box<[R]>,
    walls: usize,
}

impl<R: Real> Walled<R> {
    fn inside(&mut self) -> &mut [R] {
        let end = self.all.len() - self.walls;
        &mut self.all[self.walls..end]
    }

    fn stands(&self) -> bool {
        let (first, rest) = self.all.split_at(self.walls);
        let last = &rest[rest.len() - self.walls..];
        let wall = WALL.to_bits();
        first.iter().chain(last).all(|value| bits(value) == wall)
    }
}

impl<R> Deref for Walled<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        &self.all[self.walls..self.all.len() - self.walls]
    }
}

/// Half the distance from 1 to the next number.
fn unit<R: Real>() -> f64 {
    let epsilon = match size_of::<R>() {
        4 => f32::EPSILON.into(),
        _ => f64::EPSILON,
    };
    epsilon / 2.0
}

/// What `n` roundings, one after another, may change of a value, relatively: ours, and the reference's.
fn roundings<R: Real>(n: usize) -> f64 {
    let most = |unit: f64| n as f64 * unit / (1.0 - n as f64 * unit);
    most(unit::<R>()) + most(unit::<f64>())
}

/// A relative error of so many ulps, of which one is at most 2u; in f64 the functions are held to 1e-15.
fn function<R: Real>(ulps: f64) -> f64 {
    match size_of::<R>() {
        4 => ulps * 2.0 * unit::<R>(),
        _ => 1e-15,
    }
}

/// Rows as a matrix of f64.
fn matrix<R: Real>(values: &[R], width: usize) -> Array2<f64> {
    let values: Vec<f64> = values.iter().map(|value| value.to_f64()).collect();
    Array2::from_shape_vec((values.len() / width, width), values).expect("whole rows")
}

/// Holds `ours` to the reference, each element to its own bound.
#[track_caller]
fn hold<R: Real>(ours: &[R], reference: ArrayView2<f64>, bound: ArrayView2<f64>, what: &str) {
    assert_eq!(ours.len(), reference.len());
    for (j, ((ours, reference), bound)) in ours.iter().zip(reference).zip(bound).enumerate() {
        let error = (ours.to_f64() - reference).abs();
        assert!(
            error <= *bound,
            "{what}, element {j}: {ours:?} is {error:e} from {reference}, not {bound:e}"
        );
    }
}
