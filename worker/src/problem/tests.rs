//! Derivatives against finite differences, and the fused operations against the plain ones.

use bistable_common::spec::{
    Activation, AucSpec, BinaryLogisticSpec, Family, LogisticSpec, ProblemSpec, QuadraticSpec,
    ReweightingSpec, RobustReweightingSpec,
};

use super::{
    Auc, BinaryLogistic, Iterate, Logistic, Oracle, OuterBatch, Plain, Problem, Quadratic,
    Reweighting, RobustReweighting, Shape, Smooth, Table,
};
use crate::{data::Dataset, kernel::Aligned, testing};

mod networks;

const BATCH: [u32; 5] = [3, 7, 0, 7, 11];
const OUTER: [u32; 4] = [2, 9, 2, 5];

fn reweighting(hidden: &[u32], activation: Activation) -> Reweighting<f64> {
    with_ridge(hidden, activation, 0.0)
}

fn with_ridge(hidden: &[u32], activation: Activation, l2: f64) -> Reweighting<f64> {
    let mut facts = testing::facts_with(6, 12);
    let spec = ReweightingSpec {
        hidden: hidden.to_vec(),
        activation,
        l2,
        ..ReweightingSpec::default()
    };
    facts.problem = ProblemSpec::Reweighting(spec.clone());
    let data = Dataset::bundled();
    Reweighting::new(testing::setting(&facts), &spec, &data).expect("fits")
}

fn quadratic() -> Quadratic {
    let facts = testing::quadratic_facts(6, 12);
    Quadratic::new(testing::setting(&facts), &testing::quadratic_spec())
}

/// A point away from the start, reproducible, zero where the start has padding.
fn somewhere<O: Oracle<Real = f64>>(problem: &O) -> Iterate<f64> {
    let mut at = problem.start();
    let logits = at.x.iter().all(|&x| x == 0.0);
    let width = if logits { 7.0 } else { 70.0 };
    for (j, x) in unpadded(&mut at.x) {
        *x += ((j * 37 % 11) as f64 - 5.0) / width;
    }
    for (j, z) in at.z.iter_mut().enumerate() {
        *z += ((j * 5 % 7) as f64 - 2.0) / 9.0;
    }
    for (j, y) in unpadded(&mut at.y) {
        *y += ((j * 53 % 17) as f64 - 8.0) / 60.0;
    }
    at
}

/// The components that are not padding, which is zero where others are not.
fn unpadded(values: &mut [f64]) -> impl Iterator<Item = (usize, &mut f64)> {
    let all = values.iter().all(|&value| value == 0.0);
    let components = values.iter_mut().enumerate();
    components.filter(move |(_, value)| all || **value != 0.0)
}

/// A direction in y that keeps the padding zero.
fn direction_in_y(at: &Iterate<f64>, salt: usize) -> Vec<f64> {
    let component = |(j, y): (usize, &f64)| {
        if *y == 0.0 {
            0.0
        } else {
            ((j * salt % 13) as f64 - 6.0) / 6.0
        }
    };
    at.y.iter().enumerate().map(component).collect()
}

/// A direction in x.
fn direction_in_x(at: &Iterate<f64>, shift: f64) -> Vec<f64> {
    let component = |j| ((j * 29 % 7) as f64 - shift) / 3.0;
    (0..at.x.len()).map(component).collect()
}

