//! What the parts of solvers mean, and that what is spelled out is read back.

use bistable_common::{
    spec::{
        Activation, AdjointStart, Batch, Bound, Clock, Direction, Family, Growth, Implicit,
        Inverse, LabelNoise, Method, Misfit, ProblemSpec, QuadraticSpec, Reset, ReweightingSpec,
        Solver, StepRule, StepSize, Tolerance, Update,
        presets::{self, PRESETS},
    },
    sweep::words,
};

use crate::support::*;

const HEAD: &str = r#"name = "parts"
replicates = 1

[problem]
kind = "quadratic"

[grid]
m1 = 20
m2 = 20
K = 10
"#;

/// The one solver of a table, on the quadratic, or on a minimax problem where z ascends.
fn solver(table: &str) -> Solver {
    let minimax = ["ascent", "ssgda", "tsgda"];
    let minimax = minimax.iter().any(|word| table.contains(word));
    let kind = if minimax { "auc" } else { "quadratic" };
    let head = HEAD.replace("quadratic", kind);
    let sweep = good(&format!("{head}\n{table}"));
    assert_eq!(sweep.facts().cells.len(), 1);
    sweep.facts().cells[0].solver.clone()
}

/// The solver of a preset with some lines of its own.
fn of(preset: &str, lines: &str) -> Solver {
    solver(&format!("[[solvers]]\npreset = \"{preset}\"\n{lines}"))
}

fn preset(name: &str) -> Solver {
    let preset = presets::find(name).expect("a preset");
    preset.solver(preset.inner_steps.count())
}

#[track_caller]
fn comes_back(solver: &Solver) {
    let text = words::spelled_out("any", solver);
    assert_eq!(self::solver(&text), *solver, "{text}");
}

#[test]
fn every_preset_spelled_out_is_itself() {
    for row in &PRESETS {
        let expected = row.solver(row.inner_steps.count());
        if row.start.is_outer() {
            let sweep = |table: &str| good(&of_tasks(&edited("reweighting", "few_shot"), table));
            let by_name = sweep(&format!("preset = \"{}\"\nT = 1", row.name));
            assert_eq!(by_name.facts().cells[0].solver, expected);
            let spelled = words::spelled_out("any", &expected).replace("[[solvers]]\n", "");
            assert_eq!(sweep(&spelled).facts().cells[0].solver, expected);
            continue;
        }
        comes_back(&expected);
        assert_eq!(of(row.name, ""), expected, "{}", row.name);
    }
}

#[test]
fn every_direction_comes_back() {
    let until = Tolerance {
        first: 1e-9,
        ratio: 0.5,
    };
    let inverses = [
        Inverse::Cg {
            steps: 7,
            tolerance: Some(until),
            start_v: AdjointStart::Cold,
        },
        Inverse::Cg {
            steps: 1,
            tolerance: None,
            start_v: AdjointStart::Warm,
        },
        Inverse::FixedPoint {
            steps: 2,
            eta_v: 0.1,
            start_v: AdjointStart::Warm,
        },
        Inverse::Neumann {
            steps: 0,
            eta_v: 0.3,
            geometric: None,
        },
        Inverse::Neumann {
            steps: 4,
            eta_v: 0.3,
            geometric: Some(0.7),
        },
        Inverse::RandomNeumann {
            steps: 5,
            eta_v: 2.0,
        },
        Inverse::Identity { eta_v: 1.0 },
    ];
    let implicit = |inverse| {
        let batch_v = Batch::Of(3);
        Direction::Implicit(Implicit { inverse, batch_v })
    };
    let others = [
        Direction::Partial,
        Direction::Unrolled,
        Direction::Truncated { last: 2 },
        Direction::Implicit(Implicit {
            inverse: inverses[0],
            batch_v: Batch::ALL,
        }),
    ];
    for direction in inverses.into_iter().map(implicit).chain(others) {
        comes_back(&Solver {
            direction,
            ..preset("tsgd")
        });
    }
}

