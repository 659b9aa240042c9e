//! How z ascends: what the keys mean, that they come back, and what is said where they do not fit.

use bistable_common::{
    spec::{
        Ascent, Clock, Method, Misfit, Solver, StepRule, StepSize, Turns, Update,
        presets::{self, PRESETS},
    },
    sweep::words,
};

use crate::support::*;

fn document(kind: &str, solver: &str) -> String {
    format!(
        "name = \"saddle\"\nreplicates = 1\n\n[problem]\nkind = \"{kind}\"\n\n[grid]\nm1 = 20\nm2 = 20\nK = 10\n\n\
         [[solvers]]\n{solver}"
    )
}

fn solver(lines: &str) -> Solver {
    let sweep = good(&document("auc", lines));
    sweep.facts().cells[0].solver.clone()
}

fn of(preset: &str, lines: &str) -> Ascent {
    let solver = solver(&format!("preset = \"{preset}\"\n{lines}"));
    solver.ascent.expect("z ascends")
}

const CUSTOM: &str = "start = \"warm\"\norder = \"outer_first\"\ndirection = \"partial\"\neta_x = 1\neta_y = 1\n\
    sampling = \"uniform\"\nbatch_x = 2\nbatch_y = 2\n";

fn constant(scale: f64, clock: Clock) -> StepSize {
    StepSize {
        scale,
        rule: StepRule::Constant,
        clock,
    }
}

#[test]
fn a_custom_solver_spells_its_ascent_out() {
    let ascent = |lines: &str| solver(&format!("{CUSTOM}{lines}")).ascent;
    let pairs = Ascent {
        turns: Turns::Pairs,
        eta_z: constant(0.5, Clock::Inner),
        update_z: Update::PLAIN,
    };
    assert_eq!(ascent("ascent = \"pairs\"\neta_z = 0.5"), Some(pairs));
    let blocks = Ascent {
        turns: Turns::Blocks { steps: 3 },
        ..pairs
    };
    let lines = "ascent = \"blocks\"\nQ = 3\neta_z = { c = 0.5 }";
    assert_eq!(ascent(lines), Some(blocks));
}

#[test]
fn keys_of_an_ascent_are_laid_over_the_presets() {
    let own = |name: &str| {
        presets::find(name)
            .and_then(|p| p.ascent)
            .expect("it ascends")
    };
    assert_eq!(of("ssgda", "").eta_z, constant(0.01, Clock::Outer));
    assert_eq!(of("ssgda", "ascent = \"pairs\""), own("ssgda"));
    assert_eq!(
        of("tsgda-1", "eta_z = 2").eta_z,
        constant(2.0, Clock::Inner)
    );
    assert_eq!(of("tsgda-2", "Q = 7").turns, Turns::Blocks { steps: 7 });
    assert_eq!(of("tsgda-2", "ascent = \"pairs\"").turns, Turns::Pairs);
    let blocks = of("tsgda-1", "ascent = \"blocks\"\nQ = 2");
    assert_eq!(blocks.turns, Turns::Blocks { steps: 2 });
    let eta_z = of("tsgda-1", "eta_z = { rule = \"inverse\" }").eta_z;
    assert_eq!((eta_z.scale, eta_z.rule), (0.01, StepRule::Inverse));
    let update = of("tsgda-1", "update_z = { method = \"averaged\", clip = 10 }").update_z;
    let method = Method::Averaged { beta: 0.9 };
    assert_eq!((update.method, update.clip), (method, Some(10.0)));
}

#[test]
fn every_ascent_comes_back() {
    let rules = [
        StepRule::Constant,
        StepRule::InverseSqrt,
        StepRule::Power { exponent: 0.3 },
        StepRule::Geometric { ratio: 0.5 },
    ];
    let update_z = Update {
        method: Method::Averaged { beta: 0.5 },
        clip: Some(3.0),
        clamp: Some([-1.0, 2.0]),
    };
    for turns in [Turns::Pairs, Turns::Blocks { steps: 5 }] {
        for rule in rules {
            for (clock, update_z) in [(Clock::Inner, update_z), (Clock::Outer, Update::PLAIN)] {
                let scale = 1.0 / 3.0;
                let eta_z = StepSize { scale, rule, clock };
                let written = Solver {
                    ascent: Some(Ascent {
                        turns,
                        eta_z,
                        update_z,
                    }),
                    ..presets::find("tsgda-1").expect("a preset").solver(4)
                };
                let text = words::spelled_out("any", &written);
                let sweep = good(&document("auc", text.trim_start_matches("[[solvers]]\n")));
                assert_eq!(sweep.facts().cells[0].solver, written, "{text}");
                let json = sweep.to_canonical_json();
                let again = bistable_common::sweep::Sweep::from_canonical_json(&json);
                assert_eq!(again, Ok(sweep), "{json}");
            }
        }
    }
}

#[test]
fn solvers_without_z_are_written_as_before() {
    for preset in PRESETS.iter().filter(|preset| preset.ascent.is_none()) {
        let json = serde_json::to_string(&preset.solver(1)).expect("JSON");
        assert!(!json.contains("ascent"), "{json}");
    }
}

