//! Sixteen replicas side by side, one a lane: rows of values `[value][16]`. A lane's bits are those that the replica has
//! alone, so sums over classes go through the sixteen virtual lanes and their tree here too, vector by vector.

use super::{kernel, vectors, vectors_mut};
use crate::kernel::{LANES, Real, simd::Lanes};

kernel! {
    /// [`super::softmax`] of each lane; rows of `classes` values.
    pub fn softmax_lanes<'a, R>(p: &'a mut [R], classes: usize) = softmax_body
}

kernel! {
    /// [`super::softmax_along`] of each lane.
    pub fn softmax_along_lanes<'a, R>(p: &'a [R], classes: usize, z: &'a mut [R]) = softmax_along_body
}

kernel! {
    /// `rows[b] = factors[b] source[b]`, a factor a lane.
    pub fn scale_lanes<'a, R>(source: &'a [R], factors: &'a [R], rows: &'a mut [R]) = scale_body
}

kernel! {
    /// `out[b] = <a[b], b[b]>` in each lane.
    pub fn dot_lanes<'a, R>(a: &'a [R], b: &'a [R], classes: usize, out: &'a mut [R]) = dot_body
}

kernel! {
    /// `out[b] = (1/B') sum_j inputs[j][b] <a[b], others[j]>` in each lane, `inputs` being `[j][samples of a][16]`.
    pub fn mean_products_lanes<'a, R>(
        a: &'a [R],
        others: &'a [R],
        classes: usize,
        inputs: &'a [R],
        out: &'a mut [R],
    ) = mean_products_body
}

kernel! {
    /// `x -= eta direction`, each with one rounding; whether a lane has left the finite numbers.
    pub fn descend<'a, R>(eta: R, direction: &'a [R], x: &'a mut [R]) -> [bool; LANES] = descend_body
}

/// The one sum of a value a class.
#[inline(always)]
fn class_sum<R: Real, S: Lanes<R>>(
    s: S,
    classes: usize,
    term: impl Fn(usize, S::V) -> S::V,
) -> S::V {
    let mut sums = [s.splat(R::ZERO); LANES];
    for class in 0..classes {
        sums[class % LANES] = term(class, sums[class % LANES]);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for j in 0..width {
            sums[j] = s.add(sums[j], sums[j + width]);
        }
        width /= 2;
    }
    sums[0]
}

#[inline(always)]
fn softmax_body<R: Real, S: Lanes<R>>(s: S, p: &mut [R], classes: usize) {
    for row in vectors_mut(p).chunks_exact_mut(classes) {
        let mut largest = s.load(&row[0]);
        for z in &row[1..] {
            let z = s.load(z);
            largest = s.select_gt(z, largest, z, largest);
        }
        for z in row.iter_mut() {
            let shifted = s.sub(s.load(z), largest);
            s.store(crate::kernel::elementary::exp_of(s, shifted), z);
        }
        let sum = class_sum(s, classes, |class, sum| s.add(sum, s.load(&row[class])));
        for p in row {
            s.store(s.div(s.load(p), sum), p);
        }
    }
}

#[inline(always)]
fn softmax_along_body<R: Real, S: Lanes<R>>(s: S, p: &[R], classes: usize, z: &mut [R]) {
    let rows = vectors(p).chunks_exact(classes);
    for (p, z) in rows.zip(vectors_mut(z).chunks_exact_mut(classes)) {
        let mean = class_sum(s, classes, |class, sum| {
            s.fma(s.load(&p[class]), s.load(&z[class]), sum)
        });
        for (p, z) in p.iter().zip(z) {
            s.store(s.mul(s.load(p), s.sub(s.load(z), mean)), z);
        }
    }
}

#[inline(always)]
fn scale_body<R: Real, S: Lanes<R>>(s: S, source: &[R], factors: &[R], rows: &mut [R]) {
    let (factors, classes) = (vectors(factors), source.len() / factors.len());
    let pairs = vectors(source).chunks_exact(classes);
    let pairs = pairs.zip(vectors_mut(rows).chunks_exact_mut(classes));
    for ((source, row), factor) in pairs.zip(factors) {
        let factor = s.load(factor);
        for (source, row) in source.iter().zip(row) {
            s.store(s.mul(factor, s.load(source)), row);
        }
    }
}

#[inline(always)]
fn dot_body<R: Real, S: Lanes<R>>(s: S, a: &[R], b: &[R], classes: usize, out: &mut [R]) {
    let rows = vectors(a)
        .chunks_exact(classes)
        .zip(vectors(b).chunks_exact(classes));
    for ((a, b), out) in rows.zip(vectors_mut(out)) {
        s.store(dot(s, a, b), out);
    }
}

#[inline(always)]
fn dot<R: Real, S: Lanes<R>>(s: S, a: &[[R; LANES]], b: &[[R; LANES]]) -> S::V {
    class_sum(s, a.len(), |class, sum| {
        s.fma(s.load(&a[class]), s.load(&b[class]), sum)
    })
}

#[inline(always)]
fn mean_products_body<R: Real, S: Lanes<R>>(
    s: S,
    a: &[R],
    others: &[R],
    classes: usize,
    inputs: &[R],
    out: &mut [R],
) {
    let others = vectors(others).chunks_exact(classes);
    let count = s.splat(R::from_f64(others.len() as f64));
    let samples = out.len() / LANES;
    let rows = vectors(a).chunks_exact(classes);
    for (b, (a, out)) in rows.zip(vectors_mut(out)).enumerate() {
        let mut sum = s.splat(R::ZERO);
        for (other, inputs) in others.clone().zip(vectors(inputs).chunks_exact(samples)) {
            sum = s.add(sum, s.mul(dot(s, a, other), s.load(&inputs[b])));
        }
        s.store(s.div(sum, count), out);
    }
}

#[inline(always)]
fn descend_body<R: Real, S: Lanes<R>>(s: S, eta: R, direction: &[R], x: &mut [R]) -> [bool; LANES] {
    let (step, zero) = (s.splat(eta), s.splat(R::ZERO));
    // Nothing times zero is not a number, unless it is finite.
    let mut health = zero;
    let (whole, rest) = x.as_chunks_mut::<LANES>();
    let (along, last) = direction.as_chunks::<LANES>();
    for (x, d) in whole.iter_mut().zip(along) {
        let moved = s.fnma(step, s.load(d), s.load(x));
        health = s.fma(moved, zero, health);
        s.store(moved, x);
    }
    let mut lanes = [R::ZERO; LANES];
    s.store(health, &mut lanes);
    for ((x, d), lane) in rest.iter_mut().zip(last).zip(&mut lanes) {
        *x = (-eta).mul_add(*d, *x);
        *lane = x.mul_add(R::ZERO, *lane);
    }
    lanes.map(|lane| !lane.to_f64().is_finite())
}
