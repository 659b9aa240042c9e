//! The minimax presets as BMO writes them, and their parts: the first outer iterations by hand.

use bistable_common::{
    draw::Level,
    spec::{
        Ascent, Batch, Clock, Method, Order, Sampling, Solver, Start, StepRule, Turns, Update,
        presets,
    },
    sweep::Facts,
};

use super::{
    close, facts, rows, run,
    saddles::{Place, Saddles, Vector},
    textbook::norm,
};
use crate::problem::{Oracle, Plain};

const ROUNDS: u64 = 4;

/// What the paper's pseudocode can see.
struct Page {
    saddles: Saddles,
    facts: Facts,
    k: u64,
    at: Place,
    start: Place,
}

impl Page {
    fn f_x(&self) -> Vector {
        let xi = rows(&self.facts, Level::Outer, self.k, 0);
        self.saddles.f_x(&self.at, &xi)
    }
    fn zeta(&self, step: u32) -> Vec<u32> {
        rows(&self.facts, Level::Inner, self.k, step)
    }
    /// The gradients of g in y and z on the batch of a step.
    fn g_y(&self, step: u32) -> Vector {
        self.saddles.g_y(&self.at, &self.zeta(step))
    }
    fn g_z(&self, step: u32) -> Vector {
        self.saddles.g_z(&self.at, &self.zeta(step))
    }

    fn x_down(&mut self, eta: f64) {
        self.at.x = &self.at.x - eta * self.f_x();
    }
    fn y_down(&mut self, eta: f64, step: u32) {
        self.at.y = &self.at.y - eta * self.g_y(step);
    }
    fn z_up(&mut self, eta: f64, step: u32) {
        self.at.z = &self.at.z + eta * self.g_z(step);
    }
    /// T pairs of steps of one size each.
    fn pairs(&mut self, steps: u32, eta_y: f64, eta_z: f64) {
        for t in 0..steps {
            self.y_down(eta_y, t);
            self.z_up(eta_z, t);
        }
    }
}

fn check(solver: Solver, mut iteration: impl FnMut(&mut Page)) {
    let (plain, facts) = (Plain(Saddles::new(2)), facts(solver, ROUNDS));
    let states = run(&plain, &facts);
    let start = Place::from(&plain.0.start());
    let mut page = Page {
        saddles: plain.0,
        facts,
        k: 0,
        at: start.clone(),
        start,
    };
    for state in &states[1..] {
        iteration(&mut page);
        for (ours, textbook) in [
            (&state.at.x[..], &page.at.x),
            (&state.at.y, &page.at.y),
            (&state.at.z, &page.at.z),
        ] {
            close(ours, &textbook.to_vec(), 1e-12);
        }
        page.k += 1;
    }
}

fn preset(name: &str, steps: Option<u32>) -> Solver {
    let preset = presets::find(name).expect("a preset");
    preset.solver(steps.unwrap_or(preset.inner_steps.count()))
}

fn ascent(solver: &mut Solver) -> &mut Ascent {
    solver.ascent.as_mut().expect("z ascends")
}

/// With steps that are large enough to tell one from the other.
fn loud(name: &str, steps: u32) -> Solver {
    let mut solver = preset(name, Some(steps));
    solver.eta_x.scale = X;
    solver.eta_y.scale = Y;
    ascent(&mut solver).eta_z.scale = Z;
    solver
}

const X: f64 = 0.2;
const Y: f64 = 0.15;
const Z: f64 = 0.35;

#[test]
fn ssgda() {
    // BMO Algorithm 1: x at (x, y, z), y at the new x, z at the new x and y; one zeta.
    let step = |eta_x, eta_y, eta_z| {
        move |page: &mut Page| {
            page.x_down(eta_x);
            page.pairs(1, eta_y, eta_z);
        }
    };
    check(preset("ssgda", None), step(0.01, 0.01, 0.01));
    check(loud("ssgda", 1), step(X, Y, Z));
}

