//! Problems with networks at the outer level: presets bring the outer loss down, on the bundled images.

use bistable_common::spec::{
    Activation, Batch, Direction, DistillationSpec, FewShotSpec, Head, HyperRepresentationSpec,
    ProblemSpec, presets::PRESETS,
};
use bistable_common::sweep::{Facts, Indices};

use super::{units, work};
use crate::{data::Dataset, testing, unit::Mode};

/// `preset` on batches of 32, with these T and step sizes.
fn facts(problem: &ProblemSpec, m2: u32, preset: &str, steps: u32, etas: [f64; 2]) -> Facts {
    let mut facts = testing::facts_with(200, m2);
    facts.problem = problem.clone();
    facts.test = 200;
    facts.indices = Indices::Count(0);
    let named = PRESETS.iter().find(|named| named.name == preset);
    let mut solver = named.expect("a preset").solver(steps);
    let some = |batch: &mut Batch| {
        if !batch.is_full() {
            *batch = Batch::Of(32);
        }
    };
    some(&mut solver.batch_x);
    some(&mut solver.batch_y);
    if let Direction::Implicit(implicit) = &mut solver.direction {
        some(&mut implicit.batch_v);
    }
    [solver.eta_x.scale, solver.eta_y.scale] = etas;
    facts.cells[0].solver = solver;
    facts.cells[0].ks = vec![1, 40];
    facts
}

/// The share of the validation loss after one iteration that is left after forty.
fn left(facts: &Facts) -> f64 {
    let units = units(&work(facts, &Dataset::bundled(), Mode::Forked));
    let curve = &units[0].curve;
    let (first, last) = (curve[0], curve[curve.len() - 1]);
    assert_eq!((first.k, last.k), (1, 40));
    last.val_loss / first.val_loss
}

#[test]
fn embeddings_are_learnt() {
    let learns = |head, preset, steps, etas| {
        let problem = ProblemSpec::HyperRepresentation(HyperRepresentationSpec {
            hidden: vec![32, 16],
            activation: Activation::Elu,
            head,
            l2: 0.001,
        });
        let left = left(&facts(&problem, 300, preset, steps, etas));
        assert!(left < 0.6, "{preset} {head:?}: {left}");
    };
    for (preset, steps) in [
        ("tsgd", 5),
        ("itd-bio", 5),
        ("aid-cg", 5),
        ("aid-fp", 5),
        ("stocbio", 5),
        // The head stays as it was, and the embedding learns to fit it.
        ("sgd", 0),
    ] {
        learns(Head::Softmax, preset, steps, [0.2, 0.1]);
    }
    for preset in ["tsgd", "itd-bio", "aid-cg", "aid-fp"] {
        learns(Head::Ridge, preset, 5, [0.2, 0.1]);
    }
}

#[test]
fn images_are_distilled() {
    for (hidden, preset, etas) in [
        (vec![], "ud", [500.0, 0.02]),
        (vec![], "itd-bio", [1000.0, 0.03]),
        (vec![], "aid-cg", [100.0, 0.03]),
        (vec![16], "ud", [500.0, 0.02]),
    ] {
        let problem = ProblemSpec::Distillation(DistillationSpec {
            per_class: 1,
            hidden,
            activation: Activation::Elu,
            l2: 0.001,
        });
        let left = left(&facts(&problem, 10, preset, 10, etas));
        assert!(left < 0.9, "{preset}: {left}");
    }
}

#[test]
fn tasks_are_learnt() {
    for preset in ["maml", "anil"] {
        let problem = ProblemSpec::FewShot(FewShotSpec {
            hidden: vec![32],
            ..FewShotSpec::default()
        });
        let mut facts = facts(&problem, 1, preset, 1, [0.005, 0.4]);
        facts.test = 20;
        facts.cells[0].m1 = 100;
        facts.cells[0].solver.batch_x = Batch::Of(8);
        let left = left(&facts);
        assert!(left < 0.9, "{preset}: {left}");
    }
}
