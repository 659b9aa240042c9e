//! What a solver is made of, in the words of sweep files: results say which algorithm ran.

use bistable_common::spec::{
    Clock, Direction, Order, Sampling, Schedule, Solver, Start, StepRule, StepSize,
};

/// A solver's parts beside the axes of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Where inner steps start.
    pub start: String,
    /// Which variable moves first.
    pub order: String,
    /// The outer direction.
    pub direction: String,
    /// The rule of the outer step size.
    pub step_x: String,
    /// The rule of the inner step size.
    pub step_y: String,
    /// How batches are drawn.
    pub sampling: String,
}

impl From<&Solver> for Parts {
    fn from(solver: &Solver) -> Self {
        let Solver {
            schedule:
                Schedule {
                    inner_steps: _,
                    growth: _,
                    tolerance: _,
                    start,
                    order,
                },
            direction,
            eta_x,
            eta_y,
            update_x: _,
            update_y: _,
            sampling,
            batch_x: _,
            batch_y: _,
        } = solver;
        let start = match start {
            Start::Warm => "warm",
            Start::Reinit => "reinit",
        };
        let order = match order {
            Order::InnerFirst => "inner_first",
            Order::Simultaneous => "simultaneous",
            Order::OuterFirst => "outer_first",
        };
        let direction = match direction {
            Direction::Partial => "partial",
            Direction::Unrolled => "unrolled",
        };
        let sampling = match sampling {
            Sampling::Uniform => "uniform",
            Sampling::Epoch => "epoch",
        };
        Self {
            start: start.to_owned(),
            order: order.to_owned(),
            direction: direction.to_owned(),
            step_x: step(eta_x),
            step_y: step(eta_y),
            sampling: sampling.to_owned(),
        }
    }
}

/// A rule with its parameters; what it counts is said where that is not the outer iteration.
fn step(size: &StepSize) -> String {
    let StepSize {
        scale: _,
        rule,
        clock,
    } = size;
    let counted = |rule: &str| match clock {
        Clock::Outer => rule.to_owned(),
        Clock::Inner => format!("{rule}(clock=inner)"),
    };
    match rule {
        StepRule::Constant => "constant".to_owned(),
        StepRule::Inverse => counted("inverse"),
        StepRule::InverseSqrt => counted("inverse_sqrt"),
        StepRule::Geometric { ratio } => match clock {
            Clock::Outer => format!("geometric(ratio={ratio})"),
            Clock::Inner => format!("geometric(ratio={ratio}, clock=inner)"),
        },
        StepRule::Theorem2 { l } => format!("theorem2(l={l})"),
        StepRule::Theorem3 { l } => format!("theorem3(l={l})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_named_with_their_parameters() {
        let named = |rule, clock| {
            step(&StepSize {
                scale: 1.0,
                rule,
                clock,
            })
        };
        assert_eq!(named(StepRule::Constant, Clock::Inner), "constant");
        assert_eq!(
            named(StepRule::Inverse, Clock::Inner),
            "inverse(clock=inner)"
        );
        assert_eq!(
            named(StepRule::Geometric { ratio: 0.5 }, Clock::Outer),
            "geometric(ratio=0.5)"
        );
        assert_eq!(
            named(StepRule::Theorem2 { l: 1.5 }, Clock::Outer),
            "theorem2(l=1.5)"
        );
    }
}
