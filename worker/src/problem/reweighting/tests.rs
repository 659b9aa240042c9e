//! Every instruction set and either layout of the data against the others: the same bits.

use bistable_common::spec::{Activation, ReweightingSpec};

use super::{Reweighting, adjoint};
use crate::{
    data::Dataset,
    kernel::{LANES, Layout, Real, Simd},
    problem::{Oracle, OuterBatch, Plain, Problem, Shape, Smooth, Table},
    setting::Setting,
    testing,
};

const OUTER: [u32; 5] = [3, 9, 3, 31, 0];

fn problem<R: Real>(
    simd: Simd,
    hidden: &[u32],
    activation: Activation,
    layout: Layout,
) -> Reweighting<R> {
    let facts = testing::facts_with(20, 40);
    let spec = ReweightingSpec {
        hidden: hidden.to_vec(),
        activation,
        ..ReweightingSpec::default()
    };
    let setting = Setting {
        simd,
        ..testing::setting(&facts)
    };
    Reweighting::with_layout(setting, &spec, &Dataset::bundled(), Some(layout)).expect("fits")
}

/// What inner steps on batches of `batch` samples, a hypergradient and an evaluation leave behind.
struct Left<R> {
    direction: Vec<R>,
    y: Vec<R>,
    loss: f64,
}

impl<R: Real> Left<R> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let values = self.direction.iter().chain(&self.y);
        values.for_each(|value| value.put_le(&mut bytes));
        self.loss.put_le(&mut bytes);
        bytes
    }
}

fn run<P: Problem>(problem: &P, steps: usize, batch: usize) -> Left<P::Real> {
    let mut scratch = problem.scratch(Shape {
        batch_x: OUTER.len(),
        batch_y: batch,
        tape: steps,
        products: 0,
        gradients: false,
    });
    let mut at = problem.start();
    at.x.iter_mut()
        .enumerate()
        .for_each(|(j, x)| *x = P::Real::from_f64(j as f64 / 40.0 - 0.5));
    for t in 0..steps {
        let rows: Vec<u32> = (0..batch)
            .map(|b| ((7 * t + 3 * b * b) % 40) as u32)
            .collect();
        problem.inner_step(&mut scratch, &mut at, &rows, 0.3, t);
    }
    let mut direction = at.x.clone();
    let batch = OuterBatch {
        rows: &OUTER,
        replaced: &[],
    };
    problem.direction(&mut scratch, &at, batch, steps, &mut direction);
    let metrics = problem.evaluate(&mut scratch, &at, Table::Test, &[0, 1, 2]);
    Left {
        direction,
        y: at.y.to_vec(),
        loss: metrics.loss,
    }
}

fn check<R: Real>(hidden: &[u32], activation: Activation, steps: usize, batch: usize) {
    let of = |simd, layout| {
        let problem = problem::<R>(simd, hidden, activation, layout);
        run(&problem, steps, batch).bytes()
    };
    let sets = Simd::all();
    let reference = of(sets[0], Layout::Sparse);
    assert_ne!(reference, vec![0; reference.len()]);
    for &simd in &sets {
        for layout in [Layout::Sparse, Layout::Dense] {
            assert!(
                reference == of(simd, layout),
                "{simd:?} {layout:?} {hidden:?} {activation:?} T = {steps}, batch {batch}"
            );
        }
    }
}

#[test]
fn every_instruction_set_and_layout_gives_the_same_bits() {
    assert!(Simd::all().len() > 1, "nothing to compare");
    for (hidden, batch) in [
        (&[][..], 4),
        (&[1], 5),
        (&[16], 20),
        (&[80, 17], 9),
        (&[33, 3, 18], 1),
        (&[272], 8),
    ] {
        for steps in [1, 3] {
            check::<f32>(hidden, Activation::Elu, steps, batch);
            check::<f64>(hidden, Activation::Tanh, steps, batch);
        }
    }
}

/// Steps and their samples with more terms of the adjoint than are kept: with all samples in sixteen lanes, several steps
/// to sixteen lanes, and samples that take sixteen lanes more than once; the last makes a matrix of them twice.
const MANY_TERMS: [(usize, usize); 4] = [(30, 20), (80, 7), (20, 40), (28, 40)];

/// The largest difference, and the largest of the `plain`.
fn difference(ours: &[f64], plain: &[f64]) -> (f64, f64) {
    assert_eq!(ours.len(), plain.len());
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let mut differences = ours.iter().zip(plain).map(|(a, b)| (a - b).abs());
    let mut sizes = plain.iter().map(|b| b.abs());
    (largest(&mut differences), largest(&mut sizes))
}

#[test]
fn adjoints_of_many_terms_are_the_plain_ones() {
    for (steps, batch) in MANY_TERMS {
        let terms = OUTER.len() + batch * (steps - 1);
        assert!(terms > adjoint::MAX_TERMS + LANES, "all terms fit");
        let activation = Activation::Elu;
        let fused = problem::<f64>(Simd::any(), &[16], activation, Layout::Sparse);
        let ours = run(&fused, steps, batch);
        let plain = run(&Plain(fused), steps, batch);
        let pairs = [(&ours.direction, &plain.direction), (&ours.y, &plain.y)];
        for (ours, plain) in pairs {
            let (difference, size) = difference(ours, plain);
            assert!(size > 1e-3, "nothing to compare: {size}");
            assert!(
                difference <= 1e-12 * size.min(1.0),
                "T = {steps}, batch {batch}: {difference:e}"
            );
        }
    }
}

#[test]
fn adjoints_of_many_terms_have_the_same_bits_everywhere() {
    for (steps, batch) in [MANY_TERMS[0], MANY_TERMS[3]] {
        check::<f32>(&[16], Activation::Tanh, steps, batch);
    }
    for (steps, batch) in [MANY_TERMS[1], MANY_TERMS[2]] {
        check::<f64>(&[16], Activation::Elu, steps, batch);
    }
}

/// Values along a line, on batches of two chunks and a part and then of fewer samples, are those of the points there.
#[test]
fn a_line_knows_the_values_of_any_batch() {
    let linear = problem::<f64>(Simd::any(), &[], Activation::Elu, Layout::Sparse);
    let mut scratch = linear.scratch(Shape {
        batch_x: 0,
        batch_y: 40,
        tape: 0,
        products: 0,
        gradients: true,
    });
    let mut at = Problem::start(&linear);
    for batch in [35, 17, 40, 5] {
        let rows: Vec<u32> = (0..batch).map(|b| (3 * b + 1) % 40).collect();
        let mut d = vec![0.0; at.y.len()];
        Smooth::inner_grad(&linear, &mut scratch, &at, &rows, &mut d);
        assert!(linear.aim_line(&mut scratch, &at, &d));
        let start = at.y.to_vec();
        for eta in [0.0, 0.5, -8.0] {
            for ((y, start), d) in at.y.iter_mut().zip(&start).zip(&d) {
                *y = start - eta * d;
            }
            let there = Oracle::inner_value(&linear, &at, &rows);
            let ours = linear.value_on_line(&mut scratch, eta, f64::MAX);
            assert!((ours - there).abs() < 1e-12 * there, "{ours} {there}");
            // Too much is noticed wherever it becomes too much.
            for part in [0.01, 0.5, 0.99] {
                let most = part * there;
                assert!(linear.value_on_line(&mut scratch, eta, most) > most);
            }
        }
    }
}
