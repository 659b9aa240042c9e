//! Implicit directions: v as its definition has it, and `h = d_x f - d_x d_y g v` with it (Ji21 eq. 3).

use bistable_common::{
    draw::{Level, Purpose},
    spec::{AdjointStart, Batch, Direction, Inverse, Tolerance},
    sweep::Facts,
};
use ndarray::{Array1, Array2, s};

use super::{
    STOP,
    bowls::{Bowls, x_of, y_of},
    close, facts, full, implicit, round, rows, rows_of, run,
    textbook::{self, norm},
};
use crate::{
    problem::{Iterate, Plain, Quadratic},
    solver::{General, State, Stepper},
    testing,
};

const COLD: AdjointStart = AdjointStart::Cold;
const WARM: AdjointStart = AdjointStart::Warm;
const ETA_V: f64 = 0.3;

fn cg(steps: u32, start_v: AdjointStart, tolerance: Option<Tolerance>) -> Inverse {
    Inverse::Cg {
        steps,
        tolerance,
        start_v,
    }
}

fn fixed_point(steps: u32, start_v: AdjointStart) -> Inverse {
    Inverse::FixedPoint {
        steps,
        eta_v: ETA_V,
        start_v,
    }
}

fn neumann(steps: u32, geometric: Option<f64>) -> Inverse {
    Inverse::Neumann {
        steps,
        eta_v: ETA_V,
        geometric,
    }
}

fn random_neumann(steps: u32) -> Inverse {
    Inverse::RandomNeumann {
        steps,
        eta_v: ETA_V,
    }
}

/// A round of a run: where v is wanted, the batch of f there, and the direction that x took.
struct Turn {
    k: u64,
    x: Array1<f64>,
    y: Array1<f64>,
    outer: Vec<u32>,
    h: Vec<f64>,
    adjoint: Vec<f64>,
}

fn turns(facts: &Facts, states: &[State<f64>]) -> Vec<Turn> {
    let turn = |(k, pair): (u64, &[State<f64>])| Turn {
        k,
        x: x_of(&pair[0].at),
        y: y_of(&pair[1].at),
        outer: rows(facts, Level::Outer, k, 0),
        h: (x_of(&pair[0].at) - x_of(&pair[1].at))
            .mapv(|d| d / 0.1)
            .to_vec(),
        adjoint: pair[1].memory.adjoint.to_vec(),
    };
    (0..).zip(states.windows(2)).map(turn).collect()
}

fn bowls_run(solver: bistable_common::spec::Solver, rounds: u64) -> (Bowls, Facts, Vec<Turn>) {
    let (plain, facts) = (Plain(Bowls::new(4, 3)), facts(solver, rounds));
    let turns = turns(&facts, &run(&plain, &facts));
    (plain.0, facts, turns)
}

impl Turn {
    fn slope(&self, bowls: &Bowls) -> Array1<f64> {
        bowls.f_y(&self.y, &self.outer)
    }

    /// Checks the direction against that of `v`, the cross term on `cross`.
    #[track_caller]
    fn took(&self, bowls: &Bowls, v: &Array1<f64>, cross: &[u32]) {
        let h = bowls.f_x(&self.x, &self.outer) - bowls.g_xy(cross).dot(v);
        close(&self.h, &h.to_vec(), 1e-11);
    }
}

const ALL: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

#[test]
fn conjugate_gradients_are_the_textbooks_cold_and_warm() {
    for start in [COLD, WARM] {
        for steps in 1..=3 {
            let (bowls, _, turns) = bowls_run(implicit(cg(steps, start, None), Batch::ALL), 5);
            let mut v = Array1::zeros(3);
            for turn in turns {
                let from = if start == WARM { v } else { Array1::zeros(3) };
                let h = bowls.g_yy(&turn.y, &ALL);
                (v, _) = textbook::cg(&h, &turn.slope(&bowls), &from, steps, 0.0);
                turn.took(&bowls, &v, &ALL);
                if start == WARM {
                    close(&turn.adjoint, &v.to_vec(), 1e-11);
                }
            }
        }
    }
}

