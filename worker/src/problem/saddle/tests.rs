//! Objectives in plain words: from images and labels, by the formulas of their specifications.

use bistable_common::spec::{AucSpec, LabelNoise, RobustReweightingSpec};

use super::{Auc, RobustReweighting};
use crate::{
    data::{Dataset, Deal, deal},
    kernel::padded,
    problem::{Iterate, Oracle, Table},
    testing,
};

const ROWS: [u32; 4] = [2, 9, 2, 5];
const PIXELS: usize = 784;
const CLASSES: usize = 10;

fn dealt(noise: f64) -> Deal {
    let facts = testing::facts_with(6, 12);
    let noise = LabelNoise::Share(noise);
    deal(testing::setting(&facts), &Dataset::bundled(), noise).expect("fits")
}

fn pixels(sample: u32) -> Vec<f64> {
    let data = Dataset::bundled();
    let image = data.image(sample).expect("bytes").iter();
    image.map(|&byte| f64::from(byte) / 255.0).collect()
}

/// A row of S, with its label as it was dealt.
fn trained(deal: &Deal, row: u32) -> (Vec<f64>, usize) {
    let row = row as usize;
    let label = deal.training_labels[row] as usize;
    (pixels(deal.training[row]), label)
}

/// A row of D, then D~.
fn validated(deal: &Deal, row: u32) -> (Vec<f64>, usize) {
    let all = [&deal.validation[..], &deal.replacement].concat();
    let sample = all[row as usize];
    let label = Dataset::bundled().label(sample) as usize;
    (pixels(sample), label)
}

/// Components that are neither equal nor ordered.
fn scatter(values: &mut [f64], scale: f64) {
    for (j, value) in values.iter_mut().enumerate() {
        *value = scale * ((j * 37 % 23) as f64 - 9.0);
    }
}

