//! What stands between the products: activations, probabilities and their derivatives, losses.

use bistable_common::spec::Activation;

use super::{kernel, vectors, vectors_mut};
use crate::kernel::{
    LANES, Real, Simd,
    elementary::{self, exp_of, expm1_of, sigmoid_of, tanh_of},
    simd::{Isa, Kernel, Lanes},
};

kernel! {
    /// Replaces pre-activations by activations, and gives the function's derivative.
    pub fn activate<'a, R>(activation: Activation, z: &'a mut [R], slope: &'a mut [R]) = activate_body
}

kernel! {
    /// Replaces derivatives of pre-activations by those of activations, and gives the change of the slopes: the
    /// activation's second derivative times the former.
    pub fn bend_rows<'a, R>(
        activation: Activation,
        a: &'a [R],
        slope: &'a [R],
        z: &'a mut [R],
        bent: &'a mut [R],
    ) = bend_body
}

kernel! {
    /// Replaces logits by probabilities, row by row; zero in the padding. The row's sum is one of sixteen lanes.
    pub fn softmax<'a, R>(p: &'a mut [R], classes: usize, width: usize) = softmax_body
}

kernel! {
    /// Replaces derivatives of logits by those of probabilities: `z = p (z - <p, z>)`, row by row.
    pub fn softmax_along<'a, R>(p: &'a [R], width: usize, z: &'a mut [R]) = softmax_along_body
}

kernel! {
    /// `out = a b`, element by element.
    pub fn multiply<'a, R>(a: &'a [R], b: &'a [R], out: &'a mut [R]) = multiply_body
}

kernel! {
    /// `out += a b`, element by element, with one rounding.
    pub fn multiply_add<'a, R>(a: &'a [R], b: &'a [R], out: &'a mut [R]) = multiply_add_body
}

kernel! {
    /// `rows[b] = factors[b] source[b]`.
    pub fn scale_rows<'a, R>(source: &'a [R], factors: &'a [R], width: usize, rows: &'a mut [R]) = scale_body
}

kernel! {
    /// `sum += rows[b]`, row by row.
    pub fn add_rows<'a, R>(rows: &'a [R], sum: &'a mut [R]) = add_rows_body
}

kernel! {
    /// Replaces each value by its sigmoid; padded.
    pub fn sigmoids<'a, R>(z: &'a mut [R]) = sigmoids_body
}

kernel! {
    /// Replaces each value by its exponential; padded.
    pub fn exponentials<'a, R>(z: &'a mut [R]) = exponentials_body
}

#[inline(always)]
fn exponentials_body<R: Real, S: Lanes<R>>(s: S, z: &mut [R]) {
    for z in vectors_mut(z) {
        s.store(exp_of(s, s.load(z)), z);
    }
}

#[inline(always)]
fn activate_body<R: Real, S: Lanes<R>>(s: S, activation: Activation, z: &mut [R], slope: &mut [R]) {
    let groups = vectors_mut(z).iter_mut().zip(vectors_mut(slope));
    let (zero, one) = (s.splat(R::ZERO), s.splat(R::ONE));
    match activation {
        Activation::Elu => {
            for (z, slope) in groups {
                let value = s.load(z);
                let below = expm1_of(s, value);
                s.store(s.select_gt(value, zero, one, s.add(below, one)), slope);
                s.store(s.select_gt(value, zero, value, below), z);
            }
        }
        Activation::Tanh => {
            for (z, slope) in groups {
                let a = tanh_of(s, s.load(z));
                s.store(s.fnma(a, a, one), slope);
                s.store(a, z);
            }
        }
    }
}

#[inline(always)]
fn bend_body<R: Real, S: Lanes<R>>(
    s: S,
    activation: Activation,
    a: &[R],
    slope: &[R],
    z: &mut [R],
    bent: &mut [R],
) {
    let values = vectors(a).iter().zip(vectors(slope));
    let tangents = vectors_mut(z).iter_mut().zip(vectors_mut(bent));
    let zero = s.splat(R::ZERO);
    for ((a, slope), (z, bent)) in values.zip(tangents) {
        let (a, slope, along) = (s.load(a), s.load(slope), s.load(z));
        let second = match activation {
            Activation::Elu => s.select_gt(zero, a, slope, zero),
            Activation::Tanh => s.mul(s.neg(s.add(a, a)), slope),
        };
        s.store(s.mul(second, along), bent);
        s.store(s.mul(slope, along), z);
    }
}

#[inline(always)]
fn largest<R: Real>(logits: &[R]) -> R {
    logits[1..]
        .iter()
        .fold(logits[0], |m, &z| if z > m { z } else { m })
}

#[inline(always)]
fn softmax_body<R: Real, S: Lanes<R>>(s: S, p: &mut [R], classes: usize, width: usize) {
    for row in p.chunks_exact_mut(width) {
        let shift = s.splat(largest(&row[..classes]));
        for z in vectors_mut(row) {
            s.store(exp_of(s, s.sub(s.load(z), shift)), z);
        }
        row[classes..].fill(R::ZERO);
        let mut sum = s.splat(R::ZERO);
        for p in vectors(row) {
            sum = s.add(sum, s.load(p));
        }
        let sum = s.splat(s.tree(sum));
        for p in vectors_mut(row) {
            s.store(s.div(s.load(p), sum), p);
        }
    }
}

