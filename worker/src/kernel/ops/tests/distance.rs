//! Distances between states.

use super::{Lab, unit};
use crate::kernel::{LANES, Real, Simd, ops::distance2};

pub fn check<R: Real>(lab: &mut Lab, len: usize) {
    let (a, b) = (lab.input::<R>(len), lab.input::<R>(len));
    let ours: Vec<f64> = Simd::all()
        .into_iter()
        .map(|simd| distance2(simd, &a, &b))
        .collect();
    assert!(ours.iter().all(|d| d.to_bits() == ours[0].to_bits()));

    let squares = a.iter().zip(&*b).map(|(a, b)| {
        let difference = a.to_f64() - b.to_f64();
        difference * difference
    });
    let reference: f64 = squares.sum();
    // Accumulated in f64 whatever the type: a chain and the tree, and the reference's own sum.
    let most = (len.div_ceil(LANES) + 4 + len + 1) as f64 * unit::<f64>() * reference;
    assert!(
        (ours[0] - reference).abs() <= most,
        "{len} values: {} is not {reference}",
        ours[0]
    );
}

#[test]
fn distances_are_sums_of_squares() {
    for len in 0..=100 {
        check::<f32>(&mut Lab::new(64), len);
        check::<f64>(&mut Lab::new(64), len);
    }
}

#[test]
fn distances_of_equal_states_are_zero() {
    let values: Vec<f32> = Lab::new(0).numbers(77);
    for simd in Simd::all() {
        assert_eq!(distance2(simd, &values, &values).to_bits(), 0);
    }
}
