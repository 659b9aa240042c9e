//! The ranges of everything in a sweep's facts: what each number may be by itself.

use std::{borrow::Cow, ops::RangeInclusive};

use super::facts::{Cell, InvalidFacts, MAX_BATCH, MAX_K, MAX_SAMPLES, MAX_T, require};
use crate::spec::{
    Batch, Direction, Inverse, Method, ProblemSpec, Reset, Schedule, StepRule, StepSize, Tolerance,
    Update,
    numbers::Numbers,
    parameters::{MAX_LAYERS, MAX_WIDTH, Visitor},
};

/// The most products with second derivatives of an outer iteration.
pub const MAX_PRODUCTS: u32 = 1 << 16;
/// The most pairs that L-BFGS remembers.
pub const MAX_MEMORY: u32 = 1 << 10;

type Checked = Result<(), InvalidFacts>;

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

fn not_negative(value: f64) -> bool {
    value >= 0.0 && value.is_finite()
}

fn require_positive(field: &'static str, value: f64) -> Checked {
    require(positive(value), field, value, "a positive number")
}

fn require_share(field: &'static str, value: f64) -> Checked {
    let holds = value > 0.0 && value < 1.0;
    require(holds, field, value, "strictly between 0 and 1")
}

pub(super) fn check_problem(problem: &ProblemSpec) -> Checked {
    let mut checker = Checker(Ok(()));
    problem.clone().parameters(&mut checker);
    checker.0?;
    problem.conflict().map_err(InvalidFacts::Conflict)
}

/// Looks at every parameter of a problem by itself.
struct Checker(Checked);

impl Checker {
    fn require(
        &mut self,
        holds: bool,
        field: &'static str,
        value: impl ToString,
        expected: impl Into<Cow<'static, str>>,
    ) {
        if self.0.is_ok() {
            self.0 = require(holds, field, value, expected);
        }
    }
}

impl Visitor for Checker {
    fn integer(&mut self, key: &'static str, value: &mut u32, range: RangeInclusive<u32>) {
        let expected = format!("{} to {}", range.start(), range.end());
        self.require(range.contains(value), key, *value, expected);
    }

    fn seed(&mut self, _: &'static str, _: &mut u64) {}

    fn number(&mut self, key: &'static str, value: &mut f64, range: Numbers) {
        self.require(range.hold(*value), key, *value, range.expected);
    }

    fn number_or(
        &mut self,
        key: &'static str,
        _: &'static str,
        value: &mut Option<f64>,
        range: Numbers,
    ) {
        if let Some(value) = value {
            self.number(key, value, range);
        }
    }

    fn optional(&mut self, key: &'static str, value: &mut Option<f64>, range: Numbers) {
        if let Some(value) = value {
            self.number(key, value, range);
        }
    }

    fn word(&mut self, _: &'static str, _: &[&'static str], _: &mut usize) {}

    fn widths(&mut self, key: &'static str, widths: &mut Vec<u32>) {
        let layers = widths.len();
        self.require(
            layers <= MAX_LAYERS,
            key,
            layers,
            "at most 16 hidden layers",
        );
        for width in widths {
            self.integer(key, width, 1..=MAX_WIDTH);
        }
    }
}

pub(super) fn check_cell(cell: &Cell) -> Checked {
    check_samples("m1", cell.m1)?;
    check_samples("m2", cell.m2)?;
    check_ks(cell)?;
    let solver = &cell.solver;
    check_schedule(&solver.schedule, cell.last_k())?;
    check_direction(&solver.direction)?;
    check_update("update_x", &solver.update_x)?;
    check_update("update_y", &solver.update_y)?;
    check_batch("batch_x", solver.batch_x)?;
    check_batch("batch_y", solver.batch_y)?;
    check_step("eta_x", &solver.eta_x)?;
    check_step("eta_y", &solver.eta_y)
}

fn check_samples(field: &'static str, samples: u32) -> Checked {
    require(
        (1..=MAX_SAMPLES).contains(&samples),
        field,
        samples,
        "at least 1 (and at most 2^24)",
    )
}

fn check_batch(field: &'static str, batch: Batch) -> Checked {
    match batch {
        Batch::Full(_) => Ok(()),
        Batch::Of(size) => require(
            (1..=MAX_BATCH).contains(&size),
            field,
            size,
            "at least 1 (and at most 65536), or all",
        ),
    }
}

fn check_ks(cell: &Cell) -> Checked {
    let shown = || format!("{:?}", cell.ks);
    require(
        cell.ks.is_sorted_by(|a, b| a < b),
        "K",
        shown(),
        "ascending, each once",
    )?;
    require(!cell.ks.is_empty(), "K", "[]", "at least one K")?;
    require(
        cell.ks.iter().all(|k| (1..=MAX_K).contains(k)),
        "K",
        shown(),
        "at least 1 (and at most 2^40)",
    )?;
    require(
        !cell.solver.depends_on_k() || cell.ks.len() == 1,
        "K",
        cell.ks.len(),
        "one K a cell where a step size depends on K",
    )
}

fn check_schedule(schedule: &Schedule, last_k: u64) -> Checked {
    let last = schedule.steps(last_k - 1);
    require(
        last <= MAX_T,
        "T",
        last,
        "at most 65536 inner steps in the last outer iteration",
    )?;
    match schedule.tolerance {
        Some(tolerance) => check_tolerance(tolerance),
        None => Ok(()),
    }
}