#[inline(always)]
fn softmax_along_body<R: Real, S: Lanes<R>>(s: S, p: &[R], width: usize, z: &mut [R]) {
    for (p, z) in p.chunks_exact(width).zip(z.chunks_exact_mut(width)) {
        let mut sum = s.splat(R::ZERO);
        for (p, z) in vectors(p).iter().zip(vectors(z)) {
            sum = s.fma(s.load(p), s.load(z), sum);
        }
        let mean = s.splat(s.tree(sum));
        for (p, z) in vectors(p).iter().zip(vectors_mut(z)) {
            s.store(s.mul(s.load(p), s.sub(s.load(z), mean)), z);
        }
    }
}

#[inline(always)]
fn multiply_body<R: Real, S: Lanes<R>>(s: S, a: &[R], b: &[R], out: &mut [R]) {
    for ((out, a), b) in vectors_mut(out).iter_mut().zip(vectors(a)).zip(vectors(b)) {
        s.store(s.mul(s.load(a), s.load(b)), out);
    }
}

#[inline(always)]
fn multiply_add_body<R: Real, S: Lanes<R>>(s: S, a: &[R], b: &[R], out: &mut [R]) {
    for ((out, a), b) in vectors_mut(out).iter_mut().zip(vectors(a)).zip(vectors(b)) {
        s.store(s.fma(s.load(a), s.load(b), s.load(out)), out);
    }
}

#[inline(always)]
fn scale_body<R: Real, S: Lanes<R>>(
    s: S,
    source: &[R],
    factors: &[R],
    width: usize,
    rows: &mut [R],
) {
    let pairs = source.chunks_exact(width).zip(rows.chunks_exact_mut(width));
    for ((source, row), &factor) in pairs.zip(factors) {
        let factor = s.splat(factor);
        for (row, source) in vectors_mut(row).iter_mut().zip(vectors(source)) {
            s.store(s.mul(factor, s.load(source)), row);
        }
    }
}

#[inline(always)]
fn add_rows_body<R: Real, S: Lanes<R>>(s: S, rows: &[R], sum: &mut [R]) {
    for row in rows.chunks_exact(sum.len()) {
        for (sum, row) in vectors_mut(sum).iter_mut().zip(vectors(row)) {
            s.store(s.add(s.load(sum), s.load(row)), sum);
        }
    }
}

#[inline(always)]
fn sigmoids_body<R: Real, S: Lanes<R>>(s: S, z: &mut [R]) {
    for z in vectors_mut(z) {
        s.store(sigmoid_of(s, s.load(z)), z);
    }
}

/// Cross-entropy and 0-1 error of one row of logits, in f64.
pub fn judge<R: Real>(simd: Simd, logits: &[R], label: u32) -> [f64; 2] {
    let [loss, ..] = cross_entropies(simd, logits, logits.len(), logits.len(), &[label]);
    [loss, f64::from(u8::from(misses(logits, label)))]
}

/// Whether another logit than the label's counts as the largest, which of equal ones is the first.
pub fn misses<R: Real>(logits: &[R], label: u32) -> bool {
    let largest = largest(logits);
    logits.iter().position(|&z| z == largest) != Some(label as usize)
}

/// Cross-entropies of up to sixteen rows of logits, in f64; a sum of exponentials is one of sixteen lanes.
pub fn cross_entropies<R: Real>(
    simd: Simd,
    rows: &[R],
    classes: usize,
    width: usize,
    labels: &[u32],
) -> [f64; LANES] {
    debug_assert!(labels.len() <= LANES && labels.len() * width <= rows.len());
    simd.run(CrossEntropies {
        rows,
        classes,
        width,
        labels,
    })
}

struct CrossEntropies<'a, R> {
    rows: &'a [R],
    classes: usize,
    width: usize,
    labels: &'a [u32],
}

impl<R: Real> Kernel for CrossEntropies<'_, R> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> Self::Output {
        let s = f64::lanes(isa);
        let (mut losses, mut own) = ([1.0; LANES], [0.0; LANES]);
        let samples = losses.iter_mut().zip(&mut own);
        let rows = self.rows.chunks_exact(self.width).zip(self.labels);
        for ((loss, own), (row, &label)) in samples.zip(rows) {
            let largest = largest(&row[..self.classes]).to_f64();
            *own = row[label as usize].to_f64() - largest;
            *loss = sum_of_exponentials(s, row, self.classes, largest);
        }
        match self.labels {
            [_] => losses[0] = elementary::ln(losses[0]),
            _ => elementary::logarithms(&mut losses),
        }
        for (loss, own) in losses.iter_mut().zip(own) {
            *loss -= own;
        }
        losses
    }
}

/// Numbers of the lanes.
const NUMBERS: [f64; LANES] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// `sum_c exp(z_c - largest)` over the classes.
#[inline(always)]
fn sum_of_exponentials<R: Real, S: Lanes<f64>>(
    s: S,
    row: &[R],
    classes: usize,
    largest: f64,
) -> f64 {
    let (zero, largest) = (s.splat(0.0), s.splat(largest));
    let mut sum = zero;
    let mut left = classes as f64;
    for logits in row[..classes.next_multiple_of(LANES).min(row.len())].chunks(LANES) {
        let logits = match logits.first_chunk() {
            Some(full) => s.load(&wide(full)),
            None => {
                let mut padded = [R::ZERO; LANES];
                padded[..logits.len()].copy_from_slice(logits);
                s.load(&wide(&padded))
            }
        };
        let terms = exp_of(s, s.sub(logits, largest));
        let terms = s.select_gt(s.splat(left), s.load(&NUMBERS), terms, zero);
        sum = s.add(sum, terms);
        left -= LANES as f64;
    }
    s.tree(sum)
}

#[inline(always)]
fn wide<R: Real>(narrow: &[R; LANES]) -> [f64; LANES] {
    let mut wide = [0.0; LANES];
    for lane in 0..LANES {
        wide[lane] = narrow[lane].to_f64();
    }
    wide
}
