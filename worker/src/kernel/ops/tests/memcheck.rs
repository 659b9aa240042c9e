//! A few shapes of every operation, on allocations that end where the slices do: for a tool that watches every access,
//! under which all the others would take too long.

use bistable_common::spec::Activation;

use super::{LANES, Lab, combine, distance, dots, layers, sparse};
use crate::kernel::Real;

fn products<R: Real>() {
    let lab = &mut Lab::new(0);
    for (count, vectors, terms) in [(1, 1, 0), (9, 3, 2), (13, 5, 3), (8, 2, 1)] {
        combine::check::<R>(lab, count, vectors, terms);
    }
    for ([m, n], vectors) in [([1, 1], 1), ([2, 5], 3), ([3, 4], 2)] {
        dots::check_add::<R>(lab, [m, n], vectors, n + 1);
        dots::check_rows::<R>(lab, m, vectors);
    }
    for len in [0, 1, 16, 37] {
        distance::check::<R>(lab, len);
    }
}

#[test]
fn memcheck_products() {
    products::<f32>();
    products::<f64>();
}

fn sparse_products<R: Real>() {
    let lab = &mut Lab::new(0);
    for columns in [1, 19] {
        let samples = sparse::Samples::new(lab, columns);
        for (size, vectors) in [(1, 1), (6, 13), (16, 16), (3, 29)] {
            sparse::check_forward::<R>(lab, &samples, size, vectors);
            sparse::check_update::<R>(lab, &samples, size, vectors);
            sparse::check_gather::<R>(lab, &samples, size + 3, size);
        }
    }
}

#[test]
fn memcheck_sparse_products() {
    sparse_products::<f32>();
    sparse_products::<f64>();
}

fn elements<R: Real>() {
    let lab = &mut Lab::new(0);
    for activation in [Activation::Elu, Activation::Tanh] {
        layers::check_activate::<R>(lab, activation, 3);
        layers::check_bend::<R>(lab, activation, 3);
    }
    for (rows, classes) in [(1, 1), (3, 10), (2, 17usize)] {
        let vectors = classes.div_ceil(LANES);
        layers::check_softmax::<R>(lab, rows, classes);
        layers::check_softmax_along::<R>(lab, rows, vectors);
        layers::check_elements::<R>(lab, rows, vectors);
        layers::check_judge::<R>(lab, classes);
        layers::check_cross_entropies::<R>(lab, rows, classes);
    }
}

#[test]
fn memcheck_elements() {
    elements::<f32>();
    elements::<f64>();
}
