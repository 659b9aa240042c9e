//! A step size as a solver writes it: a number, or a table with a rule.

use crate::{
    spec::{Bound, Clock, ProblemSpec, Reset, StepRule, StepSize},
    sweep::words::{self, Term},
};

use super::{
    choice::{Choice, Owner},
    keys::STEP,
    mistake::{Mistake, Read},
    scalar::{AT_LEAST_HALF, FINITE, LEVEL, NOT_NEGATIVE, Numbers, POSITIVE, RATIO, number, word},
    table::Table,
    tree::{Node, Value},
};

const CLOCKS: [(&str, Clock); 2] = [("outer", Clock::Outer), ("inner", Clock::Inner)];
const BOUNDS: [(&str, Bound); 3] = [
    ("constant", Bound::Constant),
    ("inverse_sqrt", Bound::InverseSqrt),
    ("inverse", Bound::Inverse),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Constant,
    Inverse,
    InverseSqrt,
    Power,
    Geometric,
    Theorem2,
    Theorem3,
    Polyak,
    DecPolyak,
    Armijo,
    BilevelPolyak,
    BilevelArmijo,
    Hoag,
}

const RULES: [(&str, Rule); 13] = [
    ("constant", Rule::Constant),
    ("inverse", Rule::Inverse),
    ("inverse_sqrt", Rule::InverseSqrt),
    ("power", Rule::Power),
    ("geometric", Rule::Geometric),
    ("theorem2", Rule::Theorem2),
    ("theorem3", Rule::Theorem3),
    ("polyak", Rule::Polyak),
    ("dec_polyak", Rule::DecPolyak),
    ("armijo", Rule::Armijo),
    ("bilevel_polyak", Rule::BilevelPolyak),
    ("bilevel_armijo", Rule::BilevelArmijo),
    ("hoag", Rule::Hoag),
];

const OWNERS: [Owner; 11] = [
    ("ratio", &["geometric"]),
    ("l", &["theorem2", "theorem3"]),
    ("exponent", &["power"]),
    ("divisor", &["polyak", "dec_polyak", "bilevel_polyak"]),
    ("floor", &["polyak", "dec_polyak", "bilevel_polyak"]),
    ("bound", &["polyak", "armijo"]),
    ("lower", &["bilevel_polyak"]),
    ("decrease", &["armijo", "bilevel_armijo"]),
    ("shrink", &["armijo", "bilevel_armijo"]),
    ("reset", &["armijo", "bilevel_armijo"]),
    ("slack", &["bilevel_armijo"]),
];

/// Which of the step sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Outer,
    Inner,
    /// Of z.
    Dual,
}

impl Level {
    /// The key in the solver's table and in the grid.
    pub fn key(self) -> &'static str {
        match self {
            Self::Outer => "eta_x",
            Self::Inner => "eta_y",
            Self::Dual => "eta_z",
        }
    }

    /// What it counts where nobody says another.
    pub fn clock(self) -> Clock {
        match self {
            Self::Outer => Clock::Outer,
            Self::Inner | Self::Dual => Clock::Inner,
        }
    }
}

/// A step size whose scale may be left to the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// `None`: the grid's, else the preset's.
    pub scale: Option<f64>,
    pub rule: StepRule,
    pub clock: Clock,
}

impl Step {
    /// A constant step that leaves its scale to others.
    pub fn constant(clock: Clock) -> Self {
        Self {
            scale: None,
            rule: StepRule::Constant,
            clock,
        }
    }

    /// The rule of a preset, whose scale gives way to the grid's.
    pub fn of_preset(step: StepSize) -> Self {
        Self {
            scale: None,
            rule: step.rule,
            clock: step.clock,
        }
    }

    /// The step size, once its scale is known.
    pub fn with_scale(self, scale: f64) -> StepSize {
        StepSize {
            scale,
            rule: self.rule,
            clock: self.clock,
        }
    }
}

/// Reads a step size over what the preset says; `clock` is the default of its clock.
pub(super) fn read(
    node: &Node,
    level: Level,
    preset: Option<StepSize>,
    clock: Clock,
    problem: &ProblemSpec,
) -> Read<Step> {
    match node.value {
        Value::Table(_) => ruled(node, level, preset, clock, problem),
        Value::Integer(_) | Value::Float(_) => Ok(Step {
            scale: Some(number(level.key(), node, POSITIVE)?),
            ..Step::constant(clock)
        }),
        _ => {
            let expected = "a positive number, or a table with a rule";
            Err(Mistake::value(level.key(), node, expected)
                .help("for example: { rule = \"inverse_sqrt\", c = 5.0 }"))
        }
    }
}

fn ruled(
    node: &Node,
    level: Level,
    preset: Option<StepSize>,
    clock: Clock,
    problem: &ProblemSpec,
) -> Read<Step> {
    let table = Table::new(node, &STEP)?;
    let before = preset.map(|step| words::rule(&step.rule));
    let (name, rule) = match (table.get("rule"), &before) {
        (Some(written), _) => named(word("rule", written, &RULES)?),
        (None, Some(before)) => of_name(before.chosen("rule")),
        (None, None) => named(Rule::Constant),
    };
    let choice = Choice::new(table, ("rule", name), &OWNERS, before)?;
    Ok(Step {
        scale: match table.get("c") {
            Some(scale) => Some(number("c", scale, POSITIVE)?),
            None => None,
        },
        rule: complete(rule, &choice, problem)?,
        clock: match table.get("clock") {
            Some(written) => read_clock(written, level)?,
            None => clock,
        },
    })
}

