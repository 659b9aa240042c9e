//! What every step size and update promises, read off the path that was taken.

use bistable_common::{
    draw::Level,
    spec::{Batch, Bound, Direction, Inverse, Method, Reset, Solver, StepRule, Update},
};
use ndarray::Array1;

use super::{
    bowls::{Bowls, x_of, y_of},
    close, facts, full, implicit, rows, run,
    textbook::norm,
};
use crate::{problem::Plain, solver::State};

const DECREASE: f64 = 0.3;
const SHRINK: f64 = 0.7;
const RESETS: [Reset; 3] = [Reset::Bound, Reset::Keep, Reset::Grow(1.9)];
const BOUNDS: [Bound; 3] = [Bound::Constant, Bound::InverseSqrt, Bound::Inverse];
const ROUNDS: u64 = 8;

/// An outer iteration: both levels' batches, and both variables before and after.
struct Turn {
    k: u64,
    zeta: Vec<u32>,
    xi: Vec<u32>,
    x: [Array1<f64>; 2],
    y: [Array1<f64>; 2],
    /// How far they went, as the solver remembers it.
    etas: [f64; 2],
}

fn turns(mut solver: Solver) -> (Bowls, Vec<Turn>) {
    (solver.batch_x, solver.batch_y) = (Batch::Of(4), Batch::Of(4));
    let (plain, facts) = (Plain(Bowls::new(4, 3)), facts(solver, ROUNDS));
    let states = run(&plain, &facts);
    let turn = |(k, pair): (u64, &[State<f64>])| Turn {
        k,
        zeta: rows(&facts, Level::Inner, k, 0),
        xi: rows(&facts, Level::Outer, k, 0),
        x: [&pair[0], &pair[1]].map(|state| x_of(&state.at)),
        y: [&pair[0], &pair[1]].map(|state| y_of(&state.at)),
        etas: [pair[1].memory.steps_x.last, pair[1].memory.steps_y.last],
    };
    let turns = (0..).zip(states.windows(2)).map(turn).collect();
    (plain.0, turns)
}

/// T = 0: x alone, along `d_x f`.
fn single(scale: f64, rule: StepRule) -> Solver {
    let mut solver = full(Direction::Partial);
    solver.schedule.inner_steps = 0;
    (solver.eta_x.scale, solver.eta_x.rule) = (scale, rule);
    solver
}

/// One inner step with this rule.
fn below(scale: f64, rule: StepRule) -> Solver {
    let mut solver = implicit(Inverse::Identity { eta_v: 1.0 }, Batch::ALL);
    (solver.eta_y.scale, solver.eta_y.rule) = (scale, rule);
    solver
}

fn armijo(reset: Reset, bound: Bound) -> StepRule {
    StepRule::Armijo {
        decrease: DECREASE,
        shrink: SHRINK,
        reset,
        bound,
    }
}

fn fallen(bound: Bound, scale: f64, k: u64) -> f64 {
    let n = (k + 1) as f64;
    match bound {
        Bound::Constant => scale,
        Bound::InverseSqrt => scale / n.sqrt(),
        Bound::Inverse => scale / n,
    }
}

/// How far `from` moved to `to` against `along`.
fn size([from, to]: &[Array1<f64>; 2], along: &Array1<f64>) -> f64 {
    norm(&(from - to)) / norm(along)
}

/// A line search as it can be told from outside: where each one should have begun, and whether its step is the first of
/// its geometric sequence that fits.
#[derive(Default)]
struct Searches {
    last: Option<f64>,
    shortened: u32,
    at_once: u32,
    given_up: u32,
}

impl Searches {
    #[track_caller]
    fn found(&mut self, size: f64, reset: Reset, bound: f64, fits: impl Fn(f64) -> bool) {
        let first = match (self.last, reset) {
            (None, _) | (_, Reset::Bound) => bound,
            (Some(last), Reset::Keep) => last.min(bound),
            (Some(last), Reset::Grow(factor)) => (factor * last).min(bound),
        };
        let trials = ((size / first).ln() / SHRINK.ln()).round();
        let exact = first * SHRINK.powf(trials);
        assert!((size - exact).abs() < 1e-9 * size, "{size} of {first}");
        if trials == 99.0 {
            let mut sizes = (0..99).map(|trial| first * SHRINK.powi(trial));
            assert!(sizes.all(|size| !fits(size)), "nothing could be accepted");
            self.given_up += 1;
        } else if trials > 0.0 {
            assert!(fits(size), "{size} is accepted");
            assert!(!fits(size / SHRINK), "{size} is the first that is");
            self.shortened += 1;
        } else {
            assert!(fits(size), "{size} is accepted");
            self.at_once += 1;
        }
        self.last = Some(size);
    }
}

