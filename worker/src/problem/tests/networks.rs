//! Problems with networks: derivatives, and the presets that bring their outer loss down.

use bistable_common::spec::{Activation, Head, HyperRepresentationSpec};

use super::*;
use crate::problem::HyperRepresentation;

fn hyper_representation(
    hidden: &[u32],
    activation: Activation,
    head: Head,
) -> HyperRepresentation<f64> {
    let facts = testing::facts_with(6, 12);
    let spec = HyperRepresentationSpec {
        hidden: hidden.to_vec(),
        activation,
        head,
        l2: 0.02,
    };
    let (cell, data) = (&facts.cells[0], Dataset::bundled());
    HyperRepresentation::new(Simd::any(), &spec, &facts, cell, Replicate(0), &data).expect("fits")
}

#[test]
fn hyper_representation_derivatives_are_finite_differences() {
    for head in [Head::Softmax, Head::Ridge] {
        for activation in [Activation::Elu, Activation::Tanh] {
            for hidden in [&[16][..], &[5], &[17, 6], &[8, 20, 3]] {
                check_oracle(&hyper_representation(hidden, activation, head));
            }
        }
    }
}

#[test]
fn hyper_representation_unrolled_is_a_finite_difference() {
    for head in [Head::Softmax, Head::Ridge] {
        for steps in 1..=3 {
            let plain = Plain(hyper_representation(&[17, 6], Activation::Tanh, head));
            check_unrolled(&plain, &somewhere(&plain.0), steps);
        }
    }
}

/// Batches of more than a chunk, whose last piece is shorter, are means like any other.
#[test]
fn a_batch_of_several_chunks_is_a_mean() {
    let problem = hyper_representation(&[17, 6], Activation::Elu, Head::Softmax);
    let at = somewhere(&problem);
    let work = &mut vec![0.0; problem.work_words()];
    let once: Vec<u32> = (0..12).collect();
    let often: Vec<u32> = once.repeat(6);
    let (mut a, mut b) = (vec![0.0; at.y.len()], vec![0.0; at.y.len()]);
    problem.inner_grad(&at, &once, &mut a, work);
    problem.inner_grad(&at, &often, &mut b, work);
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-13, "{a} {b}");
    }
}

#[test]
fn padding_stays_zero() {
    let problem = hyper_representation(&[17, 6], Activation::Elu, Head::Softmax);
    let (start, at) = (Oracle::start(&problem), somewhere(&problem));
    let work = &mut vec![0.0; problem.work_words()];
    let (mut gx, mut gy) = (vec![1.0; at.x.len()], vec![1.0; at.y.len()]);
    problem.outer_grads(&at, &OUTER, &mut gx, &mut gy, work);
    for (start, gradient) in [(&start.x[..], &gx), (&start.y[..], &gy)] {
        let padding = start
            .iter()
            .zip(gradient)
            .filter(|(start, _)| **start == 0.0);
        assert!(padding.clone().count() > 50);
        assert!(padding.into_iter().all(|(_, gradient)| *gradient == 0.0));
    }
}