#[test]
fn mistakes_in_ascents() {
    for (lines, message, help) in [
        (
            "preset = \"ssgda\"\nascent = \"pair\"",
            "ascent = \"pair\": expected \"pairs\" or \"blocks\"",
            "did you mean \"pairs\"?",
        ),
        (
            "preset = \"tsgda-1\"\nQ = 3",
            "`Q` belongs to ascent = \"blocks\"",
            "T steps of y, then Q of z",
        ),
        (
            "preset = \"tsgda-1\"\nascent = \"blocks\"",
            "[[solvers]] lacks the key `Q`",
            "for example: Q = 5",
        ),
        (
            "preset = \"tsgda-2\"\nQ = 0",
            "Q = 0: expected an integer from 1 to 65536",
            "",
        ),
        (
            "preset = \"ssgda\"\neta_z = -1",
            "eta_z = -1: expected a positive number",
            "",
        ),
        (
            "preset = \"ssgda\"\nupdate_z = \"adm\"",
            "update_z = \"adm\": expected",
            "did you mean \"adam\"?",
        ),
        (
            "preset = \"tsgd\"\neta_z = 1",
            "`eta_z` says how z ascends, and z does not",
            "add ascent = \"pairs\"",
        ),
        (
            "preset = \"tsgd\"\nupdate_z = \"adam\"",
            "`update_z` says how z ascends",
            "or begin with ssgda, tsgda-1 or tsgda-2",
        ),
        (
            "preset = \"tsgd\"\nascent = \"pairs\"",
            "[[solvers]] lacks the key `eta_z`",
            "for example: eta_z = 0.01",
        ),
        (
            "preset = \"tsgd\"\nascent = \"pairs\"\neta_z = { rule = \"inverse\" }",
            "eta_z has no scale",
            "give it `c`\n",
        ),
        (
            "preset = \"ssgda\"\neta_w = 1",
            "unknown key `eta_w`",
            "did you mean `eta_",
        ),
    ] {
        let error = wrong(&toml(&document("auc", lines)));
        says(&error, &[message, help, "[sweep.toml:1"]);
    }
}

#[test]
fn what_does_not_fit_a_minimax_problem_is_said() {
    let lbfgs = "update_y = \"lbfgs\"\nbatch_y = \"all\"";
    for (kind, lines, misfit) in [
        ("auc", "preset = \"tsgd\"", Misfit::MinimaxNeedsAscent),
        (
            "robust_reweighting",
            "preset = \"sgd\"",
            Misfit::MinimaxNeedsAscent,
        ),
        (
            "quadratic",
            "preset = \"ssgda\"",
            Misfit::AscentNeedsMinimax,
        ),
        (
            "reweighting",
            "preset = \"tsgda-2\"",
            Misfit::AscentNeedsMinimax,
        ),
        (
            "auc",
            "preset = \"stocbio\"\nascent = \"pairs\"\neta_z = 1",
            Misfit::MinimaxNeedsPartial,
        ),
        (
            "auc",
            "preset = \"ssgda\"\ndirection = \"unrolled\"\norder = \"inner_first\"",
            Misfit::MinimaxNeedsPartial,
        ),
        (
            "auc",
            "preset = \"ssgda\"\neta_z = { rule = \"armijo\" }",
            Misfit::AscentCounts,
        ),
        (
            "auc",
            "preset = \"ssgda\"\neta_z = { rule = \"theorem2\", l = 1 }",
            Misfit::AscentCounts,
        ),
        (
            "auc",
            "preset = \"ssgda\"\ntolerance = { first = 0.1, ratio = 1 }",
            Misfit::AscentNeedsKnownT,
        ),
        (
            "auc",
            "preset = \"ssgda\"\nupdate_z = \"lbfgs\"",
            Misfit::LbfgsUp,
        ),
        (
            "auc",
            &format!("preset = \"tsgda-1\"\n{lbfgs}"),
            Misfit::LbfgsNeedsBlocks,
        ),
    ] {
        let error = wrong(&toml(&document(kind, lines)));
        says(&error, &[&misfit.to_string(), "[sweep.toml:12:1]"]);
    }
    solver(&format!("preset = \"tsgda-2\"\n{lbfgs}"));
}

#[test]
fn problems_with_z_have_their_ranges() {
    for (lines, message) in [
        (
            "kind = \"auc\"\nl2 = 0",
            "l2 = 0: expected a positive number",
        ),
        (
            "kind = \"auc\"\npositive = 65536",
            "positive = 65536: expected an integer from 0 to 65535",
        ),
        (
            "kind = \"auc\"\npositive = 10",
            "the data set has 10 classes, 0 to 9, and `positive` is none of them",
        ),
        (
            "kind = \"robust_reweighting\"\nrho = 0",
            "rho = 0: expected a positive number",
        ),
        (
            "kind = \"robust_reweighting\"\nl2_x = -1",
            "l2_x = -1: expected a number, at least 0",
        ),
        (
            "kind = \"robust_reweighting\"\nnoise = 2",
            "noise = 2: expected a probability",
        ),
        (
            "kind = \"robust_reweighting\"\npositive = 1",
            "`positive` belongs to [problem] of kind auc",
        ),
    ] {
        let text = document("auc", "preset = \"ssgda\"").replace("kind = \"auc\"", lines);
        says(&wrong(&toml(&text)), &[message, "[sweep.toml:"]);
    }
}