#[test]
fn every_rule_comes_back() {
    let bounds = [Bound::Constant, Bound::InverseSqrt, Bound::Inverse];
    let resets = [Reset::Bound, Reset::Keep, Reset::Grow(1.5)];
    let mut rules = vec![
        StepRule::Constant,
        StepRule::Inverse,
        StepRule::InverseSqrt,
        StepRule::Power { exponent: 0.3 },
        StepRule::Geometric { ratio: 0.5 },
        StepRule::Theorem2 { l: 2.5 },
        StepRule::Hoag,
        StepRule::DecPolyak {
            divisor: 0.2,
            floor: -1.0,
        },
        StepRule::BilevelPolyak {
            divisor: 0.7,
            floor: 0.5,
            lower: 1e-6,
        },
    ];
    rules.extend(bounds.map(|bound| StepRule::Polyak {
        divisor: 0.3,
        floor: 0.25,
        bound,
    }));
    for reset in resets {
        rules.extend(bounds.map(|bound| StepRule::Armijo {
            decrease: 0.2,
            shrink: 0.6,
            reset,
            bound,
        }));
        rules.push(StepRule::BilevelArmijo {
            decrease: 0.2,
            shrink: 0.6,
            reset,
            slack: 0.5,
        });
    }
    for rule in rules {
        let scale = 1.0 / 3.0;
        for clock in [Clock::Outer, Clock::Inner] {
            let step = StepSize { scale, rule, clock };
            if step.is_bilevel() {
                continue;
            }
            comes_back(&Solver {
                eta_y: step,
                ..preset("tsgd")
            });
        }
        let clock = Clock::Outer;
        comes_back(&Solver {
            direction: match rule {
                // Rules of a level's own objective.
                _ if StepSize { scale, rule, clock }.is_bilevel() => Direction::Unrolled,
                _ => Direction::Partial,
            },
            eta_x: StepSize { scale, rule, clock },
            ..preset("tsgd")
        });
    }
}

#[test]
fn every_update_and_schedule_comes_back() {
    let adam = Method::Adam {
        beta1: 0.0,
        beta2: 0.99,
        epsilon: 1e-12,
    };
    let updates = [
        (Method::Plain, Some(3.0), None),
        (Method::Averaged { beta: 1.0 }, None, Some([-1.5, 2.0])),
        (adam, Some(10.0), Some([0.0, 1e30])),
    ];
    for (method, clip, clamp) in updates {
        let update = Update {
            method,
            clip,
            clamp,
        };
        comes_back(&Solver {
            update_x: update,
            update_y: update,
            ..preset("aid-cg")
        });
    }
    let mut solver = preset("hoag");
    solver.schedule.growth = Growth::Sqrt;
    solver.update_y.method = Method::Lbfgs { memory: 3 };
    comes_back(&solver);
}

#[test]
fn keys_of_a_direction_are_laid_over_the_presets() {
    let implicit = |solver: &Solver| *solver.direction.implicit().expect("an implicit direction");
    let more = implicit(&of("aid-bio", "direction = { steps = 10 }"));
    let Inverse::Cg { steps, start_v, .. } = more.inverse else {
        panic!("{more:?}");
    };
    assert_eq!((steps, start_v), (10, AdjointStart::Warm));
    assert_eq!(more.batch_v, Batch::ALL);
    // Another inverse keeps the batch and nothing else.
    let fixed_point = "direction = { inverse = \"fixed_point\", steps = 9, eta_v = 0.1 }";
    let other = implicit(&of("aid-bio", fixed_point));
    let expected = Inverse::FixedPoint {
        steps: 9,
        eta_v: 0.1,
        start_v: AdjointStart::Cold,
    };
    assert_eq!((other.inverse, other.batch_v), (expected, Batch::ALL));
    let exact = implicit(&of("hoag", "direction = { tolerance = \"none\" }"));
    assert!(matches!(
        exact.inverse,
        Inverse::Cg {
            steps: 100,
            tolerance: None,
            ..
        }
    ));
    let sizes = "direction = { mu = 0.1, batch_v = 50 }";
    let geometric = implicit(&of("stocbio", sizes));
    assert!(matches!(
        geometric.inverse,
        Inverse::Neumann {
            geometric: Some(0.1),
            steps: 3,
            ..
        }
    ));
    // What else is written says which kind it is.
    let last = of("aid-bio", "direction = { last = 5 }");
    assert_eq!(last.direction, Direction::Truncated { last: 5 });
    let cg = "direction = { inverse = \"cg\", steps = 4, batch_v = \"all\" }";
    assert_eq!(implicit(&of("tsgd", cg)).batch_v, Batch::ALL);
    let unrolled = of("aid-bio", "direction = \"unrolled\"");
    assert_eq!(unrolled.direction, Direction::Unrolled);
}