#[test]
fn conjugate_gradients_end_at_their_falling_tolerance() {
    let tolerance = Tolerance {
        first: 0.2,
        ratio: 0.3,
    };
    let solver = implicit(cg(3, WARM, Some(tolerance)), Batch::ALL);
    let (bowls, _, turns) = bowls_run(solver, 7);
    let mut v = Array1::zeros(3);
    let mut taken = Vec::new();
    for turn in turns {
        let (h, b) = (bowls.g_yy(&turn.y, &ALL), turn.slope(&bowls));
        let epsilon = 0.2 * 0.3f64.powi(turn.k as i32);
        let steps;
        (v, steps) = textbook::cg(&h, &b, &v, 3, epsilon);
        close(&turn.adjoint, &v.to_vec(), 1e-11);
        let residual = norm(&(h.dot(&Array1::from(turn.adjoint)) - b));
        assert!(residual <= epsilon || steps == 3, "{residual} {epsilon}");
        taken.push(steps);
    }
    // It ended early, at more than one length.
    assert!(
        taken.iter().any(|&steps| steps > 0 && steps < 3),
        "{taken:?}"
    );
    assert!(taken.iter().any(|&steps| steps != taken[0]), "{taken:?}");
}

#[test]
fn all_products_of_conjugate_gradients_are_on_one_drawn_batch() {
    let (bowls, facts, turns) = bowls_run(implicit(cg(2, COLD, None), Batch::Of(3)), 6);
    for turn in turns {
        let drawn = rows(&facts, Level::Curvature, turn.k, 0);
        let h = bowls.g_yy(&turn.y, &drawn);
        let (v, _) = textbook::cg(&h, &turn.slope(&bowls), &Array1::zeros(3), 2, 0.0);
        turn.took(&bowls, &v, &rows(&facts, Level::Cross, turn.k, 0));
    }
}

#[test]
fn fixed_points_are_the_dense_recursion() {
    for (start, batch_v) in [(COLD, Batch::ALL), (WARM, Batch::ALL), (WARM, Batch::Of(3))] {
        let (bowls, facts, turns) = bowls_run(implicit(fixed_point(4, start), batch_v), 5);
        let mut v = Array1::zeros(3);
        for turn in turns {
            let h = bowls.g_yy(&turn.y, &rows(&facts, Level::Curvature, turn.k, 0));
            let b = turn.slope(&bowls);
            if start == COLD {
                v.fill(0.0);
            }
            for _ in 0..4 {
                v = &v - ETA_V * (h.dot(&v) - &b);
            }
            turn.took(&bowls, &v, &rows(&facts, Level::Cross, turn.k, 0));
        }
    }
}

#[test]
fn neumann_sums_have_q_plus_one_terms_and_eta_on_each() {
    for q in [0, 1, 4] {
        let (bowls, _, turns) = bowls_run(implicit(neumann(q, None), Batch::ALL), 3);
        for turn in turns {
            let contraction = Array2::eye(3) - ETA_V * bowls.g_yy(&turn.y, &ALL);
            let mut power = Array2::eye(3);
            let mut v = Array1::zeros(3);
            for _ in 0..=q {
                v = v + ETA_V * power.dot(&turn.slope(&bowls));
                power = power.dot(&contraction);
            }
            turn.took(&bowls, &v, &ALL);
        }
    }
}

/// stocBiO's recursion (Ji21 Algorithm 3) on given batches, the first applied first.
fn stocbio(bowls: &Bowls, turn: &Turn, batches: &[Vec<u32>]) -> Array1<f64> {
    let mut r = turn.slope(bowls);
    let mut sum = r.clone();
    for batch in batches {
        r = &r - ETA_V * bowls.g_yy(&turn.y, batch).dot(&r);
        sum += &r;
    }
    ETA_V * sum
}

#[test]
fn every_neumann_product_has_a_batch_of_its_own() {
    let mut solver = implicit(neumann(3, None), Batch::Of(2));
    (solver.batch_x, solver.batch_y) = (Batch::Of(3), Batch::Of(3));
    let (bowls, facts, turns) = bowls_run(solver, 6);
    for turn in turns {
        // B_Q is applied first and B_1 last.
        let batches: Vec<_> = (1..=3)
            .rev()
            .map(|j| rows(&facts, Level::Curvature, turn.k, j))
            .collect();
        let v = stocbio(&bowls, &turn, &batches);
        turn.took(&bowls, &v, &rows(&facts, Level::Cross, turn.k, 0));
    }
}