#[test]
fn tsgda_1() {
    // BMO Algorithm 2: after x as many pairs, a zeta for each.
    let step = |steps, eta_x, eta_y, eta_z| {
        move |page: &mut Page| {
            page.x_down(eta_x);
            page.pairs(steps, eta_y, eta_z);
        }
    };
    check(preset("tsgda-1", None), step(1, 0.01, 0.01, 0.01));
    check(loud("tsgda-1", 3), step(3, X, Y, Z));
}

#[test]
fn tsgda_2() {
    // BMO Algorithm 3: after x all of y's steps, then all of z's, a zeta for each of them.
    let step = |[steps, more]: [u32; 2], eta_x, eta_y, eta_z| {
        move |page: &mut Page| {
            page.x_down(eta_x);
            (0..steps).for_each(|t| page.y_down(eta_y, t));
            (0..more).for_each(|t| page.z_up(eta_z, steps + t));
        }
    };
    check(preset("tsgda-2", None), step([1, 1], 0.01, 0.01, 0.01));
    let mut solver = loud("tsgda-2", 3);
    ascent(&mut solver).turns = Turns::Blocks { steps: 2 };
    check(solver, step([3, 2], X, Y, Z));
}

#[test]
fn no_minimax_preset_is_without_a_trace() {
    let source = include_str!("minimax.rs");
    for preset in presets::PRESETS.iter().filter(|p| p.ascent.is_some()) {
        let named = format!("\"{}\"", preset.name);
        assert!(source.contains(&named), "{}", preset.name);
    }
}

#[test]
fn clocks_restart_or_follow_the_outer_iteration() {
    let decaying = |name: &str, clock| {
        let mut solver = loud(name, 2);
        (solver.eta_y.rule, solver.eta_y.clock) = (StepRule::Inverse, clock);
        let eta_z = &mut ascent(&mut solver).eta_z;
        (eta_z.rule, eta_z.clock) = (StepRule::InverseSqrt, clock);
        solver
    };
    let down = |n: u64| Y / (n + 1) as f64;
    let up = |n: u64| Z / ((n + 1) as f64).sqrt();
    check(decaying("tsgda-1", Clock::Inner), |page| {
        page.x_down(X);
        for t in 0..2 {
            page.y_down(down(t), t as u32);
            page.z_up(up(t), t as u32);
        }
    });
    check(decaying("tsgda-1", Clock::Outer), |page| {
        page.x_down(X);
        page.pairs(2, down(page.k), up(page.k));
    });
    let mut blocks = decaying("tsgda-2", Clock::Inner);
    ascent(&mut blocks).turns = Turns::Blocks { steps: 3 };
    check(blocks, |page| {
        page.x_down(X);
        (0..2).for_each(|t| page.y_down(down(t), t as u32));
        // z counts its own steps.
        (0..3).for_each(|t| page.z_up(up(t), 2 + t as u32));
    });
}

#[test]
fn every_order_has_its_iterate() {
    let mut solver = loud("tsgda-1", 2);
    solver.schedule.order = Order::InnerFirst;
    check(solver.clone(), |page| {
        page.pairs(2, Y, Z);
        page.x_down(X);
    });
    solver.schedule.order = Order::Simultaneous;
    check(solver, |page| {
        // Neither level sees what the other makes of this iteration; z sees the new y.
        let direction = page.f_x();
        page.pairs(2, Y, Z);
        page.at.x = &page.at.x - X * direction;
    });
}

#[test]
fn both_inner_variables_start_anew() {
    let mut solver = loud("tsgda-1", 2);
    (solver.schedule.order, solver.schedule.start) = (Order::InnerFirst, Start::Reinit);
    check(solver, |page| {
        page.at.y = page.start.y.clone();
        page.at.z = page.start.z.clone();
        page.pairs(2, Y, Z);
        page.x_down(X);
    });
}

fn averaged(beta: f64, clip: Option<f64>) -> Update {
    Update {
        method: Method::Averaged { beta },
        clip,
        clamp: None,
    }
}