fn moved(at: &Iterate<f64>, dx: &[f64], dy: &[f64], step: f64) -> Iterate<f64> {
    let along =
        |values: &[f64], d: &[f64]| values.iter().zip(d).map(|(v, d)| v + step * d).collect();
    Iterate {
        x: along(&at.x, dx),
        y: Aligned::from_slice(&along(&at.y, dy)),
        z: at.z.clone(),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Central difference of `f` along (dx, dy), of fourth order.
fn slope(
    at: &Iterate<f64>,
    dx: &[f64],
    dy: &[f64],
    mut f: impl FnMut(&Iterate<f64>) -> f64,
) -> f64 {
    let h = 2e-6;
    let mut difference = |h| f(&moved(at, dx, dy, h)) - f(&moved(at, dx, dy, -h));
    (8.0 * difference(h) - difference(2.0 * h)) / (12.0 * h)
}

/// Central difference of `f` along dz.
fn slope_in_z(at: &Iterate<f64>, dz: &[f64], f: impl Fn(&Iterate<f64>) -> f64) -> f64 {
    let h = 1e-5;
    let moved = |step: f64| {
        let z = at.z.iter().zip(dz).map(|(z, d)| z + step * d).collect();
        Iterate { z, ..at.clone() }
    };
    (f(&moved(h)) - f(&moved(-h))) / (2.0 * h)
}

#[track_caller]
fn close(ours: f64, reference: f64, tolerance: f64) {
    let scale = reference.abs().max(1e-4);
    assert!(
        (ours - reference).abs() < tolerance * scale,
        "{ours} is not {reference}"
    );
}

/// Every derivative of an oracle against central differences of its values.
fn check_oracle<O: Oracle<Real = f64>>(problem: &O) {
    let at = somewhere(problem);
    let (nx, ny) = (at.x.len(), at.y.len());
    let zero_x = vec![0.0; nx];
    let dx = direction_in_x(&at, 3.0);
    let (u, v) = (direction_in_y(&at, 31), direction_in_y(&at, 41));
    let work = &mut vec![0.0; problem.work_words()];

    let mut gradient = vec![0.0; ny];
    problem.inner_grad(&at, &BATCH, &mut gradient, work);
    close(
        dot(&gradient, &u),
        slope(&at, &zero_x, &u, |at| problem.inner_value(at, &BATCH)),
        1e-6,
    );

    let nz = at.z.len();
    let dz: Vec<f64> = (0..nz).map(|j| 1.0 - (j * 3 % 5) as f64 / 2.0).collect();
    let mut dual = vec![0.0; nz];
    problem.dual_grad(&at, &BATCH, &mut dual, work);
    close(
        dot(&dual, &dz),
        slope_in_z(&at, &dz, |at| problem.inner_value(at, &BATCH)),
        1e-6,
    );

    let (mut gx, mut gy) = (vec![0.0; nx], vec![0.0; ny]);
    problem.outer_grads(&at, &OUTER, &mut gx, &mut gy, work);
    let value = |at: &Iterate<f64>| problem.metrics(at, Table::Validation, &OUTER).loss;
    close(
        dot(&gx, &dx) + dot(&gy, &u),
        slope(&at, &dx, &u, value),
        1e-6,
    );

    let mut hv = vec![0.0; ny];
    problem.inner_hvp(&at, &BATCH, &v, &mut hv, work);
    let mut along_u = |at: &Iterate<f64>| {
        problem.inner_grad(at, &BATCH, &mut gradient, work);
        dot(&gradient, &u)
    };
    close(dot(&hv, &u), slope(&at, &zero_x, &v, &mut along_u), 1e-5);

    let by_x = slope(&at, &dx, &vec![0.0; ny], &mut along_u);
    let mut cross = vec![0.0; nx];
    problem.cross_vp(&at, &BATCH, &u, &mut cross, work);
    close(dot(&cross, &dx), by_x, 1e-5);
}

#[test]
fn reweighting_derivatives_are_finite_differences() {
    for activation in [Activation::Elu, Activation::Tanh] {
        for hidden in [&[16][..], &[5], &[17, 6], &[8, 20, 3], &[80, 70]] {
            check_oracle(&reweighting(hidden, activation));
        }
    }
}

#[test]
fn derivatives_with_a_ridge_are_finite_differences() {
    for hidden in [&[][..], &[17, 6]] {
        check_oracle(&with_ridge(hidden, Activation::Tanh, 0.3));
    }
}

fn robust() -> RobustReweighting<f64> {
    let facts = testing::facts_with(6, 12);
    let spec = RobustReweightingSpec {
        l2: 0.02,
        l2_x: 0.3,
        rho: 1.7,
        noise: 0.5,
    };
    let data = Dataset::bundled();
    RobustReweighting::new(testing::setting(&facts), &spec, &data).expect("fits")
}

fn auc(positive: u32) -> Auc<f64> {
    let facts = testing::facts_with(6, 12);
    let spec = AucSpec { positive, l2: 0.02 };
    let data = Dataset::bundled();
    Auc::new(testing::setting(&facts), &spec, &data).expect("fits")
}

#[test]
fn minimax_derivatives_are_finite_differences() {
    check_oracle(&robust());
    // Each sample is positive once.
    (0..10).map(auc).for_each(|auc| check_oracle(&auc));
}

#[test]
fn quadratic_derivatives_are_finite_differences() {
    check_oracle(&quadratic());
    for (family, mu) in [(Family::ScSc, 1.0), (Family::CC, 0.0), (Family::NcNc, -0.3)] {
        for coupling in [None, Some(0.0), Some(0.7)] {
            let problem = quadratic_of(family, mu, coupling);
            check_oracle(&problem);
            let at = somewhere(&problem);
            for steps in 1..=3 {
                check_unrolled(&Plain(problem.clone()), &at, steps);
            }
        }
    }
}

fn quadratic_of(family: Family, mu: f64, coupling: Option<f64>) -> Quadratic {
    let mut facts = testing::quadratic_facts(6, 12);
    let spec = QuadraticSpec {
        family,
        coupling,
        mu_f: mu,
        mu_g: mu,
        ..testing::quadratic_spec()
    };
    facts.problem = ProblemSpec::Quadratic(spec.clone());
    Quadratic::new(testing::setting(&facts), &spec)
}

fn logistic(data: &Dataset) -> Logistic<f64> {
    let facts = testing::logistic_facts(6, 12);
    let spec = LogisticSpec { log_penalty: -2.0 };
    Logistic::new(testing::setting(&facts), &spec, data).expect("fits")
}

#[test]
fn logistic_derivatives_are_finite_differences() {
    for data in [Dataset::bundled(), testing::sparse_data()] {
        let problem = logistic(&data);
        check_oracle(&problem);
        for steps in 1..=3 {
            check_unrolled(&Plain(logistic(&data)), &somewhere(&problem), steps);
        }
    }
}

#[test]
fn a_logistic_penalty_is_its_features_own() {
    let problem = logistic(&testing::sparse_data());
    let mut at = somewhere(&problem);
    let bare = {
        let mut without = at.clone();
        without.x.fill(-700.0);
        problem.inner_value(&without, &BATCH)
    };
    at.x.fill(-700.0);
    at.x[5] = 0.5;
    let weights = &at.y[2 * 5..2 * 6];
    let penalty = 0.5 * 0.5f64.exp() * dot(weights, weights);
    close(problem.inner_value(&at, &BATCH) - bare, penalty, 1e-9);
}

fn binary(l2: f64) -> BinaryLogistic<f64> {
    let facts = testing::binary_facts(12);
    let data = testing::sparse_data();
    let spec = BinaryLogisticSpec { l2 };
    BinaryLogistic::new(testing::setting(&facts), &spec, &data).expect("fits")
}

#[test]
fn binary_logistic_derivatives_are_finite_differences() {
    for l2 in [0.0, 0.3] {
        check_oracle(&binary(l2));
    }
}

#[test]
fn binary_logistic_loss_is_that_of_two_classes() {
    // The multinomial model whose second class has the weights and whose first has none.
    let (two, many) = (binary(0.0), logistic(&testing::sparse_data()));
    let mut at = somewhere(&two);
    at.x.iter_mut().for_each(|x| *x *= 3.0);
    let weights = at.x.iter().flat_map(|&x| [0.0, x]).collect::<Vec<_>>();
    let mut of_many = many.start();
    of_many.y.copy_from_slice(&weights);
    let rows: Vec<u32> = (0..40).collect();
    let ours = two.metrics(&at, Table::Test, &rows);
    let reference = many.metrics(&of_many, Table::Test, &rows);
    close(ours.loss, reference.loss, 1e-12);
    assert_eq!(ours.error, reference.error);
    // Scores that would overflow.
    at.x.iter_mut().for_each(|x| *x *= 1e6);
    assert!(two.metrics(&at, Table::Test, &rows).loss.is_finite());
}

#[test]
fn a_logistic_step_costs_what_its_rows_have() {
    let (few, many) = (
        Logistic::<f64>::size((1000, 3), 10.0),
        Logistic::<f64>::size((1000, 3), 20.0),
    );
    assert_eq!(few.gradient.per_call, many.gradient.per_call);
    assert_eq!(many.gradient.per_sample - few.gradient.per_sample, 60.0);
}

const INNER: [[u32; 4]; 3] = [[1, 4, 4, 8], [0, 11, 3, 1], [8, 2, 5, 4]];

fn shape(steps: usize) -> Shape {
    Shape {
        batch_x: OUTER.len(),
        batch_y: BATCH.len().max(INNER[0].len()),
        tape: steps,
        products: BATCH.len(),
        gradients: true,
    }
}

/// The unrolled direction after `steps` inner steps from `at`, and the outer loss there.
fn unrolled<P: Problem<Real = f64>>(
    problem: &P,
    at: &Iterate<f64>,
    steps: usize,
) -> (Vec<f64>, f64) {
    let mut scratch = problem.scratch(shape(steps));
    let mut at = at.clone();
    for (t, batch) in INNER.iter().take(steps).enumerate() {
        problem.inner_step(&mut scratch, &mut at, batch, 0.3 / (t + 1) as f64, t);
    }
    let mut out = vec![0.0; at.x.len()];
    let batch = OuterBatch {
        rows: &OUTER,
        replaced: &[],
    };
    problem.direction(&mut scratch, &at, batch, steps, &mut out);
    let loss = problem
        .evaluate(&mut scratch, &at, Table::Validation, &OUTER)
        .loss;
    (out, loss)
}

fn check_unrolled<P: Problem<Real = f64>>(problem: &P, at: &Iterate<f64>, steps: usize) {
    let dx = direction_in_x(at, 2.5);
    let (direction, _) = unrolled(problem, at, steps);
    let reference = slope(at, &dx, &vec![0.0; at.y.len()], |at| {
        unrolled(problem, at, steps).1
    });
    close(dot(&direction, &dx), reference, 1e-5);
}

#[test]
fn unrolled_hypergradients_are_finite_differences() {
    for steps in 1..=3 {
        let plain = Plain(quadratic());
        check_unrolled(&plain, &somewhere(&plain.0), steps);
        for activation in [Activation::Elu, Activation::Tanh] {
            for hidden in [&[16][..], &[5], &[17, 6], &[80]] {
                let fused = reweighting(hidden, activation);
                check_unrolled(&fused, &somewhere(&fused), steps);
            }
        }
    }
}

#[test]
fn fused_operations_are_the_plain_ones() {
    for steps in 1..=3 {
        for (hidden, l2) in [
            (&[16][..], 0.0),
            (&[17, 6], 0.0),
            (&[17, 6], 0.3),
            (&[], 0.3),
        ] {
            let fused = with_ridge(hidden, Activation::Elu, l2);
            let at = somewhere(&fused);
            let (direction, loss) = unrolled(&fused, &at, steps);
            let (plain_direction, plain_loss) = unrolled(&Plain(fused), &at, steps);
            close(loss, plain_loss, 1e-12);
            for (ours, plain) in direction.iter().zip(&plain_direction) {
                assert!((ours - plain).abs() < 1e-13, "{ours} {plain}");
            }
        }
    }
}

/// What general solvers ask for, against the oracle.
fn check_smooth<P: Smooth<Real = f64> + Oracle<Real = f64>>(problem: &P) {
    let at = somewhere(problem);
    let (mut ours, mut plain) = (vec![9.0; at.y.len()], vec![9.0; at.y.len()]);
    let (mut ours_x, mut plain_x) = (vec![9.0; at.x.len()], vec![9.0; at.x.len()]);
    let mut scratch = problem.scratch(shape(0));
    let work = &mut vec![0.0; problem.work_words()];
    let same = |ours: &[f64], plain: &[f64]| {
        for (ours, plain) in ours.iter().zip(plain) {
            assert!((ours - plain).abs() < 1e-13, "{ours} {plain}");
        }
    };
    let value = Problem::inner_value(problem, &mut scratch, &at, &BATCH);
    close(value, Oracle::inner_value(problem, &at, &BATCH), 1e-13);
    let mut within = |most| problem.inner_value_within(&mut scratch, &at, &BATCH, most);
    assert_eq!(within(value), value);
    for part in [0.999, 0.5, 0.01] {
        assert!(within(part * value) > part * value);
    }
    Smooth::inner_grad(problem, &mut scratch, &at, &BATCH, &mut ours);
    if problem.aim_line(&mut scratch, &at, &ours) {
        for eta in [0.0, 0.3, 2.0] {
            let there = moved(&at, &vec![0.0; at.x.len()], &ours, -eta);
            let value = Oracle::inner_value(problem, &there, &BATCH);
            close(
                problem.value_on_line(&mut scratch, eta, f64::MAX),
                value,
                1e-13,
            );
            assert!(problem.value_on_line(&mut scratch, eta, 0.5 * value) > 0.5 * value);
        }
    }
    Oracle::inner_grad(problem, &at, &BATCH, &mut plain, work);
    same(&ours, &plain);
    Smooth::outer_grads(problem, &mut scratch, &at, &OUTER, &mut ours_x, &mut ours);
    Oracle::outer_grads(problem, &at, &OUTER, &mut plain_x, &mut plain, work);
    same(&ours, &plain);
    same(&ours_x, &plain_x);
    let v = direction_in_y(&at, 31);
    problem.linearize(&mut scratch, &at, &BATCH);
    for _ in 0..2 {
        Smooth::inner_hvp(problem, &mut scratch, &v, &mut ours);
        Oracle::inner_hvp(problem, &at, &BATCH, &v, &mut plain, work);
        same(&ours, &plain);
        Smooth::cross_vp(problem, &mut scratch, &v, &mut ours_x);
        Oracle::cross_vp(problem, &at, &BATCH, &v, &mut plain_x, work);
        same(&ours_x, &plain_x);
    }
}

#[test]
fn operations_by_themselves_are_the_plain_ones() {
    for l2 in [0.0, 0.3] {
        for hidden in [&[][..], &[16], &[17, 6], &[80]] {
            for activation in [Activation::Elu, Activation::Tanh] {
                check_smooth(&with_ridge(hidden, activation, l2));
            }
        }
    }
}

#[test]
fn gradients_of_the_padding_are_zero() {
    let problem = reweighting(&[5, 3], Activation::Elu);
    let at = somewhere(&problem);
    let mut gradient = vec![1.0; at.y.len()];
    Oracle::inner_grad(&problem, &at, &BATCH, &mut gradient, &mut []);
    let start = Oracle::start(&problem);
    let padding = start.y.iter().zip(&gradient).filter(|(y, _)| **y == 0.0);
    assert!(padding.clone().count() > 1000);
    assert!(padding.into_iter().all(|(_, g)| *g == 0.0));
}

#[test]
fn cross_entropy_and_error_are_their_definitions() {
    let problem = reweighting(&[16], Activation::Elu);
    let at = somewhere(&problem);
    let all: Vec<u32> = (0..40).collect();
    let mut total = [0.0; 2];
    for row in &all {
        let one = problem.metrics(&at, Table::Test, std::slice::from_ref(row));
        total = [
            total[0] + one.loss,
            total[1] + one.error.expect("a classification"),
        ];
    }
    let mean = problem.metrics(&at, Table::Test, &all);
    close(mean.loss, total[0] / 40.0, 1e-12);
    assert_eq!(mean.error, Some(total[1] / 40.0));
    assert!(mean.loss > 1.0 && mean.loss < 20.0);
}