#[test]
fn geometric_batches_are_largest_where_they_are_applied_first() {
    let (b, q, mu) = (2.0f64, 4, 1.1);
    let (bowls, facts, turns) = bowls_run(implicit(neumann(q, Some(mu)), Batch::Of(2)), 4);
    // |B_{Q+1-j}| = B Q (1 - eta mu)^{j-1}, and B_Q is applied first.
    let sizes: Vec<u32> = (1..=q)
        .map(|j| (b * f64::from(q) * (1.0 - ETA_V * mu).powi(j as i32 - 1)).ceil() as u32)
        .collect();
    assert_eq!(sizes, [8, 6, 4, 3]);
    for turn in turns {
        let batches: Vec<_> = (1..=q)
            .rev()
            .zip(&sizes)
            .map(|(j, &size)| rows_of(&facts, Level::Curvature, turn.k, j, size))
            .collect();
        let v = stocbio(&bowls, &turn, &batches);
        turn.took(&bowls, &v, &rows(&facts, Level::Cross, turn.k, 0));
    }
}

/// What a random Neumann product draws in round `k`.
fn drawn_length(facts: &Facts, k: u64, most: u32) -> u32 {
    testing::setting(facts)
        .key(Purpose::Truncation)
        .stream(k, 0)
        .below(most)
}