fn check_tolerance(tolerance: Tolerance) -> Checked {
    require_positive("tolerance", tolerance.first)?;
    check_ratio("tolerance", tolerance.ratio)
}

fn check_ratio(field: &'static str, ratio: f64) -> Checked {
    require(
        ratio > 0.0 && ratio <= 1.0,
        field,
        ratio,
        "a ratio in (0, 1]",
    )
}

fn check_direction(direction: &Direction) -> Checked {
    match direction {
        Direction::Partial | Direction::Unrolled => Ok(()),
        Direction::Truncated { last } => require(*last >= 1, "last", last, "at least 1 inner step"),
        Direction::Implicit(implicit) => {
            check_batch("batch_v", implicit.batch_v)?;
            check_inverse(&implicit.inverse)
        }
    }
}

fn check_inverse(inverse: &Inverse) -> Checked {
    let products = |least: u32, steps: u32| {
        require(
            (least..=MAX_PRODUCTS).contains(&steps),
            "steps",
            steps,
            "at least 1 (of Neumann's series 0) and at most 65536 products",
        )
    };
    match *inverse {
        Inverse::Cg {
            steps, tolerance, ..
        } => {
            products(1, steps)?;
            tolerance.map_or(Ok(()), check_tolerance)
        }
        Inverse::FixedPoint { steps, eta_v, .. } => {
            products(1, steps)?;
            require_positive("eta_v", eta_v)
        }
        Inverse::Neumann {
            steps,
            eta_v,
            geometric,
        } => {
            products(0, steps)?;
            require_positive("eta_v", eta_v)?;
            match geometric {
                Some(mu) => require(
                    mu > 0.0 && eta_v * mu < 1.0,
                    "mu",
                    mu,
                    "positive, and below 1 / eta_v",
                ),
                None => Ok(()),
            }
        }
        Inverse::RandomNeumann { steps, eta_v } => {
            products(1, steps)?;
            require_positive("eta_v", eta_v)
        }
        Inverse::Identity { eta_v } => require_positive("eta_v", eta_v),
    }
}

fn check_update(field: &'static str, update: &Update) -> Checked {
    match update.method {
        Method::Plain => {}
        Method::Averaged { beta } => require(
            beta > 0.0 && beta <= 1.0,
            field,
            beta,
            "a weight beta in (0, 1]",
        )?,
        Method::Adam {
            beta1,
            beta2,
            epsilon,
        } => {
            let decay = |beta: f64| (0.0..1.0).contains(&beta);
            require(decay(beta1), field, beta1, "a decay beta1 in [0, 1)")?;
            require(decay(beta2), field, beta2, "a decay beta2 in [0, 1)")?;
            require(positive(epsilon), field, epsilon, "a positive epsilon")?;
        }
        Method::Lbfgs { memory } => require(
            (1..=MAX_MEMORY).contains(&memory),
            field,
            memory,
            "a memory of 1 to 1024 pairs",
        )?,
    }
    if let Some(clip) = update.clip {
        require_positive(field, clip)?;
    }
    match update.clamp {
        Some([low, high]) => require(
            low < high && low.is_finite() && high.is_finite(),
            field,
            format!("[{low}, {high}]"),
            "two finite numbers, the smaller first",
        ),
        None => Ok(()),
    }
}

fn check_step(field: &'static str, step: &StepSize) -> Checked {
    require_positive(field, step.scale)?;
    match step.rule {
        StepRule::Constant | StepRule::Inverse | StepRule::InverseSqrt | StepRule::Hoag => Ok(()),
        StepRule::Power { exponent } => require_positive(field, exponent),
        StepRule::Geometric { ratio } => check_ratio(field, ratio),
        StepRule::Theorem2 { l } | StepRule::Theorem3 { l } => {
            require(positive(l), field, l, "a positive smoothness l")
        }
        StepRule::Polyak { divisor, floor, .. } | StepRule::DecPolyak { divisor, floor } => {
            check_polyak(field, divisor, floor)
        }
        StepRule::BilevelPolyak {
            divisor,
            floor,
            lower,
        } => {
            check_polyak(field, divisor, floor)?;
            require(
                divisor >= 0.5,
                field,
                divisor,
                "a divisor p of at least 1/2",
            )?;
            require(
                lower > 0.0 && lower <= step.scale,
                "lower",
                lower,
                "positive, and at most c",
            )
        }
        StepRule::Armijo {
            decrease,
            shrink,
            reset,
            ..
        } => check_search(field, decrease, shrink, reset),
        StepRule::BilevelArmijo {
            decrease,
            shrink,
            reset,
            slack,
        } => {
            check_search(field, decrease, shrink, reset)?;
            require(not_negative(slack), field, slack, "a slack of at least 0")
        }
    }
}

fn check_polyak(field: &'static str, divisor: f64, floor: f64) -> Checked {
    require(positive(divisor), field, divisor, "a positive divisor")?;
    require(floor.is_finite(), field, floor, "a finite floor")
}

fn check_search(field: &'static str, decrease: f64, shrink: f64, reset: Reset) -> Checked {
    require_share(field, decrease)?;
    require_share(field, shrink)?;
    match reset {
        Reset::Bound | Reset::Keep => Ok(()),
        Reset::Grow(factor) => require(
            factor >= 1.0 && factor.is_finite(),
            field,
            factor,
            "a growth of at least 1",
        ),
    }
}
