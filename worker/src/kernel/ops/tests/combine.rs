//! Combinations of rows.

use super::{LANES, Lab, WIDTHS, hold, matrix, roundings};
use crate::kernel::{Real, ops::combine};

/// `count` rows of `vectors` vectors, each with `terms` terms.
pub fn check<R: Real>(lab: &mut Lab, count: usize, vectors: usize, terms: usize) {
    let width = vectors * LANES;
    // Coefficients may stand closer or wider than there are rows, but end with the last that is needed.
    let stride = count + (vectors + terms) % 3;
    let coefficients = lab.input::<R>(terms.saturating_sub(1) * stride + count.min(count * terms));
    let rows = lab.input::<R>(terms * width);
    let before: Vec<R> = lab.numbers(count * width);
    let [ours] = lab.run([&before], |simd, [out]| {
        combine(simd, &coefficients, stride, &rows, width, out);
    });

    let mut c = ndarray::Array2::zeros((count, terms));
    for ((i, j), c) in c.indexed_iter_mut() {
        *c = coefficients[j * stride + i].to_f64();
    }
    let (rows, before) = (matrix(&rows, width), matrix(&before, width));
    let reference = &before + &c.dot(&rows);
    let absolute = before.abs() + c.abs().dot(&rows.abs());
    let bound = absolute * roundings::<R>(terms);
    let what = format!("{count} rows of {width}, {terms} terms");
    hold(&ours, reference.view(), bound.view(), &what);
}

fn check_all<R: Real>() {
    let mut lab = Lab::new(64);
    for count in 1..=20 {
        for vectors in WIDTHS {
            for terms in 0..=9 {
                check::<R>(&mut lab, count, vectors, terms);
            }
        }
    }
}

#[test]
fn combinations_are_matrix_products_in_f32() {
    check_all::<f32>();
}

#[test]
fn combinations_are_matrix_products_in_f64() {
    check_all::<f64>();
}

#[test]
fn long_combinations_are_matrix_products() {
    for terms in [100, 528, 784] {
        check::<f32>(&mut Lab::new(64), 13, 3, terms);
        check::<f64>(&mut Lab::new(64), 13, 3, terms);
    }
}