#[test]
fn random_neumann_products_have_their_drawn_length() {
    let most = 4;
    let (bowls, facts, turns) = bowls_run(implicit(random_neumann(most), Batch::Of(1)), 12);
    let mut lengths = std::collections::BTreeSet::new();
    for turn in turns {
        let length = drawn_length(&facts, turn.k, most);
        lengths.insert(length);
        let mut v = turn.slope(&bowls);
        for j in 1..=length {
            let batch = rows(&facts, Level::Curvature, turn.k, j);
            v = &v - ETA_V * bowls.g_yy(&turn.y, &batch).dot(&v);
        }
        v *= f64::from(most) * ETA_V;
        turn.took(&bowls, &v, &rows(&facts, Level::Cross, turn.k, 0));
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn random_neumann_products_average_to_the_truncated_series() {
    let (most, rounds) = (4, 20_000);
    let plain = Plain(Bowls::new(4, 3));
    let facts = facts(implicit(random_neumann(most), Batch::Of(1)), rounds);
    let mut stepper = General::new(&plain, testing::setting(&facts), &STOP);
    let start = stepper.start().clone();
    let mut state = start.clone();
    let (mut sum, mut squares) = (Array1::<f64>::zeros(4), Array1::<f64>::zeros(4));
    for k in 0..rounds {
        state.copy_from(&start);
        stepper.iterate(&mut state, round(k)).expect("not stopped");
        let h = (x_of(&start.at) - x_of(&state.at)) / 0.1;
        sum += &h;
        squares += &(&h * &h);
    }
    // sum_{j<N} (I - H/L)^j / L (Ghadimi & Wang 2018, Lemma 3.2).
    let (bowls, x, y) = (&plain.0, x_of(&start.at), y_of(&state.at));
    let contraction = Array2::eye(3) - ETA_V * bowls.g_yy(&y, &ALL);
    let every_outer: Vec<u32> = (0..10).collect();
    let mut term = ETA_V * bowls.f_y(&y, &every_outer);
    let mut v = Array1::zeros(3);
    for _ in 0..most {
        v += &term;
        term = contraction.dot(&term);
    }
    let expected = bowls.f_x(&x, &every_outer) - bowls.g_xy(&ALL).dot(&v);
    let n = rounds as f64;
    for j in 0..4 {
        let mean = sum[j] / n;
        let error = ((squares[j] / n - mean * mean) / n).sqrt();
        let far = (mean - expected[j]).abs() / error;
        assert!(far < 4.5, "{mean} +- {error} is not {}", expected[j]);
        assert!(error < 0.02 * norm(&v), "sharp enough: {error}");
    }
}

#[test]
fn the_identity_scales_the_slope() {
    let (bowls, facts, turns) =
        bowls_run(implicit(Inverse::Identity { eta_v: 0.7 }, Batch::Of(3)), 3);
    for turn in turns {
        let v = 0.7 * turn.slope(&bowls);
        turn.took(&bowls, &v, &rows(&facts, Level::Cross, turn.k, 0));
    }
}

#[test]
fn no_two_draws_of_a_round_are_the_same() {
    let mut solver = implicit(neumann(2, None), Batch::Of(6));
    (solver.batch_x, solver.batch_y) = (Batch::Of(6), Batch::Of(6));
    let mut facts = facts(solver, 1);
    (facts.cells[0].m1, facts.cells[0].m2) = (1000, 1000);
    let mut seen = std::collections::BTreeSet::new();
    for k in 0..20 {
        for (level, step) in [
            (Level::Outer, 0),
            (Level::Inner, 0),
            (Level::Curvature, 0),
            (Level::Curvature, 1),
            (Level::Cross, 0),
        ] {
            assert!(
                seen.insert(rows(&facts, level, k, step)),
                "{level:?} {step} at {k}"
            );
        }
    }
}

/// The quadratic, whose spectrum is known: its Hessian and cross derivative at the inner level.
fn quadratic(facts: &Facts) -> (Plain<Quadratic>, Array2<f64>, Array2<f64>) {
    let spec = testing::quadratic_spec();
    let problem = Quadratic::new(testing::setting(facts), &spec);
    let g = problem.inner_hessian();
    let dense = Array2::from_shape_fn((7, 7), |(a, b)| g.at(a, b));
    let (h, cross) = (
        dense.slice(s![4.., 4..]).to_owned(),
        dense.slice(s![..4, 4..]).to_owned(),
    );
    (Plain(problem), h, cross)
}

/// `d_x f` and `d_y f` of the quadratic on all of D.
fn outer_gradients(problem: &Quadratic, x: &Iterate<f64>, y: &Iterate<f64>) -> [Array1<f64>; 2] {
    let f = problem.outer_hessian();
    let f = Array2::from_shape_fn((7, 7), |(a, b)| f.at(a, b));
    let mut z = Array1::from_iter(x.x.iter().chain(&*y.y).copied());
    for row in 0..10 {
        z = z - Array1::from(problem.validation_sample(row).to_vec()) / 10.0;
    }
    let gradient = f.dot(&z);
    [
        gradient.slice(s![..4]).to_owned(),
        gradient.slice(s![4..]).to_owned(),
    ]
}

#[test]
fn as_many_conjugate_gradients_as_dimensions_solve_the_system() {
    let facts = facts(implicit(cg(3, COLD, None), Batch::ALL), 4);
    let (plain, h, cross) = quadratic(&facts);
    for pair in run(&plain, &facts).windows(2) {
        let [f_x, f_y] = outer_gradients(&plain.0, &pair[0].at, &pair[1].at);
        let exact = f_x - cross.dot(&textbook::solve(&h, &f_y));
        let ours = (x_of(&pair[0].at) - x_of(&pair[1].at)) / 0.1;
        close(&ours.to_vec(), &exact.to_vec(), 1e-10);
    }
}

#[test]
fn a_fixed_points_error_contracts_as_it_should() {
    for steps in [1, 5, 20] {
        let facts = facts(implicit(fixed_point(steps, WARM), Batch::ALL), 1);
        let (plain, h, _) = quadratic(&facts);
        let states = run(&plain, &facts);
        let [_, f_y] = outer_gradients(&plain.0, &states[0].at, &states[1].at);
        let exact = textbook::solve(&h, &f_y);
        let error = norm(&(Array1::from(states[1].memory.adjoint.to_vec()) - &exact));
        let (mu, l) = (1.0, 1.5);
        let rate = |lambda: f64| (1.0f64 - ETA_V * lambda).powi(steps as i32) * norm(&exact);
        assert!(error <= rate(mu) && error >= rate(l), "{error}");
    }
}

#[test]
fn every_estimate_has_the_sign_of_the_hypergradient() {
    let inverses = [
        cg(2, COLD, None),
        fixed_point(8, COLD),
        neumann(8, None),
        Inverse::Identity { eta_v: 1.0 },
    ];
    let implicit = inverses.map(|inverse| implicit(inverse, Batch::ALL));
    let unrolled = [Direction::Unrolled, Direction::Truncated { last: 20 }].map(full);
    for mut solver in implicit.into_iter().chain(unrolled) {
        solver.schedule.inner_steps = 40;
        let facts = facts(solver, 1);
        let (plain, h, cross) = quadratic(&facts);
        let states = run(&plain, &facts);
        let [f_x, f_y] = outer_gradients(&plain.0, &states[0].at, &states[1].at);
        // Through y alone: f's own derivative in x has no sign to lose.
        let exact = -cross.dot(&textbook::solve(&h, &f_y));
        let ours = (x_of(&states[0].at) - x_of(&states[1].at)) / 0.1 - f_x;
        let cosine = ours.dot(&exact) / norm(&ours) / norm(&exact);
        assert!(
            cosine > 0.98,
            "{:?}: {cosine}",
            facts.cells[0].solver.direction
        );
    }
}
