//! Step sizes as numbers, by arithmetic that is the same everywhere.

use bistable_common::spec::{Bound, Clock, StepContext, StepRule, StepSize, numbers::power};

use crate::kernel::elementary::{exp, ln};

/// The step size at inner step `t` of outer iteration `k`.
pub fn at(size: &StepSize, k: u64, t: u32, context: StepContext) -> f64 {
    value(size, count(size, k, t), context)
}

/// What n is at inner step `t` of outer iteration `k`.
pub fn count(size: &StepSize, k: u64, t: u32) -> u64 {
    match size.clock {
        Clock::Outer => k,
        Clock::Inner => u64::from(t),
    }
}

/// The step size at count `n`; of a rule that adapts, the most that it may be.
pub fn value(size: &StepSize, n: u64, context: StepContext) -> f64 {
    let count = (n + 1) as f64;
    let (outer, inner) = (context.outer_steps as f64, f64::from(context.inner_steps));
    let factor = match size.rule {
        StepRule::Constant => 1.0,
        StepRule::Inverse => 1.0 / count,
        StepRule::InverseSqrt => 1.0 / count.sqrt(),
        StepRule::Power { exponent } => exp(-exponent * ln(count)),
        StepRule::Geometric { ratio } => power(ratio, n),
        StepRule::Theorem2 { l } => ln(outer) / (2.0f64.sqrt() * outer * l),
        StepRule::Theorem3 { l } => ln(inner) / ((1.0 + inner * inner).sqrt() * outer * l),
        StepRule::Polyak { bound, .. } | StepRule::Armijo { bound, .. } => fall(bound, count),
        StepRule::BilevelPolyak { .. } => fall(Bound::InverseSqrt, count),
        StepRule::DecPolyak { .. } | StepRule::BilevelArmijo { .. } | StepRule::Hoag => 1.0,
    };
    size.scale * factor
}

fn fall(bound: Bound, count: f64) -> f64 {
    match bound {
        Bound::Constant => 1.0,
        Bound::InverseSqrt => 1.0 / count.sqrt(),
        Bound::Inverse => 1.0 / count,
    }
}

#[cfg(test)]
mod tests {
    use bistable_common::spec::Clock;

    use super::*;

    #[test]
    fn every_rule_is_its_formula() {
        let context = StepContext {
            outer_steps: 100,
            inner_steps: 4,
        };
        let at = |rule, n| {
            let size = StepSize {
                scale: 3.0,
                rule,
                clock: Clock::Outer,
            };
            value(&size, n, context)
        };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15 * b.abs(), "{a} {b}");
        close(at(StepRule::Constant, 9), 3.0);
        close(at(StepRule::Inverse, 9), 0.3);
        close(at(StepRule::InverseSqrt, 8), 1.0);
        close(at(StepRule::Geometric { ratio: 0.5 }, 3), 0.375);
        close(at(StepRule::Geometric { ratio: 0.5 }, 0), 3.0);
        close(
            at(StepRule::Theorem2 { l: 2.0 }, 5),
            3.0 * 100f64.ln() / (2f64.sqrt() * 200.0),
        );
        close(
            at(StepRule::Theorem3 { l: 2.0 }, 5),
            3.0 * 4f64.ln() / (17f64.sqrt() * 200.0),
        );
    }
}
