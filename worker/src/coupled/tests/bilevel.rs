//! Bilevel presets at the size of the bundled data: every one brings the outer loss of its paper's task down.

use bistable_common::{
    spec::{
        Activation, Batch, Direction, Head, HyperCleaningSpec, HyperRepresentationSpec,
        ProblemSpec, Solver,
        presets::{PRESETS, Preset},
    },
    sweep::{Facts, Indices},
    trajectory::Stop,
};

use super::{units, work};
use crate::{testing, unit::Mode};

/// The preset with its own step sizes, on fewer steps and samples.
fn smaller(preset: &Preset) -> Solver {
    let steps = match preset.name {
        // It begins anew in every iteration, so that only x can bring the loss down.
        "ud" => 40,
        _ => preset.inner_steps.count().min(10),
    };
    let mut solver = preset.solver(steps);
    let few = |batch: Batch| match batch {
        Batch::Of(size) => Batch::Of(size.min(32)),
        Batch::Full(_) => batch,
    };
    (solver.batch_x, solver.batch_y) = (few(solver.batch_x), few(solver.batch_y));
    if let Direction::Implicit(implicit) = &mut solver.direction {
        implicit.batch_v = few(implicit.batch_v);
    }
    solver
}

/// What its paper tries it on: reweighting (SBO), logistic regression (HOAG), hyper-representation (Fan et al. 2023), and
/// hyper-cleaning (Ji et al. 2021 and those it compares with).
fn task(preset: &Preset) -> Facts {
    let mut facts = match preset.name {
        "hoag" => testing::logistic_facts(100, 200),
        _ => testing::facts_with(300, 600),
    };
    match preset.name {
        "ssgd" | "tsgd" | "ud" | "hoag" => {}
        name if name.starts_with("bis") => {
            facts.problem = embedding();
        }
        _ => facts.problem = ProblemSpec::HyperCleaning(HyperCleaningSpec::default()),
    }
    facts.test = 200;
    facts.indices = Indices::Count(0);
    facts.cells[0].solver = smaller(preset);
    facts.cells[0].ks = vec![1, 100];
    facts
}

fn embedding() -> ProblemSpec {
    ProblemSpec::HyperRepresentation(HyperRepresentationSpec {
        hidden: vec![32],
        activation: Activation::Elu,
        head: Head::Softmax,
        l2: 0.001,
    })
}

/// Fan et al. 2023, section 4: tuning is what line searches spare.
#[test]
fn a_line_search_bears_a_first_step_five_orders_too_large() {
    let run = |preset: &str, eta: f64| {
        let preset = PRESETS.iter().find(|named| named.name == preset);
        let mut facts = task(preset.expect("a preset"));
        facts.problem = embedding();
        facts.cells[0].solver.eta_x.scale = eta;
        facts.cells[0].ks = vec![1, 40];
        let units = units(&work(&facts, &testing::data_of(&facts), Mode::Forked));
        let last = units[0].curve.last().map(|point| point.test_loss);
        (units[0].base_stop, last)
    };
    let coin = 10.0f64.ln();
    let (stop, sensible) = run("stocbio", 0.1);
    assert_eq!(stop, Stop::Completed);
    assert!(sensible.is_some_and(|loss| loss < coin));
    let (stop, _) = run("stocbio", 1e4);
    assert!(matches!(stop, Stop::Diverged { .. }), "{stop:?}");
    let (stop, searched) = run("bisls-adam", 1e4);
    assert_eq!(stop, Stop::Completed);
    assert!(
        searched.is_some_and(|loss| loss < 0.8 * coin),
        "{searched:?}"
    );
}

#[test]
fn every_preset_reduces_the_outer_loss() {
    let bilevel = |preset: &&Preset| {
        let two_levels = preset.inner_steps.count() > 0 && preset.ascent.is_none();
        two_levels && !preset.start.is_outer()
    };
    let mut failed = Vec::new();
    for preset in PRESETS.iter().filter(bilevel) {
        let facts = task(preset);
        let units = units(&work(&facts, &testing::data_of(&facts), Mode::Forked));
        let curve = &units[0].curve;
        let (first, last) = (curve[0], curve[curve.len() - 1]);
        assert_eq!((first.k, last.k), (1, 100), "{}", preset.name);
        for (before, after) in [
            (first.val_loss, last.val_loss),
            (first.test_loss, last.test_loss),
        ] {
            if after >= before {
                failed.push(format!("{}: {before} to {after}", preset.name));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
