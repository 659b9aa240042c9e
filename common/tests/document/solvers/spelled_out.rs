//! Solvers whose every part is written are read back as they were.

use bistable_common::{
    spec::{
        AdjointStart, Batch, Bound, Clock, Direction, Growth, Implicit, Inverse, Method, Reset,
        Solver, StepRule, StepSize, Tolerance, Update,
        presets::{self, PRESETS},
    },
    sweep::words,
};

use super::{of, solver};
use crate::support::*;

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