fn named(rule: Rule) -> (&'static str, Rule) {
    let found = RULES.into_iter().find(|(_, other)| *other == rule);
    found.unwrap_or(RULES[0])
}

fn of_name(name: Option<&str>) -> (&'static str, Rule) {
    let found = RULES.into_iter().find(|(other, _)| Some(*other) == name);
    found.unwrap_or(RULES[0])
}

fn read_clock(node: &Node, level: Level) -> Read<Clock> {
    let clock = word("clock", node, &CLOCKS)?;
    if level == Level::Outer && clock == Clock::Inner {
        return Err(
            Mistake::new("eta_x counts outer iterations: it is used once in each")
                .at(&node.span, "only eta_y and eta_z can count inner steps")
                .help("leave the clock out"),
        );
    }
    Ok(clock)
}

/// Joins a rule with its parameters.
fn complete(rule: Rule, choice: &Choice, problem: &ProblemSpec) -> Read<StepRule> {
    let bound = || choice.word("bound", &BOUNDS, Bound::Constant);
    let floor = || choice.number("floor", FINITE, 0.0);
    let decrease = || choice.number("decrease", LEVEL, 0.1);
    let shrink = || choice.number("shrink", LEVEL, 0.8);
    Ok(match rule {
        Rule::Constant => StepRule::Constant,
        Rule::Inverse => StepRule::Inverse,
        Rule::InverseSqrt => StepRule::InverseSqrt,
        Rule::Power => StepRule::Power {
            exponent: required(choice, "exponent", POSITIVE, "exponent = 0.6")?,
        },
        Rule::Geometric => StepRule::Geometric {
            ratio: required(choice, "ratio", RATIO, "ratio = 0.99")?,
        },
        Rule::Theorem2 => StepRule::Theorem2 {
            l: smoothness(choice, problem)?,
        },
        Rule::Theorem3 => StepRule::Theorem3 {
            l: smoothness(choice, problem)?,
        },
        Rule::Polyak => StepRule::Polyak {
            divisor: choice.number("divisor", POSITIVE, 1.0)?,
            floor: floor()?,
            bound: bound()?,
        },
        Rule::DecPolyak => StepRule::DecPolyak {
            divisor: choice.number("divisor", POSITIVE, 1.0)?,
            floor: floor()?,
        },
        Rule::Armijo => StepRule::Armijo {
            decrease: decrease()?,
            shrink: shrink()?,
            reset: reset(choice, Reset::Bound)?,
            bound: bound()?,
        },
        Rule::BilevelPolyak => StepRule::BilevelPolyak {
            divisor: choice.number("divisor", AT_LEAST_HALF, 0.5)?,
            floor: floor()?,
            lower: required(choice, "lower", POSITIVE, "lower = 0.01")?,
        },
        Rule::BilevelArmijo => StepRule::BilevelArmijo {
            decrease: decrease()?,
            shrink: shrink()?,
            reset: reset(choice, Reset::Grow(2.0))?,
            slack: choice.number("slack", NOT_NEGATIVE, 0.0)?,
        },
        Rule::Hoag => StepRule::Hoag,
    })
}

fn required(choice: &Choice, key: &str, range: Numbers, example: &str) -> Read<f64> {
    choice.require(key, choice.maybe_number(key, range)?, example)
}

/// Where a line search begins.
fn reset(choice: &Choice, default: Reset) -> Read<Reset> {
    let of_preset = |term: Term| match term {
        Term::Number(factor) => Some(Reset::Grow(factor)),
        Term::Word("keep") => Some(Reset::Keep),
        _ => Some(Reset::Bound),
    };
    Ok(choice
        .maybe("reset", read_reset, of_preset)?
        .unwrap_or(default))
}

fn read_reset(node: &Node) -> Read<Reset> {
    let expected = "\"bound\", \"keep\", or a factor of at least 1";
    let factor = match &node.value {
        Value::Text(text) if text == "bound" => return Ok(Reset::Bound),
        Value::Text(text) if text == "keep" => return Ok(Reset::Keep),
        Value::Integer(factor) => *factor as f64,
        Value::Float(factor) => *factor,
        _ => return Err(Mistake::value("reset", node, expected)),
    };
    match factor >= 1.0 {
        true => Ok(Reset::Grow(factor)),
        false => Err(Mistake::value("reset", node, expected)),
    }
}

fn smoothness(choice: &Choice, problem: &ProblemSpec) -> Read<f64> {
    match (
        choice.maybe_number("l", POSITIVE)?,
        problem.traits().smoothness,
    ) {
        (Some(l), _) | (None, Some(l)) => Ok(l),
        (None, None) => {
            let message = format!(
                "this rule needs the smoothness `l`, which is not known for the problem `{}`",
                problem.name()
            );
            let rule = choice.table().get("rule");
            Err(Mistake::new(message)
                .at_maybe(rule.map(|rule| &rule.span), "needs `l`")
                .help("give it: { rule = .., c = .., l = 1.0 }"))
        }
    }
}
