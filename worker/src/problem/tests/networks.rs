//! Problems with networks: derivatives, and the presets that bring their outer loss down.

use bistable_common::spec::{Activation, DistillationSpec, Head, HyperRepresentationSpec};

use super::*;
use crate::problem::{Distillation, HyperRepresentation};

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
    let data = Dataset::bundled();
    HyperRepresentation::new(testing::setting(&facts), &spec, &data).expect("fits")
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

fn distillation(hidden: &[u32], activation: Activation) -> Distillation<f64> {
    let facts = testing::facts_with(6, 20);
    let spec = DistillationSpec {
        per_class: 2,
        hidden: hidden.to_vec(),
        activation,
        l2: 0.02,
    };
    let data = Dataset::bundled();
    Distillation::new(testing::setting(&facts), &spec, &data).expect("fits")
}

#[test]
fn distillation_derivatives_are_finite_differences() {
    for activation in [Activation::Elu, Activation::Tanh] {
        for hidden in [&[][..], &[16], &[5], &[17, 6], &[8, 20, 3]] {
            check_oracle(&distillation(hidden, activation));
        }
    }
}

#[test]
fn distillation_unrolled_is_a_finite_difference() {
    for hidden in [&[][..], &[17, 6]] {
        for steps in 1..=3 {
            let plain = Plain(distillation(hidden, Activation::Tanh));
            check_unrolled(&plain, &somewhere(&plain.0), steps);
        }
    }
}

#[test]
fn synthetic_images_begin_as_noise() {
    let pixels = Oracle::start(&distillation(&[], Activation::Elu)).x;
    let count = pixels.len() as f64;
    let mean = pixels.iter().sum::<f64>() / count;
    let variance = pixels.iter().map(|p| (p - mean) * (p - mean)).sum::<f64>() / count;
    assert_eq!(count, 20.0 * 784.0);
    assert!(
        mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03,
        "{mean} {variance}"
    );
    assert_ne!(pixels[..784], pixels[784..2 * 784]);
}

/// Batches of more than a chunk, whose last piece is shorter, are means like any other.
#[test]
fn a_batch_of_several_chunks_is_a_mean() {
    check_chunks(&hyper_representation(
        &[17, 6],
        Activation::Elu,
        Head::Softmax,
    ));
    check_chunks(&distillation(&[17, 6], Activation::Elu));
}

fn check_chunks(problem: &impl Oracle<Real = f64>) {
    let at = somewhere(problem);
    let work = &mut vec![0.0; problem.work_words()];
    let once: Vec<u32> = (0..12).collect();
    let often: Vec<u32> = once.repeat(6);
    let v = direction_in_y(&at, 31);
    let mut derivatives = |batch: &[u32]| {
        let mut all = [at.y.len(), at.y.len(), at.x.len()].map(|len| vec![9.0; len]);
        problem.inner_grad(&at, batch, &mut all[0], work);
        problem.inner_hvp(&at, batch, &v, &mut all[1], work);
        problem.cross_vp(&at, batch, &v, &mut all[2], work);
        all.concat()
    };
    for (a, b) in derivatives(&once).iter().zip(derivatives(&often)) {
        assert!((a - b).abs() < 1e-13, "{a} {b}");
    }
    let [a, b] = [once, often].map(|batch| problem.inner_value(&at, &batch));
    close(a, b, 1e-13);
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
