//! The wide instructions against the plain path: the same bits.

use bistable_common::{
    ids::Replicate,
    spec::{Activation, Direction, ReweightingSpec},
};

use super::{
    Reweighting, Scratch,
    fused::{InnerStep, Logits, Unrolled},
};
use crate::{
    data::Dataset,
    kernel::{
        Real,
        dispatch::{self, Kernel},
    },
    problem::{Problem, Shape},
    testing,
};

/// How kernels are run.
trait Way {
    fn run<K: Kernel>(kernel: K) -> K::Output;
}

struct Widest;

impl Way for Widest {
    fn run<K: Kernel>(kernel: K) -> K::Output {
        dispatch::run(kernel)
    }
}

struct PlainArrays;

impl Way for PlainArrays {
    fn run<K: Kernel>(kernel: K) -> K::Output {
        dispatch::run_plain(kernel)
    }
}

const STEPS: usize = 3;
const BATCHES: [[u32; 5]; STEPS] = [[1, 4, 4, 8, 30], [0, 11, 3, 1, 17], [8, 2, 5, 4, 21]];

fn problem<R: Real>(hidden: &[u32], activation: Activation) -> Reweighting<R> {
    let facts = testing::facts_with(20, 40);
    let spec = ReweightingSpec {
        hidden: hidden.to_vec(),
        activation,
    };
    let data = Dataset::bundled();
    Reweighting::new(&spec, &facts, &facts.cells[0], Replicate(0), &data).expect("fits")
}

/// Everything that three inner steps, a hypergradient and an evaluation leave behind, as bytes.
fn bits<R: Real, W: Way>(problem: &Reweighting<R>) -> Vec<u8> {
    let mut scratch: Scratch<R> = problem.scratch(Shape {
        batch_x: 4,
        batch_y: 5,
        inner_steps: STEPS,
        direction: Direction::Unrolled,
    });
    let mut at = problem.start();
    for (batch, step) in BATCHES.iter().zip(&mut scratch.tape) {
        step.rows.extend(batch);
        step.weights.extend(batch.iter().map(|_| R::from_f64(0.5)));
        step.eta = R::from_f64(0.3);
        step.upper.copy_from_slice(&at.y[problem.network.upper()]);
        W::run(InnerStep {
            network: &problem.network,
            batch: problem.training.batch(batch),
            weights: &step.weights,
            eta: step.eta,
            pass: &mut step.pass,
            factors: &mut scratch.factors,
            scaled: &mut scratch.scaled,
            y: &mut at.y,
        });
    }
    W::run(Unrolled {
        network: &problem.network,
        training: &problem.training,
        batch: problem.validation.batch(&[3, 9, 3, 31]),
        y: &at.y,
        scratch: &mut scratch,
        out: &mut at.x,
    });
    W::run(Logits {
        network: &problem.network,
        y: &at.y,
        batch: problem.test.batch(&[0, 1, 2]),
        pass: &mut scratch.evaluation,
    });
    let mut bytes = Vec::new();
    let values = at.x.iter().chain(&*at.y).chain(&scratch.evaluation.p);
    values.for_each(|value| value.put_le(&mut bytes));
    bytes
}

fn check<R: Real>(hidden: &[u32], activation: Activation) {
    let problem = problem::<R>(hidden, activation);
    let plain = bits::<R, PlainArrays>(&problem);
    assert!(
        plain == bits::<R, Widest>(&problem),
        "{hidden:?} {activation:?}"
    );
    assert_ne!(plain, vec![0; plain.len()]);
}

#[test]
fn plain_arrays_and_wide_instructions_give_the_same_bits() {
    for activation in [Activation::Elu, Activation::Tanh] {
        for hidden in [&[1][..], &[5], &[16], &[70], &[80, 17], &[33, 3, 18]] {
            check::<f32>(hidden, activation);
            check::<f64>(hidden, activation);
        }
    }
}