fn mean(of: impl Fn(u32) -> f64) -> f64 {
    ROWS.iter().map(|&row| of(row)).sum::<f64>() / ROWS.len() as f64
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

#[track_caller]
fn close(ours: f64, plain: f64) {
    let error = (ours - plain).abs();
    assert!(
        error < 1e-12 * plain.abs().max(1.0),
        "{ours} is not {plain}"
    );
}

fn robust() -> RobustReweighting<f64> {
    let facts = testing::facts_with(6, 12);
    let spec = RobustReweightingSpec {
        l2: 0.02,
        l2_x: 0.3,
        rho: 1.7,
        noise: 0.5,
    };
    RobustReweighting::new(testing::setting(&facts), &spec, &Dataset::bundled()).expect("fits")
}

/// Somewhere, with y's padding zero.
fn robust_place(problem: &RobustReweighting<f64>) -> Iterate<f64> {
    let mut at = problem.start();
    scatter(&mut at.x, 0.05);
    scatter(&mut at.y, 0.003);
    scatter(&mut at.z, 0.02);
    for row in at.y.chunks_exact_mut(padded(CLASSES)) {
        row[CLASSES..].fill(0.0);
    }
    at
}

/// The class of largest probability, and the cross-entropy.
fn classify(y: &[f64], (image, label): &(Vec<f64>, usize)) -> (usize, f64) {
    let width = padded(CLASSES);
    let logit = |c: usize| {
        let products = (0..PIXELS).map(|j| y[j * width + c] * image[j]);
        products.sum::<f64>() + y[PIXELS * width + c]
    };
    let logits: Vec<f64> = (0..CLASSES).map(logit).collect();
    let sum: f64 = logits.iter().map(|z| z.exp()).sum();
    let best = (0..CLASSES).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    (best.expect("classes"), sum.ln() - logits[*label])
}

fn class_weight(x: &[f64], c: usize) -> f64 {
    let sum: f64 = x.iter().map(|x| x.exp()).sum();
    CLASSES as f64 * x[c].exp() / sum
}

#[test]
fn robust_reweighting_is_its_formula() {
    let (problem, deal) = (robust(), dealt(0.5));
    let at = robust_place(&problem);
    let g = mean(|row| {
        let sample = trained(&deal, row);
        let weight = class_weight(&at.x, sample.1) * (1.0 + at.z[sample.1]);
        weight * classify(&at.y, &sample).1
    });
    let g = g + 0.02 * squares(&at.y) - 0.85 * squares(&at.z);
    close(problem.inner_value(&at, &ROWS), g);
    let f = mean(|row| {
        let sample = validated(&deal, row);
        class_weight(&at.x, sample.1) * classify(&at.y, &sample).1
    });
    let metrics = problem.metrics(&at, Table::Validation, &ROWS);
    close(metrics.loss, f + 0.15 * squares(&at.x));
    let wrong = mean(|row| {
        let sample = validated(&deal, row);
        f64::from(u8::from(classify(&at.y, &sample).0 != sample.1))
    });
    close(metrics.error.expect("a classification"), wrong);
}

#[test]
fn the_padding_of_classes_stays_zero() {
    let problem = robust();
    let at = robust_place(&problem);
    let mut gradient = vec![1.0; at.y.len()];
    let work = &mut vec![1.0; problem.work_words()];
    problem.inner_grad(&at, &ROWS, &mut gradient, work);
    for row in gradient.chunks_exact(padded(CLASSES)) {
        assert_eq!(row[CLASSES..], [0.0; 6]);
    }
}

#[test]
fn the_adversary_adds_to_classes_that_are_lost() {
    let problem = robust();
    let mut at = robust_place(&problem);
    at.z.fill(0.0);
    let mut gradient = vec![0.0; CLASSES];
    let work = &mut vec![0.0; problem.work_words()];
    problem.dual_grad(&at, &ROWS, &mut gradient, work);
    let deal = dealt(0.5);
    for (class, slope) in gradient.into_iter().enumerate() {
        let seen = ROWS.iter().any(|&row| trained(&deal, row).1 == class);
        assert_eq!(slope > 0.0, seen, "class {class}");
        assert!(slope >= 0.0);
    }
}

#[test]
fn auc_is_its_formula() {
    let (facts, deal) = (testing::facts_with(6, 12), dealt(0.0));
    let data = Dataset::bundled();
    for positive in 0..CLASSES {
        let spec = AucSpec {
            positive: positive as u32,
            l2: 0.02,
        };
        let problem = Auc::<f64>::new(testing::setting(&facts), &spec, &data).expect("fits");
        let mut at = problem.start();
        scatter(&mut at.x, 0.1);
        scatter(&mut at.y, 0.01);
        at.z[0] = 0.7;
        let own = |row: &u32| trained(&deal, *row).1 == positive;
        let p = (0..12u32).filter(own).count() as f64 / 12.0;
        let value = |(image, label): (Vec<f64>, usize)| {
            let gate = |x: f64| 1.0 / (1.0 + (-x).exp());
            let s: f64 = (0..PIXELS)
                .map(|j| at.y[j] * gate(at.x[j]) * image[j])
                .sum();
            let (a, b, alpha) = (at.y[PIXELS], at.y[PIXELS + 1], at.z[0]);
            let is = |holds: bool| f64::from(u8::from(holds));
            let (plus, minus) = (is(label == positive), is(label != positive));
            (1.0 - p) * (s - a).powi(2) * plus
                + p * (s - b).powi(2) * minus
                + 2.0 * (1.0 + alpha) * (p * s * minus - (1.0 - p) * s * plus)
                - p * (1.0 - p) * alpha * alpha
        };
        let g = mean(|row| value(trained(&deal, row))) + 0.02 * squares(&at.y[..PIXELS]);
        close(problem.inner_value(&at, &ROWS), g);
        let metrics = problem.metrics(&at, Table::Validation, &ROWS);
        close(metrics.loss, mean(|row| value(validated(&deal, row))));
        assert_eq!(metrics.error, None);
    }
}
