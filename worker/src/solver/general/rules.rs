//! Step sizes that adapt, as functions of numbers (Fan23 eqs. 3-14).

use bistable_common::spec::{MAX_TRIALS, Reset};

use crate::solver::state::StepMemory;

/// `min{above / divided, bound}`; the bound where nothing moves anyway, zero below the floor.
pub(super) fn polyak(above: f64, divided: f64, bound: f64) -> f64 {
    if divided == 0.0 {
        return bound;
    }
    // A value that is not a number must be seen, and `min` would hide it.
    let size = (above / divided).max(0.0);
    if above.is_nan() || size > bound {
        if above.is_nan() { above } else { bound }
    } else {
        size
    }
}

/// DecSPS: `c_n^{-1} min{ratio, c_{n-1} eta_{n-1}}` with `c_n = divisor sqrt(n + 1)` and `ratio = (h - floor)/|grad h|^2`; at
/// n = 0 the second is `c_0 scale`.
pub(super) fn dec_polyak(memory: &StepMemory, n: u64, ratio: f64, divisor: f64, scale: f64) -> f64 {
    let c = |n: f64| divisor * (n + 1.0).sqrt();
    let n = n as f64;
    let most = match n {
        0.0 => divisor * scale,
        _ => c(n - 1.0) * memory.last,
    };
    // 0/0: nothing moves.
    let ratio = if ratio.is_nan() { most } else { ratio.max(0.0) };
    ratio.min(most) / c(n)
}

/// Where a line search begins.
pub(super) fn first_trial(reset: Reset, bound: f64, memory: &StepMemory) -> f64 {
    match reset {
        _ if !memory.begun => bound,
        Reset::Bound => bound,
        Reset::Keep => memory.last.min(bound),
        Reset::Grow(factor) => (memory.last * factor).min(bound),
    }
}

/// The first of `first, first shrink, ...` that is accepted; the last one that is tried if none is.
pub(super) fn search(first: f64, shrink: f64, mut accept: impl FnMut(f64) -> bool) -> f64 {
    let mut size = first;
    for _ in 1..MAX_TRIALS {
        if accept(size) {
            return size;
        }
        size *= shrink;
    }
    size
}

/// HOAG's estimate of the smoothness L of the outer objective, given that before and the tolerances of this and the last
/// outer iteration: smaller where f fell as much as a smooth function would, twice as large where it rose (Pedregosa 2016
/// and its code).
pub(super) fn hoag(memory: &StepMemory, objective: f64, tolerances: [f64; 2]) -> f64 {
    let [now, before] = tolerances;
    let moved = memory.moved;
    let allowed = memory.objective + 0.25 * now + 1.25 * before * moved;
    if objective <= allowed - memory.last * moved * moved {
        0.95 * memory.last
    } else if objective > memory.objective {
        2.0 * memory.last
    } else {
        memory.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polyak_is_its_formula() {
        assert_eq!(polyak(2.0, 0.5 * 8.0, 1.0), 0.5);
        assert_eq!(polyak(2.0, 0.5 * 8.0, 0.25), 0.25);
        assert_eq!(polyak(-1.0, 1.0, 1.0), 0.0);
        assert_eq!(polyak(0.0, 0.0, 0.7), 0.7);
        assert!(polyak(f64::NAN, 1.0, 1.0).is_nan());
    }

    #[test]
    fn dec_polyak_never_grows() {
        let mut memory = StepMemory::default();
        // c_0 = 2: min{3, 2 x 4} / 2.
        memory.last = dec_polyak(&memory, 0, 3.0, 2.0, 4.0);
        assert_eq!(memory.last, 1.5);
        // c_1 = 2 sqrt 2: min{100, 2 x 1.5} / c_1.
        let next = dec_polyak(&memory, 1, 100.0, 2.0, 4.0);
        assert_eq!(next, 3.0 / (2.0 * 2f64.sqrt()));
    }

    #[test]
    fn searches_begin_where_they_should_and_end_at_the_first_that_fits() {
        let memory = StepMemory {
            last: 0.5,
            begun: true,
            ..StepMemory::default()
        };
        assert_eq!(first_trial(Reset::Bound, 8.0, &memory), 8.0);
        assert_eq!(first_trial(Reset::Keep, 8.0, &memory), 0.5);
        assert_eq!(first_trial(Reset::Grow(2.0), 8.0, &memory), 1.0);
        assert_eq!(first_trial(Reset::Grow(100.0), 8.0, &memory), 8.0);
        assert_eq!(first_trial(Reset::Keep, 8.0, &StepMemory::default()), 8.0);
        let mut tried = Vec::new();
        let found = search(8.0, 0.5, |size| {
            tried.push(size);
            size <= 2.0
        });
        assert_eq!((found, tried), (2.0, vec![8.0, 4.0, 2.0]));
        let mut trials = 0;
        search(1.0, 0.9, |_| {
            trials += 1;
            false
        });
        assert_eq!(trials, MAX_TRIALS - 1);
    }

    #[test]
    fn hoag_trusts_after_decrease_and_doubts_after_increase() {
        let memory = StepMemory {
            last: 10.0,
            objective: 1.0,
            moved: 0.1,
            begun: true,
        };
        assert_eq!(hoag(&memory, 0.8, [0.0, 0.0]), 9.5);
        assert_eq!(hoag(&memory, 0.95, [0.0, 0.0]), 10.0);
        assert_eq!(hoag(&memory, 1.1, [0.0, 0.0]), 20.0);
    }
}