/// `m <- (1 - beta) m + beta h` with h no longer than `clip`.
fn average(m: &mut Vector, beta: f64, mut h: Vector, clip: f64) -> Vector {
    let length = norm(&h);
    if length > clip {
        h *= clip / length;
    }
    *m = (1.0 - beta) * &*m + beta * h;
    m.clone()
}

#[test]
fn directions_are_averaged_and_clipped_as_in_their_code() {
    let mut solver = loud("tsgda-1", 2);
    // Some directions are longer than that, others are not.
    solver.update_x = averaged(0.9, Some(0.8));
    solver.update_y = averaged(0.7, Some(0.5));
    ascent(&mut solver).update_z = averaged(0.6, Some(0.25));
    let zero = || Vector::zeros(2);
    let [mut m_x, mut m_y, mut m_z] = [zero(), zero(), zero()];
    let mut lengths = Vec::new();
    check(solver, |page| {
        let h = page.f_x();
        lengths.push(norm(&h) > 0.8);
        page.at.x = &page.at.x - X * average(&mut m_x, 0.9, h, 0.8);
        for t in 0..2 {
            let h = page.g_y(t);
            page.at.y = &page.at.y - Y * average(&mut m_y, 0.7, h, 0.5);
            let h = page.g_z(t);
            lengths.push(norm(&h) > 0.25);
            page.at.z = &page.at.z + Z * average(&mut m_z, 0.6, h, 0.25);
        }
    });
    assert!(lengths.contains(&true) && lengths.contains(&false));
}

#[test]
fn adam_climbs_and_stays_in_its_box() {
    let mut solver = loud("tsgda-2", 1);
    *ascent(&mut solver) = Ascent {
        turns: Turns::Blocks { steps: 2 },
        update_z: Update {
            method: Method::Adam {
                beta1: 0.8,
                beta2: 0.9,
                epsilon: 1e-6,
            },
            clip: None,
            clamp: Some([-0.4, 0.4]),
        },
        ..*ascent(&mut solver)
    };
    let (mut m, mut s, mut n) = (Vector::zeros(2), Vector::zeros(2), 0);
    let mut ends = Vec::new();
    check(solver, |page| {
        page.x_down(X);
        page.y_down(Y, 0);
        for t in 0..2 {
            let h = page.g_z(1 + t);
            n += 1;
            m = 0.8 * &m + 0.2 * &h;
            s = 0.9 * &s + 0.1 * (&h * &h);
            let root = (&s / (1.0 - 0.9f64.powi(n))).mapv(f64::sqrt) + 1e-6;
            let step = &m / (1.0 - 0.8f64.powi(n)) / root;
            page.at.z = (&page.at.z + Z * step).mapv(|z| z.clamp(-0.4, 0.4));
            ends.push(page.at.z[0].abs() == 0.4);
        }
    });
    assert!(ends.contains(&true) && ends.contains(&false), "{ends:?}");
}

#[test]
fn steps_of_y_may_adapt_while_z_climbs() {
    let mut solver = loud("tsgda-1", 2);
    solver.eta_y.rule = StepRule::Polyak {
        divisor: 2.0,
        floor: -1.0,
        bound: bistable_common::spec::Bound::Constant,
    };
    check(solver, |page| {
        page.x_down(X);
        for t in 0..2 {
            let gradient = page.g_y(t);
            let above = page.saddles.g(&page.at, &page.zeta(t)) + 1.0;
            let size = (above / (2.0 * gradient.dot(&gradient))).clamp(0.0, Y);
            page.at.y = &page.at.y - size * gradient;
            page.z_up(Z, t);
        }
    });
}

#[test]
fn an_epoch_counts_the_batches_of_both() {
    let mut solver = loud("tsgda-2", 1);
    ascent(&mut solver).turns = Turns::Blocks { steps: 2 };
    (solver.sampling, solver.batch_y) = (Sampling::Epoch, Batch::Of(4));
    let facts = facts(solver, ROUNDS);
    for k in 0..ROUNDS {
        let mut all: Vec<u32> = (0..3)
            .flat_map(|t| rows(&facts, Level::Inner, k, t))
            .collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..12), "an epoch in each iteration");
    }
}
