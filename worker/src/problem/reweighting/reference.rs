//! The whole problem once more, as a textbook has it: dense matrices of f64, one sample at a time, every gradient and
//! Hessian-vector product in full. Nothing is shared with the kernels but the layout's map from weights to places.
//!
//! # The bounds
//!
//! On its way from a parameter to a result a number goes through sums of [`roundings`] terms altogether, and each term is
//! a rounding by at most u (half an ulp of 1) of a partial sum. If rounding errors conspired, a result could be off by as
//! many u times the sum of its absolute terms; they do not, and grow with the root of their number. So the bound is as
//! many u times the largest result (of a layer's step, of the hypergradient), n/2 ulps of it: at most 4e-4 of it in f32
//! and 7e-13 in f64. What is measured is a 25th of that, and a wrong index is off by far more.

use bistable_common::spec::{Activation, ReweightingSpec};
use ndarray::{Array1, Array2, Axis};

use super::{Network, Reweighting};
use crate::{
    data::{Dataset, deal},
    kernel::Real,
    problem::{Iterate, OuterBatch, Problem, Shape, Table},
    testing,
};

const INNER: [[u32; 5]; 3] = [[3, 7, 0, 7, 11], [1, 38, 7, 39, 2], [5, 5, 12, 0, 21]];
const OUTER: [u32; 4] = [2, 9, 2, 5];
const TEST: [u32; 20] = {
    let mut rows = [0; 20];
    let mut j = 0;
    while j < 20 {
        rows[j] = (j as u32 * 7) % 19;
        j += 1;
    }
    rows
};
/// Exact in either type.
const ETA: f64 = 0.5;

/// Weights `[output][input]` and biases, first layer to last.
#[derive(Clone)]
struct Parameters(Vec<(Array2<f64>, Array1<f64>)>);

impl Parameters {
    /// What stands in the kernels' slice, where all else must be zero.
    fn of<R: Real>(network: &Network, y: &[R]) -> Self {
        let mut rest = y.to_vec();
        let mut take = |at: usize| std::mem::replace(&mut rest[at], R::ZERO).to_f64();
        let layers = network.layers.iter().enumerate().map(|(l, layer)| {
            let shape = (layer.outputs, layer.fan_in);
            let w = Array2::from_shape_fn(shape, |(o, i)| take(network.weight(l, o, i)));
            let b = Array1::from_shape_fn(layer.outputs, |o| take(layer.bias.start + o));
            (w, b)
        });
        let parameters = Self(layers.collect());
        assert!(rest.iter().all(|y| *y == R::ZERO), "padding");
        parameters
    }

    fn zeros(like: &Self) -> Self {
        let zeros = |(w, b): &(Array2<f64>, Array1<f64>)| (w * 0.0, b * 0.0);
        Self(like.0.iter().map(zeros).collect())
    }

    /// `self += factor other`.
    fn add(&mut self, factor: f64, other: &Self) {
        for ((w, b), (other_w, other_b)) in self.0.iter_mut().zip(&other.0) {
            w.scaled_add(factor, other_w);
            b.scaled_add(factor, other_b);
        }
    }

    fn largest(&self) -> Vec<f64> {
        let layers = self.0.iter();
        let largest = layers.map(|(w, b)| w.iter().chain(b).fold(0.0, |m: f64, v| m.max(v.abs())));
        largest.collect()
    }
}

/// A sample.
#[derive(Clone, Copy)]
struct Sample<'a> {
    image: &'a Array1<f64>,
    label: usize,
}

/// Samples and their labels.
struct Samples(Vec<(Array1<f64>, usize)>);

impl Samples {
    fn new(data: &Dataset, rows: &[u32], labels: &[u32]) -> Self {
        let pixels = |&row: &u32| data.image(row).expect("bytes").iter();
        let image = |row| pixels(row).map(|&b| f64::from(b) / 255.0);
        let rows = rows.iter().map(|row| image(row).collect());
        Self(rows.zip(labels.iter().map(|&l| l as usize)).collect())
    }

