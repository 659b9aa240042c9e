//! Solvers that are made of fused operations, by the general loop.

use bistable_common::{
    spec::{
        Batch, Clock, Direction, Order, ProblemSpec, ReweightingSpec, Sampling, Solver, Start,
        StepRule,
    },
    sweep::Facts,
};

use super::{STOP, close, facts, full, round};
use crate::{
    data::Dataset,
    problem::{Plain, Quadratic, Reweighting, Smooth},
    solver::{Fused, General, Stepper},
    testing,
};

fn check<P: Smooth<Real = f64>>(problem: &P, facts: &Facts) {
    let cell = &facts.cells[0];
    let mut fused = Fused::new(problem, testing::setting(facts), &STOP);
    let mut general = General::new(problem, testing::setting(facts), &STOP);
    let (mut left, mut right) = (fused.start().clone(), general.start().clone());
    for k in 0..cell.last_k() {
        fused.iterate(&mut left, round(k)).expect("not stopped");
        general.iterate(&mut right, round(k)).expect("not stopped");
        close(&right.at.x, &left.at.x, 1e-12);
        close(&right.at.y, &left.at.y, 1e-12);
    }
    assert!(left.at != fused.start().at, "it moved");
}

fn unrolled() -> Vec<Solver> {
    let mut solvers = Vec::new();
    for start in [Start::Warm, Start::Reinit] {
        for sampling in [Sampling::Uniform, Sampling::Epoch] {
            for direction in [Direction::Unrolled, Direction::Truncated { last: 2 }] {
                let mut solver = full(direction);
                solver.schedule.inner_steps = 3;
                solver.schedule.start = start;
                solver.sampling = sampling;
                (solver.batch_x, solver.batch_y) = (Batch::Of(3), Batch::Of(5));
                (solver.eta_y.rule, solver.eta_y.clock) = (StepRule::InverseSqrt, Clock::Inner);
                solvers.push(solver);
            }
        }
    }
    solvers
}

#[test]
fn the_quadratic_goes_the_same_way() {
    let partial = [Order::InnerFirst, Order::Simultaneous, Order::OuterFirst].map(|order| {
        let mut solver = testing::quadratic_solver();
        solver.schedule.order = order;
        solver
    });
    for solver in unrolled().into_iter().chain(partial) {
        let facts = facts(solver, 6);
        let spec = testing::quadratic_spec();
        let problem = Quadratic::new(testing::setting(&facts), &spec);
        check(&Plain(problem), &facts);
    }
}

#[test]
fn reweighting_with_hidden_layers_goes_the_same_way() {
    for hidden in [&[16][..], &[17, 6]] {
        for mut solver in unrolled() {
            (solver.eta_x.scale, solver.eta_y.scale) = (5.0, 0.05);
            let mut facts = facts(solver, 3);
            let spec = ReweightingSpec {
                hidden: hidden.to_vec(),
                ..ReweightingSpec::default()
            };
            facts.problem = ProblemSpec::Reweighting(spec.clone());
            facts.test = 1000;
            let data = Dataset::bundled();
            let problem = Reweighting::<f64>::new(testing::setting(&facts), &spec, &data);
            check(&problem.expect("fits"), &facts);
        }
    }
}
