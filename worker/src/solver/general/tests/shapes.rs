//! Which inner steps there are, and which of them are differentiated through.

use bistable_common::{
    draw::Level,
    spec::{Batch, Direction, Growth, Inverse, Misfit, Start, Tolerance},
};
use ndarray::Array1;

use super::{
    bowls::{Bowls, x_of, y_of},
    close, facts, full, implicit, rows, run,
    textbook::norm,
};
use crate::{problem::Plain, testing};

const ETA_Y: f64 = 0.2;

#[test]
fn truncated_directions_go_back_through_the_last_steps_only() {
    for (steps, last) in [(1, 1), (5, 1), (5, 3), (5, 5), (2, 9)] {
        for unrolled in [false, true] {
            let through = if unrolled { steps } else { last.min(steps) };
            let direction = match unrolled {
                true => Direction::Unrolled,
                false => Direction::Truncated { last },
            };
            let mut solver = full(direction);
            solver.schedule.inner_steps = steps;
            (solver.batch_x, solver.batch_y) = (Batch::Of(3), Batch::Of(2));
            let (plain, facts) = (Plain(Bowls::new(4, 3)), facts(solver, 4));
            let bowls = &plain.0;
            for (k, pair) in (0..).zip(run(&plain, &facts).windows(2)) {
                let (x, mut y) = (x_of(&pair[0].at), y_of(&pair[0].at));
                let mut path = Vec::new();
                for t in 0..steps {
                    let batch = rows(&facts, Level::Inner, k, t);
                    path.push((y.clone(), batch.clone()));
                    y = &y - ETA_Y * bowls.g_y(&x, &y, &batch);
                }
                let outer = rows(&facts, Level::Outer, k, 0);
                let mut lambda = bowls.f_y(&y, &outer);
                let mut h = bowls.f_x(&x, &outer);
                for (y, batch) in path.iter().rev().take(through as usize) {
                    h = h - ETA_Y * bowls.g_xy(batch).dot(&lambda);
                    lambda = &lambda - ETA_Y * bowls.g_yy(y, batch).dot(&lambda);
                }
                close(&pair[1].at.y, &y.to_vec(), 1e-12);
                close(&pair[1].at.x, &(x - 0.1 * h).to_vec(), 1e-12);
            }
        }
    }
}

const ALL: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

#[test]
fn the_number_of_inner_steps_grows_as_told() {
    let sqrt = [2, 3, 4, 4, 5];
    let fourth = [2, 3, 3, 3, 3];
    for start in [Start::Warm, Start::Reinit] {
        for (growth, counts) in [(Growth::Sqrt, sqrt), (Growth::FourthRoot, fourth)] {
            let mut solver = implicit(Inverse::Identity { eta_v: 1.0 }, Batch::ALL);
            solver.schedule.inner_steps = 2;
            solver.schedule.growth = growth;
            solver.schedule.start = start;
            let (plain, facts) = (Plain(Bowls::new(4, 3)), facts(solver, 5));
            let states = run(&plain, &facts);
            for (pair, count) in states.windows(2).zip(counts) {
                let x = x_of(&pair[0].at);
                let mut y = match start {
                    Start::Warm => y_of(&pair[0].at),
                    Start::Reinit => y_of(&states[0].at),
                    Start::Outer | Start::OuterHead => panic!("a problem with tasks"),
                };
                for _ in 0..count {
                    y = &y - ETA_Y * plain.0.g_y(&x, &y, &ALL);
                }
                close(&pair[1].at.y, &y.to_vec(), 1e-12);
            }
        }
    }
}

#[test]
fn inner_steps_end_at_their_falling_tolerance() {
    let mut solver = implicit(Inverse::Identity { eta_v: 1.0 }, Batch::ALL);
    solver.schedule.inner_steps = 12;
    solver.schedule.tolerance = Some(Tolerance {
        first: 0.5,
        ratio: 0.4,
    });
    let (plain, facts) = (Plain(Bowls::new(4, 3)), facts(solver, 5));
    let mut counts = Vec::new();
    for (k, pair) in (0..).zip(run(&plain, &facts).windows(2)) {
        let (x, mut y) = (x_of(&pair[0].at), y_of(&pair[0].at));
        let gradient = |y: &Array1<f64>| plain.0.g_y(&x, y, &ALL);
        let enough = 0.5 * 0.4f64.powi(k) * norm(&gradient(&y));
        let mut count = 0;
        while count < 12 && norm(&gradient(&y)) > enough {
            y = &y - ETA_Y * gradient(&y);
            count += 1;
        }
        close(&pair[1].at.y, &y.to_vec(), 1e-12);
        counts.push(count);
    }
    assert!(counts[0] > 0 && counts[0] < counts[1], "{counts:?}");
    assert_eq!(counts.last(), Some(&12), "{counts:?}");
}

#[test]
fn the_unrolled_direction_goes_through_the_steps_that_were_taken() {
    let mut solver = full(Direction::Unrolled);
    solver.schedule.inner_steps = 12;
    solver.schedule.tolerance = Some(Tolerance {
        first: 0.5,
        ratio: 0.7,
    });
    let (plain, facts) = (Plain(Bowls::new(4, 3)), facts(solver, 5));
    let bowls = &plain.0;
    let every_outer: Vec<u32> = (0..10).collect();
    for (k, pair) in (0..).zip(run(&plain, &facts).windows(2)) {
        let (x, mut y) = (x_of(&pair[0].at), y_of(&pair[0].at));
        let enough = 0.5 * 0.7f64.powi(k) * norm(&bowls.g_y(&x, &y, &ALL));
        let mut path = Vec::new();
        while path.len() < 12 && norm(&bowls.g_y(&x, &y, &ALL)) > enough {
            path.push(y.clone());
            y = &y - ETA_Y * bowls.g_y(&x, &y, &ALL);
        }
        assert!(path.len() < 12, "ended early");
        let mut lambda = bowls.f_y(&y, &every_outer);
        let mut h = bowls.f_x(&x, &every_outer);
        for y in path.iter().rev() {
            h = h - ETA_Y * bowls.g_xy(&ALL).dot(&lambda);
            lambda = &lambda - ETA_Y * bowls.g_yy(y, &ALL).dot(&lambda);
        }
        close(&pair[1].at.y, &y.to_vec(), 1e-12);
        close(&pair[1].at.x, &(x - 0.1 * h).to_vec(), 1e-12);
    }
}

#[test]
fn the_last_of_an_unknown_number_of_steps_are_refused() {
    let mut solver = full(Direction::Truncated { last: 2 });
    let problem = testing::quadratic_facts(10, 12).problem;
    assert_eq!(solver.fits(&problem, &[5]), Ok(()));
    solver.schedule.tolerance = Some(Tolerance {
        first: 0.5,
        ratio: 1.0,
    });
    let refused = Err(Misfit::TruncatedNeedsKnownT);
    assert_eq!(solver.fits(&problem, &[5]), refused);
}