#[test]
fn inner_searches_take_the_first_step_that_decreases_enough() {
    for reset in RESETS {
        for bound in BOUNDS {
            let (bowls, turns) = turns(below(20.0, armijo(reset, bound)));
            let mut searches = Searches::default();
            for Turn {
                k,
                zeta,
                x,
                y,
                etas: [_, eta],
                ..
            } in turns
            {
                let gradient = bowls.g_y(&x[0], &y[0], &zeta);
                let value = |y: &Array1<f64>| bowls.g(&x[0], y, &zeta);
                let most = |eta: f64| value(&y[0]) - DECREASE * eta * gradient.dot(&gradient);
                close(&y[1].to_vec(), &(&y[0] - eta * &gradient).to_vec(), 1e-12);
                searches.found(eta, reset, fallen(bound, 20.0, k), |eta| {
                    value(&(&y[0] - eta * &gradient)) <= most(eta)
                });
            }
            assert!(searches.shortened > 0);
            assert!(searches.at_once > 0 || reset != Reset::Keep, "{reset:?}");
        }
    }
}

#[test]
fn outer_searches_take_the_first_step_that_decreases_enough() {
    for reset in RESETS {
        for bound in BOUNDS {
            let (bowls, turns) = turns(single(2.0, armijo(reset, bound)));
            let mut searches = Searches::default();
            for Turn {
                k,
                xi,
                x,
                y,
                etas: [eta, _],
                ..
            } in turns
            {
                assert_eq!(y[0], y[1]);
                let gradient = bowls.f_x(&x[0], &xi);
                let value = |x: &Array1<f64>| bowls.f(x, &y[0], &xi);
                let most = |eta: f64| value(&x[0]) - DECREASE * eta * gradient.dot(&gradient);
                close(&x[1].to_vec(), &(&x[0] - eta * &gradient).to_vec(), 1e-12);
                searches.found(eta, reset, fallen(bound, 2.0, k), |eta| {
                    value(&(&x[0] - eta * &gradient)) <= most(eta)
                });
            }
            assert!(searches.shortened > 0);
        }
    }
}

#[test]
fn searches_across_levels_take_an_inner_step_at_every_candidate() {
    for reset in RESETS {
        for slack in [0.0, 0.4] {
            let mut solver = implicit(Inverse::Identity { eta_v: 0.5 }, Batch::ALL);
            solver.eta_x.scale = 9.0;
            solver.eta_x.rule = StepRule::BilevelArmijo {
                decrease: DECREASE,
                shrink: SHRINK,
                reset,
                slack,
            };
            let (bowls, turns) = turns(solver);
            let mut searches = Searches::default();
            let all: Vec<u32> = (0..12).collect();
            for Turn {
                zeta,
                xi,
                x,
                y,
                etas: [eta, _],
                ..
            } in turns
            {
                let (x0, y1) = (&x[0], &y[1]);
                let v = 0.5 * bowls.f_y(y1, &xi);
                let h = bowls.f_x(x0, &xi) - bowls.g_xy(&all).dot(&v);
                let before = bowls.f(x0, y1, &xi);
                close(&x[1].to_vec(), &(x0 - &(eta * &h)).to_vec(), 1e-12);
                searches.found(eta, reset, 9.0, |alpha| {
                    let there = x0 - &(alpha * &h);
                    let y = y1 - 0.2 * bowls.g_y(&there, y1, &zeta);
                    bowls.f(&there, &y, &xi) <= before - DECREASE * alpha * h.dot(&h) + slack
                });
            }
            assert!(searches.shortened > 0);
        }
    }
}

