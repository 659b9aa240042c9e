//! What the tables of problems mean, that what is spelled out is read back, and what is said about mistakes in them.

use bistable_common::{
    spec::{Activation, Family, LabelNoise, Misfit, ProblemSpec, QuadraticSpec, ReweightingSpec},
    sweep::words,
};

use crate::support::*;

#[test]
fn every_problem_spelled_out_is_itself() {
    let mut problems = ProblemSpec::defaults().to_vec();
    problems.push(ProblemSpec::Reweighting(ReweightingSpec {
        hidden: vec![3, 4],
        activation: Activation::Tanh,
        l2: 0.1,
        noise: LabelNoise::Share(0.3),
    }));
    problems.push(ProblemSpec::Quadratic(QuadraticSpec {
        family: Family::NcNc,
        coupling: Some(0.25),
        mu_f: -0.125,
        mu_g: -0.25,
        ..QuadraticSpec::default()
    }));
    for problem in problems {
        let text = words::problem(&problem);
        // As many synthetic images as the catalog's data set has classes.
        let on = |document: String| match problem {
            ProblemSpec::Distillation(_) => document.replace("[grid]", "[grid]\nm2 = 10"),
            _ if problem.traits().is_minimax => {
                let document = document.replace("ssgd", "ssgda");
                document.replace("tsgd\"", "tsgda-1\"")
            }
            _ if problem.is_single_level() => single_level(&document),
            ProblemSpec::FewShot(_) => of_tasks(&document, "preset = \"maml\""),
            _ => document,
        };
        let written = on(edited("[problem]\nkind = \"reweighting\"\n", &text));
        assert_eq!(good(&written).facts().problem, problem, "{text}");
        let short = on(edited("reweighting", problem.name()));
        assert_eq!(good(&short).facts().problem.name(), problem.name());
    }
}

#[test]
fn problems() {
    let problem = |lines: &str| {
        let text = edited("kind = \"reweighting\"", lines);
        good(&text).facts().problem.clone()
    };
    let ProblemSpec::HyperCleaning(cleaning) = problem("kind = \"hyper_cleaning\"") else {
        panic!("another problem");
    };
    assert_eq!((cleaning.l2, cleaning.noise), (0.001, 0.4));
    let lines = "kind = \"hyper_cleaning\"\nl2 = 0.5\nnoise = 0";
    let ProblemSpec::HyperCleaning(cleaning) = problem(lines) else {
        panic!("another problem");
    };
    assert_eq!((cleaning.l2, cleaning.noise), (0.5, 0.0));
    let reweighting = |lines: &str| {
        let lines = format!("kind = \"reweighting\"\n{lines}");
        match problem(&lines) {
            ProblemSpec::Reweighting(spec) => (spec.l2, spec.noise),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reweighting(""), (0.0, LabelNoise::Half));
    assert_eq!(
        reweighting("noise = \"half\"\nl2 = 0"),
        (0.0, LabelNoise::Half)
    );
    assert_eq!(
        reweighting("noise = 0.25\nl2 = 1e-3"),
        (0.001, LabelNoise::Share(0.25))
    );
}

#[test]
fn networks_at_the_outer_level() {
    let text = edited(
        "kind = \"reweighting\"",
        "kind = \"hyper_representation\"\nhidden = []",
    );
    says(
        &wrong(&toml(&text)),
        &["hidden = [] leaves x without a component"],
    );
    let text = edited(
        "kind = \"reweighting\"",
        "kind = \"hyper_representation\"\nhead = \"lenet\"",
    );
    says(
        &wrong(&toml(&text)),
        &["head = \"lenet\"", "\"softmax\"", "\"ridge\""],
    );
    let text = edited(
        "kind = \"reweighting\"",
        "kind = \"distillation\"\nper_class = 3",
    );
    let text = text.replace("[grid]", "[grid]\nm2 = [30, 31]");
    says(
        &wrong(&toml(&text)),
        &[
            "m2 = 31, but its training samples are the synthetic images",
            "need m2 = 30",
        ],
    );
}

#[test]
fn tasks_are_adapted_to_from_x() {
    let of = |lines: &str| of_tasks(&edited("reweighting", "few_shot"), lines);
    for (lines, misfit) in [
        ("preset = \"tsgd\"", Misfit::TasksStartAtX),
        ("preset = \"sgd\"", Misfit::TasksStartAtX),
        (
            "preset = \"maml\"\ndirection = { last = 1 }",
            Misfit::TasksNeedUnrolled,
        ),
        (
            "preset = \"maml\"\ndirection = \"partial\"",
            Misfit::TasksNeedUnrolled,
        ),
        (
            "preset = \"anil\"\nbatch_y = 4",
            Misfit::TasksNeedAllSupport,
        ),
        (
            "preset = \"anil\"\ngrowth = \"sqrt\"",
            Misfit::TasksNeedKnownSteps,
        ),
        (
            "preset = \"maml\"\neta_y = { rule = \"inverse\", clock = \"outer\" }",
            Misfit::TasksNeedKnownSteps,
        ),
        (
            "preset = \"maml\"\neta_x = { rule = \"bilevel_armijo\", c = 1.0 }",
            Misfit::TasksNeedNoSearch,
        ),
    ] {
        says(&wrong(&toml(&of(lines))), &[&misfit.to_string()[..40]]);
    }
    let several = of("preset = \"maml\"").replace("m2 = 1", "m2 = 3");
    says(
        &wrong(&toml(&several)),
        &["m2 = 3, but tasks bring their own training images"],
    );
    let many =
        of("preset = \"maml\"").replace("kind = \"few_shot\"", "kind = \"few_shot\"\nways = 20");
    says(
        &wrong(&toml(&many)),
        &["a task has ways = 20 classes; the data set has 10"],
    );
}

#[test]
fn mistakes_in_problems() {
    for (lines, message) in [
        (
            "kind = \"hyper_cleaning\"\nhidden = [3]",
            "`hidden` belongs to [problem] of kind reweighting",
        ),
        (
            "kind = \"hyper_cleaning\"\nl2 = 0",
            "l2 = 0: expected a positive number",
        ),
        (
            "kind = \"hyper_cleaning\"\nnoise = \"half\"",
            "noise = \"half\": expected a probability, from 0 to 1",
        ),
        (
            "kind = \"reweighting\"\nl2 = -1",
            "l2 = -1: expected a number, at least 0",
        ),
        (
            "kind = \"reweighting\"\nnoise = 1.5",
            "noise = 1.5: expected a probability, from 0 to 1",
        ),
        (
            "kind = \"reweighting\"\nnoise = \"third\"",
            "noise = \"third\": expected \"half\", or a probability, from 0 to 1",
        ),
        (
            "kind = \"hypercleaning\"",
            "did you mean \"hyper_cleaning\"?",
        ),
    ] {
        let error = broken("kind = \"reweighting\"", lines);
        says(&error, &[message, "[sweep.toml:"]);
    }
}
