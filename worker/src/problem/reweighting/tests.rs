//! Every instruction set and either layout of the data against the others: the same bits.

use bistable_common::{
    ids::Replicate,
    spec::{Activation, Direction, ReweightingSpec},
};

use super::Reweighting;
use crate::{
    data::Dataset,
    kernel::{Layout, Real, Simd},
    problem::{OuterBatch, Problem, Shape, Table},
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
    };
    let (cell, data) = (&facts.cells[0], Dataset::bundled());
    let layout = Some(layout);
    Reweighting::with_layout(simd, &spec, &facts, cell, Replicate(0), &data, layout).expect("fits")
}

/// Everything that inner steps on batches of `batch` samples, a hypergradient and an evaluation leave behind, as bytes.
fn bits<R: Real>(problem: &Reweighting<R>, steps: usize, batch: usize) -> Vec<u8> {
    let mut scratch = problem.scratch(Shape {
        batch_x: OUTER.len(),
        batch_y: batch,
        inner_steps: steps,
        direction: Direction::Unrolled,
    });
    let mut at = problem.start();
    at.x.iter_mut()
        .enumerate()
        .for_each(|(j, x)| *x = R::from_f64(j as f64 / 40.0 - 0.5));
    for t in 0..steps {
        let rows: Vec<u32> = (0..batch)
            .map(|b| ((7 * t + 3 * b * b) % 40) as u32)
            .collect();
        problem.inner_step(&mut scratch, &mut at, &rows, 0.3, t);
    }
    let mut out = at.x.clone();
    let batch = OuterBatch {
        rows: &OUTER,
        replaced: &[],
    };
    problem.direction(&mut scratch, Direction::Unrolled, &at, batch, &mut out);
    let metrics = problem.evaluate(&mut scratch, &at, Table::Test, &[0, 1, 2]);
    let mut bytes = Vec::new();
    let values = out.iter().chain(&*at.y);
    values.for_each(|value| value.put_le(&mut bytes));
    metrics.loss.put_le(&mut bytes);
    bytes
}

fn check<R: Real>(hidden: &[u32], activation: Activation, steps: usize, batch: usize) {
    let of = |simd, layout| {
        let problem = problem::<R>(simd, hidden, activation, layout);
        bits(&problem, steps, batch)
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
