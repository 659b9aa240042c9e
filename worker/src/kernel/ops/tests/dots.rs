//! Inner products.

use ndarray::Axis;

use super::{LANES, Lab, hold, matrix, roundings};
use crate::kernel::{
    Real,
    ops::{add_dots, dot_rows},
};

/// All inner products of `m` rows of `vectors` vectors with `n` others, added to rows of `stride`.
pub fn check_add<R: Real>(lab: &mut Lab, [m, n]: [usize; 2], vectors: usize, stride: usize) {
    let width = vectors * LANES;
    let (a, b) = (lab.input::<R>(m * width), lab.input::<R>(n * width));
    // The last row ends with the last product.
    let before: Vec<R> = lab.numbers((m - 1) * stride + n);
    let [ours] = lab.run([&before], |simd, [out]| {
        add_dots(simd, &a, &b, width, stride, out);
    });

    let (a, b) = (matrix(&a, width), matrix(&b, width));
    let (dots, absolute) = (a.dot(&b.t()), a.abs().dot(&b.abs().t()));
    let mut reference = matrix(&before, 1);
    let mut bound = ndarray::Array2::zeros(reference.dim());
    for ((i, j), dot) in dots.indexed_iter() {
        let at = (i * stride + j, 0);
        bound[at] = (reference[at].abs() + absolute[(i, j)]) * roundings::<R>(vectors + 5);
        reference[at] += dot;
    }
    let what = format!("{m} by {n} rows of {width}, stride {stride}");
    // Where there is no product the bound is zero: nothing may change.
    hold(&ours, reference.view(), bound.view(), &what);
}

/// The inner products of `count` rows with as many others.
pub fn check_rows<R: Real>(lab: &mut Lab, count: usize, vectors: usize) {
    let width = vectors * LANES;
    let (a, b) = (lab.input::<R>(count * width), lab.input::<R>(count * width));
    let before: Vec<R> = lab.numbers(count);
    let [ours] = lab.run([&before], |simd, [out]| dot_rows(simd, &a, &b, width, out));

    let products = matrix(&a, width) * matrix(&b, width);
    let reference = products.sum_axis(Axis(1)).insert_axis(Axis(1));
    let absolute = products.abs().sum_axis(Axis(1)).insert_axis(Axis(1));
    let bound = absolute * roundings::<R>(vectors + 5);
    let what = format!("{count} rows of {width}");
    hold(&ours, reference.view(), bound.view(), &what);
}

fn check_all<R: Real>() {
    let mut lab = Lab::new(64);
    for m in 1..=20 {
        for n in 1..=20 {
            for vectors in [1, 2, 3, 5] {
                check_add::<R>(&mut lab, [m, n], vectors, n + (m + vectors) % 4);
            }
        }
        for vectors in 1..=20 {
            check_add::<R>(&mut lab, [m, 7], vectors, 16);
            check_rows::<R>(&mut lab, m, vectors);
        }
    }
}

#[test]
fn dots_are_matrix_products_in_f32() {
    check_all::<f32>();
}

#[test]
fn dots_are_matrix_products_in_f64() {
    check_all::<f64>();
}