/// Fan23 eqs. 3 and 5: the smaller of the two, and both occur.
#[test]
fn polyak_steps_are_the_smaller_of_two() {
    for bound in BOUNDS {
        let rule = StepRule::Polyak {
            divisor: 0.5,
            floor: 0.3,
            bound,
        };
        let (bowls, turns) = turns(single(0.4, rule));
        let mut bounded = Vec::new();
        for Turn { k, xi, x, y, .. } in turns {
            let gradient = bowls.f_x(&x[0], &xi);
            let above = bowls.f(&x[0], &y[0], &xi) - 0.3;
            let polyak = above.max(0.0) / (0.5 * gradient.dot(&gradient));
            let most = fallen(bound, 0.4, k);
            close(&[size(&x, &gradient)], &[polyak.min(most)], 1e-10);
            bounded.push(polyak > most);
        }
        assert!(
            bounded.contains(&true) && bounded.contains(&false),
            "{bounded:?}"
        );
    }
}

#[test]
fn inner_polyak_steps_read_the_inner_batch() {
    let rule = StepRule::Polyak {
        divisor: 2.0,
        floor: 0.01,
        bound: Bound::Constant,
    };
    let (bowls, turns) = turns(below(0.5, rule));
    let mut bounded = Vec::new();
    for Turn { zeta, x, y, .. } in turns {
        let gradient = bowls.g_y(&x[0], &y[0], &zeta);
        let above = bowls.g(&x[0], &y[0], &zeta) - 0.01;
        let polyak = above.max(0.0) / (2.0 * gradient.dot(&gradient));
        close(&[size(&y, &gradient)], &[polyak.min(0.5)], 1e-10);
        bounded.push(polyak > 0.5);
    }
    assert!(bounded.contains(&false), "{bounded:?}");
}

#[test]
fn decreasing_polyak_steps_never_grow() {
    for scale in [0.05, 10.0] {
        let rule = StepRule::DecPolyak {
            divisor: 1.5,
            floor: 0.0,
        };
        let (bowls, turns) = turns(single(scale, rule));
        let mut last = scale;
        for Turn { k, xi, x, y, .. } in turns {
            let gradient = bowls.f_x(&x[0], &xi);
            let eta = size(&x, &gradient);
            let c = |n: u64| 1.5 * (n as f64).sqrt();
            let ratio = bowls.f(&x[0], &y[0], &xi) / gradient.dot(&gradient);
            let most = if k == 0 { c(1) * scale } else { c(k) * last };
            close(&[eta], &[ratio.min(most) / c(k + 1)], 1e-10);
            assert!(eta <= last * (1.0 + 1e-12), "{eta} after {last}");
            last = eta;
        }
    }
}

/// `min{max{lower, polyak}, upper}`, all of them once.
#[test]
fn bilevel_polyak_steps_stay_between_their_bounds() {
    let mut seen = [false; 3];
    for (lower, scale) in [(0.001, 0.02), (0.3, 5.0), (0.001, 5.0)] {
        let mut solver = implicit(Inverse::Identity { eta_v: 0.5 }, Batch::ALL);
        solver.eta_x.scale = scale;
        solver.eta_x.rule = StepRule::BilevelPolyak {
            divisor: 8.0,
            floor: 0.5,
            lower,
        };
        let (bowls, turns) = turns(solver);
        let all: Vec<u32> = (0..12).collect();
        for Turn { k, xi, x, y, .. } in turns {
            let v = 0.5 * bowls.f_y(&y[1], &xi);
            let h = bowls.f_x(&x[0], &xi) - bowls.g_xy(&all).dot(&v);
            let root = ((k + 1) as f64).sqrt();
            let (low, high) = (lower / root, scale / root);
            let polyak = (bowls.f(&x[0], &y[1], &xi) - 0.5) / (8.0 * h.dot(&h));
            let alpha = size(&x, &h);
            close(&[alpha], &[polyak.max(low).min(high)], 1e-10);
            seen[0] |= polyak < low;
            seen[1] |= polyak > high;
            seen[2] |= (low..high).contains(&polyak);
        }
    }
    assert_eq!(seen, [true; 3]);
}