#[test]
fn keys_of_a_step_size_are_laid_over_the_presets() {
    let bisps = of("bisps", "eta_x = { lower = 0.5 }");
    let expected = StepRule::BilevelPolyak {
        divisor: 0.5,
        floor: 0.0,
        lower: 0.5,
    };
    assert_eq!((bisps.eta_x.rule, bisps.eta_x.scale), (expected, 10.0));
    let kept = StepRule::Polyak {
        divisor: 0.5,
        floor: 0.25,
        bound: Bound::Inverse,
    };
    assert_eq!(of("bisps", "eta_y = { floor = 0.25 }").eta_y.rule, kept);
    let ttsa = of("ttsa", "eta_y = { exponent = 0.5, c = 2 }");
    assert_eq!(
        (ttsa.eta_y.rule, ttsa.eta_y.scale, ttsa.eta_y.clock),
        (StepRule::Power { exponent: 0.5 }, 2.0, Clock::Outer)
    );
    let bisls = of("bisls-sgd", "eta_x = { reset = \"keep\" }");
    assert!(matches!(
        bisls.eta_x.rule,
        StepRule::BilevelArmijo {
            reset: Reset::Keep,
            shrink: 0.8,
            ..
        }
    ));
    // A number is a constant, and another rule begins with its own defaults.
    assert_eq!(of("ttsa", "eta_y = 3").eta_y.rule, StepRule::Constant);
    let armijo = of("bisls-sgd", "eta_y = { rule = \"polyak\" }");
    let expected = StepRule::Polyak {
        divisor: 1.0,
        floor: 0.0,
        bound: Bound::Constant,
    };
    assert_eq!((armijo.eta_y.rule, armijo.eta_y.scale), (expected, 100.0));
}

#[test]
fn keys_of_an_update_are_laid_over_the_presets() {
    let adam = |solver: Solver| match solver.update_x.method {
        Method::Adam { beta1, beta2, .. } => (beta1, beta2),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        adam(of("bisls-adam", "update_x = { beta1 = 0.5 }")),
        (0.5, 0.999)
    );
    assert_eq!(adam(of("tsgd", "update_x = \"adam\"")), (0.9, 0.999));
    let plain = of("bisls-adam", "update_x = \"plain\"");
    assert_eq!(plain.update_x, Update::PLAIN);
    let clipped = of("tsgd", "update_x = { clip = 10, clamp = [-1, 1] }");
    assert_eq!(
        clipped.update_x,
        Update {
            clip: Some(10.0),
            clamp: Some([-1.0, 1.0]),
            ..Update::PLAIN
        }
    );
    let averaged = of("tsgd", "update_x = \"averaged\"");
    assert_eq!(averaged.update_x.method, Method::Averaged { beta: 0.9 });
}

#[test]
fn schedules() {
    let bsa = of("bsa", "growth = \"fixed\"\nstart = \"warm\"");
    assert_eq!(bsa.schedule.growth, Growth::Fixed);
    let tolerance = |lines| of("aid-bio", lines).schedule.tolerance;
    assert_eq!(
        tolerance("tolerance = { first = 0.1, ratio = 1 }"),
        Some(Tolerance {
            first: 0.1,
            ratio: 1.0
        })
    );
    assert_eq!(of("hoag", "tolerance = \"none\"").schedule.tolerance, None);
    let single = of("tsgd", "T = 0\ndirection = \"partial\"");
    assert_eq!(single.schedule.inner_steps, 0);
}

#[test]
fn batches_of_all_samples() {
    let all = of("tsgd", "batch_x = \"all\"\nbatch_y = \"all\"");
    assert_eq!((all.batch_x, all.batch_y), (Batch::ALL, Batch::ALL));
    let text = format!("{HEAD}batch_x = [4, \"all\", 2]\n[[solvers]]\npreset = \"tsgd\"\n");
    let sweep = good(&text);
    let batches: Vec<Batch> = (sweep.facts().cells.iter())
        .map(|cell| cell.solver.batch_x)
        .collect();
    assert_eq!(batches, [Batch::Of(4), Batch::ALL, Batch::Of(2)]);
    let twice = text.replace("4, ", "\"all\", ");
    says(&wrong(&toml(&twice)), &["batch_x has all more than once"]);
}

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

