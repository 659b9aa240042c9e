//! Minimax problems: forks copy what z's update remembers, and at the size of the bundled data every preset learns.

use bistable_common::{
    spec::{
        Method, ProblemSpec, RobustReweightingSpec, Turns, Update,
        presets::{self, PRESETS, Preset},
    },
    sweep::{Facts, Indices},
    trajectory::CurvePoint,
};

use super::{units, work};
use crate::{data::Dataset, testing, unit::Mode};

/// A base run of `preset`, without experiments.
fn facts(problem: &ProblemSpec, preset: &Preset) -> Facts {
    let mut facts = testing::facts_with(500, 2000);
    facts.precision = problem.traits().precision;
    facts.problem = problem.clone();
    facts.indices = Indices::Count(0);
    facts.cells[0].ks = vec![20, 2000];
    facts.cells[0].solver = preset.solver(preset.inner_steps.count());
    facts
}

fn ends(curve: &[CurvePoint]) -> [&CurvePoint; 2] {
    let first = curve.iter().find(|point| point.k == 20);
    [first, curve.last()].map(|point| point.expect("a curve"))
}

#[test]
fn forks_remember_what_z_does() {
    for (method, turns) in [
        (Method::Averaged { beta: 0.5 }, Turns::Pairs),
        (ADAM, Turns::Blocks { steps: 2 }),
    ] {
        let update = Update {
            method,
            ..Update::PLAIN
        };
        let problem = ProblemSpec::RobustReweighting(RobustReweightingSpec::default());
        let mut facts = facts(&problem, presets::find("tsgda-1").expect("a preset"));
        (facts.indices, facts.test) = (Indices::Count(16), 20);
        let cell = &mut facts.cells[0];
        (cell.m1, cell.m2, cell.ks) = (24, 30, vec![4, 8]);
        let ascent = cell.solver.ascent.as_mut().expect("z ascends");
        (ascent.turns, ascent.update_z) = (turns, update);
        let of = |mode| units(&work(&facts, &Dataset::bundled(), mode));
        assert_eq!(of(Mode::Forked), of(Mode::Naive));
    }
}

const ADAM: Method = Method::Adam {
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
};

#[test]
fn every_preset_reduces_the_outer_loss() {
    let problems = ProblemSpec::defaults();
    let minimax = problems.iter().filter(|p| p.traits().is_minimax);
    for problem in minimax {
        for preset in PRESETS.iter().filter(|preset| preset.ascent.is_some()) {
            let facts = facts(problem, preset);
            let whole = units(&work(&facts, &Dataset::bundled(), Mode::Forked));
            let [before, after] = ends(&whole[0].curve);
            let name = (problem.name(), preset.name);
            assert!(after.val_loss < before.val_loss, "{name:?}");
            assert!(after.test_loss < before.test_loss, "{name:?}");
        }
    }
}
