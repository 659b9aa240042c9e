//! Keys that are laid over a preset's.

use bistable_common::spec::{
    AdjointStart, Batch, Bound, Clock, Direction, Growth, Inverse, Method, Reset, Solver, StepRule,
    Tolerance, Update,
};

use super::{HEAD, of};
use crate::support::*;

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