    fn of<'a>(&'a self, rows: &'a [u32]) -> impl Iterator<Item = Sample<'a>> {
        rows.iter().map(|&row| {
            let (image, label) = &self.0[row as usize];
            let label = *label;
            Sample { image, label }
        })
    }
}

/// A sample's way through the network: each layer's inputs and pre-activations, and the class probabilities.
struct Trace {
    inputs: Vec<Array1<f64>>,
    z: Vec<Array1<f64>>,
    p: Array1<f64>,
}

struct Textbook {
    activation: Activation,
    training: Samples,
    validation: Samples,
    test: Samples,
}

fn outer_product(a: &Array1<f64>, b: &Array1<f64>) -> Array2<f64> {
    let (a, b) = (a.view().insert_axis(Axis(1)), b.view().insert_axis(Axis(0)));
    a.dot(&b)
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl Textbook {
    fn value(&self, z: f64) -> f64 {
        match self.activation {
            Activation::Elu if z > 0.0 => z,
            Activation::Elu => z.exp_m1(),
            Activation::Tanh => z.tanh(),
        }
    }

    fn slope(&self, z: f64) -> f64 {
        match self.activation {
            Activation::Elu if z > 0.0 => 1.0,
            Activation::Elu => z.exp(),
            Activation::Tanh => z.cosh().powi(-2),
        }
    }

    fn second(&self, z: f64) -> f64 {
        match self.activation {
            Activation::Elu if z > 0.0 => 0.0,
            Activation::Elu => z.exp(),
            Activation::Tanh => -2.0 * z.tanh() * z.cosh().powi(-2),
        }
    }

    fn forward(&self, y: &Parameters, image: &Array1<f64>) -> Trace {
        let (mut inputs, mut z) = (vec![image.clone()], Vec::new());
        for (l, (w, b)) in y.0.iter().enumerate() {
            z.push(w.dot(&inputs[l]) + b);
            inputs.push(z[l].mapv(|z| self.value(z)));
        }
        inputs.pop();
        let logits = &z[z.len() - 1];
        let largest = logits.fold(f64::NEG_INFINITY, |m, &z| m.max(z));
        let exp = (logits - largest).exp();
        let p = &exp / exp.sum();
        Trace { inputs, z, p }
    }

    /// The gradient of a sample's loss.
    fn gradient(&self, y: &Parameters, sample: Sample<'_>) -> Parameters {
        let trace = self.forward(y, sample.image);
        let mut delta = trace.p.clone();
        delta[sample.label] -= 1.0;
        let mut gradient = Parameters::zeros(y);
        for l in (0..y.0.len()).rev() {
            gradient.0[l] = (outer_product(&delta, &trace.inputs[l]), delta.clone());
            if l > 0 {
                delta = y.0[l].0.t().dot(&delta) * trace.z[l - 1].mapv(|z| self.slope(z));
            }
        }
        gradient
    }

    /// The derivatives of a sample's loss and of its gradient along `v` (the R-operator).
    fn along(&self, y: &Parameters, v: &Parameters, sample: Sample<'_>) -> (f64, Parameters) {
        let trace = self.forward(y, sample.image);
        let (mut r_inputs, mut r_z) = (vec![sample.image * 0.0], Vec::new());
        for (l, ((w, _), (v, v_b))) in y.0.iter().zip(&v.0).enumerate() {
            let r: Array1<f64> = v.dot(&trace.inputs[l]) + w.dot(&r_inputs[l]) + v_b;
            r_inputs.push(trace.z[l].mapv(|z| self.slope(z)) * &r);
            r_z.push(r);
        }
        let r_logits = &r_z[r_z.len() - 1];
        let mut delta = trace.p.clone();
        delta[sample.label] -= 1.0;
        let along = delta.dot(r_logits);
        let mut r_delta = &trace.p * &(r_logits - trace.p.dot(r_logits));
        let mut change = Parameters::zeros(y);
        for l in (0..y.0.len()).rev() {
            let w = outer_product(&r_delta, &trace.inputs[l]);
            change.0[l] = (w + outer_product(&delta, &r_inputs[l]), r_delta.clone());
            if l > 0 {
                let (w, v, z) = (y.0[l].0.t(), v.0[l].0.t(), &trace.z[l - 1]);
                let (up, r_up) = (w.dot(&delta), w.dot(&r_delta) + v.dot(&delta));
                let slope = z.mapv(|z| self.slope(z));
                r_delta = z.mapv(|z| self.second(z)) * &r_z[l - 1] * &up + &slope * &r_up;
                delta = slope * up;
            }
        }
        (along, change)
    }

    fn inner_step(&self, x: &[f64], y: &mut Parameters, rows: &[u32]) {
        let before = y.clone();
        for (sample, &row) in self.training.of(rows).zip(rows) {
            let share = ETA * sigmoid(x[row as usize]) / rows.len() as f64;
            y.add(-share, &self.gradient(&before, sample));
        }
    }

    /// The derivative in `x` of the outer loss at the last of `tape`, through the steps between them.
    fn hypergradient(&self, x: &[f64], tape: &[Parameters]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        let end = &tape[tape.len() - 1];
        let mut adjoint = Parameters::zeros(end);
        for sample in self.validation.of(&OUTER) {
            adjoint.add(1.0 / OUTER.len() as f64, &self.gradient(end, sample));
        }
        for (y, rows) in tape.iter().zip(&INNER[..tape.len() - 1]).rev() {
            let at = adjoint.clone();
            for (sample, &row) in self.training.of(rows).zip(rows) {
                let (weight, share) = (sigmoid(x[row as usize]), ETA / rows.len() as f64);
                let (along, change) = self.along(y, &at, sample);
                out[row as usize] -= share * weight * (1.0 - weight) * along;
                adjoint.add(-share * weight, &change);
            }
        }
        out
    }

    /// Mean cross-entropy and 0-1 error.
    fn evaluate(&self, y: &Parameters) -> [f64; 2] {
        let mut sums = [0.0; 2];
        for sample in self.test.of(&TEST) {
            let p = self.forward(y, sample.image).p;
            let others = p.iter().filter(|&&other| other > p[sample.label]);
            sums[0] -= p[sample.label].ln();
            sums[1] += f64::from(u8::from(others.count() > 0));
        }
        sums.map(|sum| sum / TEST.len() as f64)
    }
}

/// The same problem for the kernels and as the textbook has it.
fn problems<R: Real>(hidden: &[u32], activation: Activation) -> (Reweighting<R>, Textbook) {
    let facts = testing::facts_with(10, 40);
    let data = Dataset::bundled();
    let spec = ReweightingSpec {
        hidden: hidden.to_vec(),
        activation,
        ..ReweightingSpec::default()
    };
    let ours = Reweighting::new(testing::setting(&facts), &spec, &data);
    let deal = deal(testing::setting(&facts), &data, spec.noise).expect("fits");
    let clean = |rows: &[u32]| {
        let labels: Vec<u32> = rows.iter().map(|&row| data.label(row)).collect();
        Samples::new(&data, rows, &labels)
    };
    let textbook = Textbook {
        activation,
        training: Samples::new(&data, &deal.training, &deal.training_labels),
        validation: clean(&deal.validation),
        test: clean(&deal.test),
    };
    (ours.expect("fits"), textbook)
}

/// Terms of the sums that a number goes through, one after another, on its way forward and back, and as many as the
/// ulps of the functions between: once for each step, and twice (the pass and its derivative) for each that is
/// differentiated.
fn roundings(network: &Network, steps: usize) -> f64 {
    let layers = network.layers.iter();
    let terms: usize = layers.map(|layer| layer.fan_in + layer.outputs + 4).sum();
    ((terms + INNER[0].len()) * 2 * steps) as f64
}

fn unit<R: Real>() -> f64 {
    match size_of::<R>() {
        4 => f64::from(f32::EPSILON) / 2.0,
        _ => f64::EPSILON / 2.0,
    }
}

/// The kernels' start, inner steps from it, and what they leave.
struct Run<R: Real> {
    start: Iterate<R>,
    end: Iterate<R>,
    direction: Vec<R>,
    metrics: [f64; 2],
}

fn run<R: Real>(problem: &Reweighting<R>, steps: usize) -> Run<R> {
    let mut scratch = problem.scratch(Shape {
        batch_x: OUTER.len(),
        batch_y: INNER[0].len(),
        tape: steps,
        products: 0,
        gradients: false,
    });
    let mut start = problem.start();
    for (j, x) in start.x.iter_mut().enumerate() {
        *x = R::from_f64(j as f64 / 13.0 - 1.5);
    }
    let mut end = start.clone();
    for (t, rows) in INNER[..steps].iter().enumerate() {
        problem.inner_step(&mut scratch, &mut end, rows, ETA, t);
    }
    let mut direction = start.x.clone();
    let batch = OuterBatch {
        rows: &OUTER,
        replaced: &[],
    };
    problem.direction(&mut scratch, &end, batch, steps, &mut direction);
    let metrics = problem.evaluate(&mut scratch, &end, Table::Test, &TEST);
    Run {
        start,
        end,
        direction,
        metrics: [metrics.loss, metrics.error.expect("a classification")],
    }
}

fn check<R: Real>(hidden: &[u32], activation: Activation, steps: usize) {
    let (problem, textbook) = problems::<R>(hidden, activation);
    let (network, run) = (&problem.network, run(&problem, steps));
    let most = roundings(network, steps) * unit::<R>();
    let what = format!("{hidden:?} {activation:?} T = {steps}");

    let x: Vec<f64> = run.start.x.iter().map(|x| x.to_f64()).collect();
    let mut tape = vec![Parameters::of(network, &run.start.y)];
    for (t, rows) in INNER[..steps].iter().enumerate() {
        let mut y = tape[t].clone();
        textbook.inner_step(&x, &mut y, rows);
        tape.push(y);
    }

    let end = &tape[steps];
    let mut moved = end.clone();
    moved.add(-1.0, &tape[0]);
    let mut error = Parameters::of(network, &run.end.y);
    error.add(-1.0, end);
    let scales = moved.largest().into_iter().zip(end.largest());
    for (l, (error, (moved, y))) in error.largest().into_iter().zip(scales).enumerate() {
        // Each sample's share is added to the parameter itself, with a rounding of that.
        let added = (steps * INNER[0].len()) as f64 * unit::<R>() * y;
        assert!(moved > 1e-3, "{what}, layer {l}: nothing moves");
        hold(error, most * moved + added, &format!("{what}, layer {l}"));
    }

    let reference = textbook.hypergradient(&x, &tape);
    let largest = reference.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
    assert!(largest > 1e-4, "{what}: no hypergradient");
    for (ours, reference) in run.direction.iter().zip(&reference) {
        let error = (ours.to_f64() - reference).abs();
        hold(error, most * largest, &format!("{what}, hypergradient"));
    }

    let [loss, error] = textbook.evaluate(end);
    let off = (run.metrics[0] - loss).abs();
    hold(off, most * loss, &format!("{what}, loss"));
    assert_eq!(run.metrics[1], error, "{what}, error");
}

#[track_caller]
fn hold(error: f64, most: f64, what: &str) {
    assert!(error <= most, "{what}: off by {error:e}, not {most:e}");
}

#[test]
fn steps_hypergradients_and_metrics_are_the_textbooks() {
    for hidden in [&[][..], &[16], &[70], &[33, 3, 18]] {
        for activation in [Activation::Elu, Activation::Tanh] {
            for steps in 1..=3 {
                check::<f32>(hidden, activation, steps);
                check::<f64>(hidden, activation, steps);
            }
        }
    }
}
