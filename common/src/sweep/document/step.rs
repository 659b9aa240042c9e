//! A step size as a solver writes it: a number, or a table with a rule.

use crate::spec::{Clock, ProblemSpec, StepRule, StepSize};

use super::{
    keys::STEP,
    mistake::{Mistake, Read},
    scalar::{POSITIVE, RATIO, number, word},
    table::Table,
    tree::{Node, Value},
};

const CLOCKS: [(&str, Clock); 2] = [("outer", Clock::Outer), ("inner", Clock::Inner)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Constant,
    Inverse,
    InverseSqrt,
    Geometric,
    Theorem2,
    Theorem3,
}

const RULES: [(&str, Rule); 6] = [
    ("constant", Rule::Constant),
    ("inverse", Rule::Inverse),
    ("inverse_sqrt", Rule::InverseSqrt),
    ("geometric", Rule::Geometric),
    ("theorem2", Rule::Theorem2),
    ("theorem3", Rule::Theorem3),
];

/// Which of the two step sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Outer,
    Inner,
}

impl Level {
    /// The key in the solver's table and in the grid.
    pub fn key(self) -> &'static str {
        match self {
            Self::Outer => "eta_x",
            Self::Inner => "eta_y",
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

/// Reads a step size; `clock` is the default of its clock.
pub(super) fn read(node: &Node, level: Level, clock: Clock, problem: &ProblemSpec) -> Read<Step> {
    match node.value {
        Value::Table(_) => ruled(node, level, clock, problem),
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

fn ruled(node: &Node, level: Level, clock: Clock, problem: &ProblemSpec) -> Read<Step> {
    let table = Table::new(node, &STEP)?;
    let rule = match table.get("rule") {
        Some(rule) => word("rule", rule, &RULES)?,
        None => Rule::Constant,
    };
    Ok(Step {
        scale: match table.get("c") {
            Some(scale) => Some(number("c", scale, POSITIVE)?),
            None => None,
        },
        rule: complete(rule, &table, problem)?,
        clock: match table.get("clock") {
            Some(written) => read_clock(written, level)?,
            None => clock,
        },
    })
}

fn read_clock(node: &Node, level: Level) -> Read<Clock> {
    let clock = word("clock", node, &CLOCKS)?;
    if level == Level::Outer && clock == Clock::Inner {
        return Err(
            Mistake::new("eta_x counts outer iterations: it is used once in each")
                .at(&node.span, "only eta_y can count inner steps")
                .help("leave the clock out"),
        );
    }
    Ok(clock)
}

/// Joins a rule with its parameters, and refuses parameters that it does not have.
fn complete(rule: Rule, table: &Table, problem: &ProblemSpec) -> Read<StepRule> {
    if rule != Rule::Geometric {
        refuse(table, "ratio", "rule = \"geometric\"")?;
    }
    if !matches!(rule, Rule::Theorem2 | Rule::Theorem3) {
        refuse(table, "l", "the rules theorem2 and theorem3")?;
    }
    Ok(match rule {
        Rule::Constant => StepRule::Constant,
        Rule::Inverse => StepRule::Inverse,
        Rule::InverseSqrt => StepRule::InverseSqrt,
        Rule::Geometric => StepRule::Geometric {
            ratio: number("ratio", table.require("ratio", "ratio = 0.99")?, RATIO)?,
        },
        Rule::Theorem2 => StepRule::Theorem2 {
            l: smoothness(table, problem)?,
        },
        Rule::Theorem3 => StepRule::Theorem3 {
            l: smoothness(table, problem)?,
        },
    })
}

fn refuse(table: &Table, key: &str, owner: &str) -> Read<()> {
    match table.entry(key) {
        Some(entry) => Err(Mistake::new(format!("`{key}` belongs to {owner}"))
            .at(&entry.key_span, "not a parameter of this rule")),
        None => Ok(()),
    }
}

fn smoothness(table: &Table, problem: &ProblemSpec) -> Read<f64> {
    match (table.get("l"), problem.smoothness()) {
        (Some(node), _) => number("l", node, POSITIVE),
        (None, Some(l)) => Ok(l),
        (None, None) => {
            let message = format!(
                "this rule needs the smoothness `l`, which is not known for the problem `{}`",
                problem.name()
            );
            Err(Mistake::new(message)
                .at_maybe(table.get("rule").map(|rule| &rule.span), "needs `l`")
                .help("give it: { rule = .., c = .., l = 1.0 }"))
        }
    }
}