/// A document with one solver, of a problem with tasks.
fn of_tasks(text: &str, solver: &str) -> String {
    let (head, _) = text.split_once("[[solvers]]").expect("solvers");
    let head = head.replace("[grid]", "[grid]\nm2 = 1");
    format!("{head}[[solvers]]\n{solver}\n")
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

/// Lines that a preset cannot have, and why.
#[test]
fn parts_that_mean_nothing_together() {
    for (name, lines, misfit) in [
        ("tsgd", "T = 0", Misfit::NoInnerSteps),
        ("aid-cg", "T = 0", Misfit::NoInnerSteps),
        ("tsgd", "start = \"outer\"", Misfit::StartNeedsTasks),
        (
            "tsgd",
            "direction = { last = 3 }\norder = \"outer_first\"",
            Misfit::UnrolledNeedsInnerFirst,
        ),
        (
            "tsgd",
            "direction = { last = 3 }\ntolerance = { first = 0.1, ratio = 1 }",
            Misfit::TruncatedNeedsKnownT,
        ),
        (
            "ud",
            "update_y = { clip = 1 }",
            Misfit::UnrolledNeedsPlainSteps,
        ),
        (
            "aid-bio",
            "direction = { inverse = \"neumann\", steps = 3, eta_v = 0.5, mu = 0.1 }",
            Misfit::GeometricNeedsBatches,
        ),
        ("bsa", "sampling = \"epoch\"", Misfit::EpochNeedsFixedT),
        (
            "stocbio",
            "eta_y = { rule = \"hoag\" }",
            Misfit::UpperRuleBelow,
        ),
        (
            "bisls-sgd",
            "order = \"simultaneous\"",
            Misfit::SearchNeedsInnerFirst,
        ),
        (
            "sgd",
            "eta_x = { rule = \"bilevel_armijo\" }",
            Misfit::SearchNeedsInnerSteps,
        ),
        (
            "stocbio",
            "eta_x = { rule = \"polyak\" }",
            Misfit::SearchNeedsGradient,
        ),
        (
            "tsgd",
            "eta_x = { rule = \"armijo\" }",
            Misfit::SearchNeedsGradient,
        ),
        ("hoag", "batch_y = 10", Misfit::LbfgsNeedsAll),
        ("hoag", "update_x = \"lbfgs\"", Misfit::LbfgsBelow),
    ] {
        let text = format!("{HEAD}\n[[solvers]]\npreset = \"{name}\"\n{lines}");
        says(
            &wrong(&toml(&text)),
            &[&format!("solver `{name}`: {misfit}"), "[sweep.toml:12:1]"],
        );
    }
    // The adaptive rules that steps may be differentiated through, as constants.
    of("tsgd", "eta_y = { rule = \"armijo\" }");
}

#[test]
fn single_level_solvers_need_an_outer_objective_of_x() {
    let error = broken("preset = \"ssgd\"", "preset = \"sgd\"");
    says(
        &error,
        &["this problem's outer objective depends on x only through y"],
    );
}

#[test]
fn mistakes_in_parts() {
    for (name, lines, message) in [
        (
            "aid-cg",
            "direction = { step = 3 }",
            "unknown key `step` in a direction",
        ),
        (
            "aid-cg",
            "direction = { step = 3 }",
            "did you mean `steps`?",
        ),
        (
            "aid-cg",
            "direction = { eta_v = 3 }",
            "`eta_v` belongs to the inverses fixed_point, neumann, random_neumann and identity",
        ),
        (
            "stocbio",
            "direction = { tolerance = \"none\" }",
            "`tolerance` belongs to inverse = \"cg\"",
        ),
        (
            "tsgd",
            "direction = { kind = \"truncated\", last = 2, steps = 3 }",
            "`steps` belongs to kind = \"implicit\"",
        ),
        (
            "tsgd",
            "direction = { kind = \"truncated\" }",
            "a direction lacks the key `last`",
        ),
        (
            "tsgd",
            "direction = { steps = 3 }",
            "a direction lacks the key `inverse`",
        ),
        (
            "tsgd",
            "direction = { inverse = \"cg\", steps = 3 }",
            "a direction lacks the key `batch_v`",
        ),
        (
            "tsgd",
            "direction = { inverse = \"cg\", batch_v = 3 }",
            "a direction lacks the key `steps`",
        ),
        (
            "tsgd",
            "direction = { inverse = \"newton\" }",
            "inverse = \"newton\": expected \"cg\", \"fixed_point\", \"neumann\", \"random_neumann\" or \"identity\"",
        ),
        (
            "tsgd",
            "direction = \"implicit\"",
            "or a table; for example: direction = { inverse = \"cg\", steps = 10",
        ),
        (
            "tsgd",
            "direction = \"truncated\"",
            "write how many steps it keeps: direction = { last = 5 }",
        ),
        (
            "tsgd",
            "direction = \"unroled\"",
            "did you mean \"unrolled\"?",
        ),
        (
            "aid-cg",
            "direction = { steps = 0 }",
            "steps = 0: expected an integer from 1 to 65536",
        ),
        (
            "aid-cg",
            "direction = { batch_v = 0 }",
            "batch_v = 0: expected an integer from 1 to 65536, or \"all\"",
        ),
        (
            "stocbio",
            "direction = { mu = 2 }",
            "mu = 2: expected less than 1 / eta_v = 2",
        ),
        (
            "hoag",
            "tolerance = 0.1",
            "tolerance = 0.1: expected a table with first and ratio, or \"none\"",
        ),
        (
            "hoag",
            "tolerance = { first = 0.1 }",
            "a tolerance lacks the key `ratio`",
        ),
        (
            "hoag",
            "tolerance = { first = 0.1, ratio = 2 }",
            "ratio = 2: expected a number above 0 and at most 1",
        ),
        (
            "tsgd",
            "growth = \"root\"",
            "growth = \"root\": expected \"fixed\", \"sqrt\" or \"fourth_root\"",
        ),
        (
            "bisps",
            "eta_x = { shrink = 0.5 }",
            "`shrink` belongs to the rules armijo and bilevel_armijo",
        ),
        (
            "bisps",
            "eta_x = { lower = 11 }",
            "lower = 11: positive, and at most c",
        ),
        (
            "bisps",
            "eta_x = { divisor = 0.1 }",
            "divisor = 0.1: expected a number, at least 0.5",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"power\" }",
            "a step size lacks the key `exponent`",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"armijo\", reset = 0.5 }",
            "reset = 0.5: expected \"bound\", \"keep\", or a factor of at least 1",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"armijo\", bound = \"sqrt\" }",
            "bound = \"sqrt\": expected \"constant\", \"inverse_sqrt\" or \"inverse\"",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"armijo\", decrease = 1 }",
            "decrease = 1: expected a number strictly between 0 and 1",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"polyk\" }",
            "did you mean \"polyak\"?",
        ),
        (
            "tsgd",
            "update_x = { method = \"adam\", beta = 0.9 }",
            "`beta` belongs to method = \"averaged\"",
        ),
        (
            "tsgd",
            "update_x = { beta1 = 0.9 }",
            "`beta1` belongs to method = \"adam\"",
        ),
        (
            "tsgd",
            "update_x = { method = \"adam\", beta2 = 1 }",
            "beta2 = 1: expected a number, at least 0 and below 1",
        ),
        ("tsgd", "update_x = \"adm\"", "did you mean \"adam\"?"),
        (
            "tsgd",
            "update_x = 3",
            "update_x = 3: expected a method, or a table with one",
        ),
        (
            "tsgd",
            "update_x = { clamp = [1, -1] }",
            "clamp = [..]: expected two numbers, the smaller first",
        ),
        (
            "tsgd",
            "update_x = { clamp = [1] }",
            "clamp = [..]: expected two numbers, the smaller first",
        ),
        (
            "tsgd",
            "update_x = { clip = 0 }",
            "clip = 0: expected a positive number",
        ),
        (
            "hoag",
            "update_y = { memory = 0 }",
            "memory = 0: expected an integer from 1 to 1024",
        ),
        (
            "bsa",
            "T = 65536",
            "solver `bsa`: T = 207244: at most 65536 inner steps in the last outer iteration",
        ),
    ] {
        let text = format!("{HEAD}\n[[solvers]]\npreset = \"{name}\"\n{lines}");
        says(&wrong(&toml(&text)), &[message, "[sweep.toml:1"]);
    }
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