fn updated(method: Method, clip: Option<f64>, clamp: Option<[f64; 2]>) -> Solver {
    let mut solver = single(0.1, StepRule::Constant);
    solver.update_x = Update {
        method,
        clip,
        clamp,
    };
    solver
}

#[test]
fn averages_begin_at_zero_and_weigh_the_newest() {
    let (bowls, turns) = turns(updated(Method::Averaged { beta: 0.9 }, None, None));
    let mut m = Array1::<f64>::zeros(4);
    for Turn { xi, x, .. } in turns {
        m = 0.1 * m + 0.9 * bowls.f_x(&x[0], &xi);
        close(&x[1].to_vec(), &(&x[0] - 0.1 * &m).to_vec(), 1e-12);
    }
}

#[test]
fn long_directions_are_shortened_to_the_limit_before_they_are_averaged() {
    let (bowls, turns) = turns(updated(Method::Averaged { beta: 0.5 }, Some(3.0), None));
    let mut m = Array1::<f64>::zeros(4);
    let mut long = Vec::new();
    for Turn { xi, x, .. } in turns {
        let h = bowls.f_x(&x[0], &xi);
        long.push(norm(&h) > 3.0);
        m = 0.5 * m + 0.5 * f64::min(1.0, 3.0 / norm(&h)) * h;
        close(&x[1].to_vec(), &(&x[0] - 0.1 * &m).to_vec(), 1e-12);
    }
    assert!(long.contains(&true) && long.contains(&false), "{long:?}");
}

#[test]
fn clamped_variables_stay_in_their_box() {
    let (bowls, turns) = turns(updated(Method::Plain, None, Some([-0.45, 0.1])));
    let mut edges = [false; 2];
    for Turn { xi, x, .. } in turns {
        let free = &x[0] - 0.1 * bowls.f_x(&x[0], &xi);
        close(
            &x[1].to_vec(),
            &free.mapv(|x| x.clamp(-0.45, 0.1)).to_vec(),
            1e-12,
        );
        edges[0] |= free.iter().any(|&x| x < -0.45);
        edges[1] |= x[1].iter().all(|&x| (-0.45..=0.1).contains(&x));
    }
    assert_eq!(edges, [true; 2]);
}

const ADAM: Method = Method::Adam {
    beta1: 0.8,
    beta2: 0.95,
    epsilon: 1e-3,
};

/// Kingma & Ba 2015, Algorithm 1.
#[derive(Default)]
struct Adam {
    m: Option<[Array1<f64>; 2]>,
    t: i32,
}

impl Adam {
    fn along(&mut self, h: &Array1<f64>) -> Array1<f64> {
        let zero = || Array1::zeros(h.len());
        let [m, v] = self.m.take().unwrap_or_else(|| [zero(), zero()]);
        let (m, v) = (0.8 * m + 0.2 * h, 0.95 * v + 0.05 * h * h);
        self.t += 1;
        let m_hat = &m / (1.0 - 0.8f64.powi(self.t));
        let v_hat = &v / (1.0 - 0.95f64.powi(self.t));
        self.m = Some([m, v]);
        m_hat / (v_hat.mapv(f64::sqrt) + 1e-3)
    }
}

#[test]
fn adam_corrects_its_bias_at_the_outer_level() {
    let (bowls, turns) = turns(updated(ADAM, None, None));
    let mut adam = Adam::default();
    for Turn { k, xi, x, .. } in turns {
        let along = adam.along(&bowls.f_x(&x[0], &xi));
        // The first step is as long as the step size in every component.
        assert!(
            k > 0 || along.iter().all(|a| (a.abs() - 1.0).abs() < 0.02),
            "{along}"
        );
        close(&x[1].to_vec(), &(&x[0] - 0.1 * &along).to_vec(), 1e-12);
    }
}

#[test]
fn adam_remembers_across_outer_iterations_at_the_inner_level() {
    let mut solver = below(0.1, StepRule::Constant);
    solver.update_y.method = ADAM;
    let (bowls, turns) = turns(solver);
    let mut adam = Adam::default();
    for Turn { zeta, x, y, .. } in turns {
        let along = adam.along(&bowls.g_y(&x[0], &y[0], &zeta));
        close(&y[1].to_vec(), &(&y[0] - 0.1 * &along).to_vec(), 1e-12);
    }
}
