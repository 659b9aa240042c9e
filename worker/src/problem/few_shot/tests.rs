//! Tasks, and runs of both algorithms against textbook code.

use std::sync::atomic::AtomicBool;

use bistable_common::{
    draw::Level,
    spec::{Activation, Precision, ProblemSpec, Replaced, Sampling, Solver, Update, presets},
    sweep::Facts,
};

use super::*;
use crate::{
    problem::{OuterBatch, Plain, Problem},
    solver::{Fused, Round, Stepper, Twin, shape},
    testing,
};

/// Images of 2 x 3 pixels, `each` of every class, all different.
fn data(classes: u32, each: u32) -> Dataset {
    let labels: Vec<u32> = (0..classes * each).map(|sample| sample % classes).collect();
    let pixels: Vec<u8> = (0..6 * classes * each)
        .map(|pixel| (1 + pixel * 97 % 251) as u8)
        .collect();
    Dataset::of_images(&[2, 3], &pixels, &labels).expect("a data set")
}

fn spec() -> FewShotSpec {
    FewShotSpec {
        ways: 3,
        shots: 2,
        queries: 3,
        hidden: vec![4],
        activation: Activation::Tanh,
        replaced: Replaced::Task,
    }
}

/// `preset` with T = 2, plain outer steps and two tasks a batch.
fn facts(preset: &str) -> Facts {
    let mut facts = testing::facts_with(5, 1);
    facts.problem = ProblemSpec::FewShot(spec());
    facts.precision = Precision::F64;
    facts.test = 7;
    let preset = presets::find(preset).expect("a preset");
    let mut solver: Solver = preset.solver(2);
    solver.update_x = Update::PLAIN;
    solver.eta_x = testing::constant(0.7);
    solver.batch_x = bistable_common::spec::Batch::Of(2);
    solver.sampling = Sampling::Uniform;
    facts.cells[0].solver = solver;
    facts
}

fn problem(spec: &FewShotSpec, facts: &Facts, data: &Dataset) -> FewShot<f64> {
    FewShot::new(testing::setting(facts), spec, data).expect("enough images")
}

/// Rows of a task: support, then query images.
fn rows(problem: &FewShot<f64>, table: Table, task: u32) -> [Vec<u32>; 2] {
    (problem.tasks.images(table, task)).map(|images| images.rows.to_vec())
}

#[test]
fn a_task_has_different_images_of_as_many_classes() {
    let (facts, data, spec) = (facts("maml"), data(12, 20), spec());
    let problem = problem(&spec, &facts, &data);
    for (table, tasks) in [(Table::Validation, 10), (Table::Test, 7)] {
        for task in 0..tasks {
            let [support, query] = rows(&problem, table, task);
            assert_eq!((support.len(), query.len()), (6, 9));
            let classes = |rows: &[u32], each: usize| -> Vec<u32> {
                let labels: Vec<u32> = rows.iter().map(|&row| data.label(row)).collect();
                assert!(
                    labels
                        .chunks(each)
                        .all(|chunk| chunk.iter().all(|l| *l == chunk[0]))
                );
                labels.into_iter().step_by(each).collect()
            };
            assert_eq!(classes(&support, 2), classes(&query, 3));
            let mut all = [support, query].concat();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 15);
        }
    }
    let [support, _] = problem.tasks.images(Table::Validation, 0);
    assert!(support.labels().eq([0, 0, 1, 1, 2, 2]));
    let chunked: Vec<u32> = support.chunks(4).flat_map(|chunk| chunk.labels()).collect();
    assert_eq!(chunked, [0, 0, 1, 1, 2, 2]);
}

#[test]
fn test_tasks_are_about_other_classes_or_other_images() {
    let facts = facts("maml");
    for (classes, apart_by_class) in [(12, true), (5, false)] {
        let (data, spec) = (data(classes, 20), spec());
        let problem = problem(&spec, &facts, &data);
        let all = |table, tasks| -> Vec<u32> {
            (0..tasks)
                .flat_map(|task| rows(&problem, table, task).concat())
                .collect()
        };
        let (seen, unseen) = (all(Table::Validation, 10), all(Table::Test, 7));
        assert!(unseen.iter().all(|row| !seen.contains(row)));
        let labels: Vec<u32> = seen.iter().map(|&row| data.label(row)).collect();
        let shared = unseen.iter().any(|&row| labels.contains(&data.label(row)));
        assert_eq!(shared, !apart_by_class);
    }
    let (few, spec) = (data(12, 4), spec());
    let refused = FewShot::<f64>::new(testing::setting(&facts), &spec, &few);
    let reason = refused.expect_err("too few images");
    assert!(
        reason.contains("3 classes of at least 5 images"),
        "{reason}"
    );
}

#[test]
fn a_replaced_query_is_one_other_image_of_its_class() {
    let (facts, data, mut spec) = (facts("maml"), data(12, 20), spec());
    let whole = problem(&spec, &facts, &data);
    spec.replaced = Replaced::Query;
    let query = problem(&spec, &facts, &data);
    for task in 0..5 {
        let old = rows(&query, Table::Validation, task);
        assert_eq!(old, rows(&whole, Table::Validation, task));
        let new = rows(&query, Table::Validation, 5 + task);
        assert_eq!(old[0], new[0]);
        let pairs = old[1].iter().zip(&new[1]);
        let changed: Vec<_> = pairs.filter(|(old, new)| old != new).collect();
        assert_eq!(changed.len(), 1);
        let (before, after) = changed[0];
        assert_eq!(data.label(*before), data.label(*after));
        assert!(!old.concat().contains(after));
        assert_ne!(rows(&whole, Table::Validation, 5 + task), old);
    }
}

/// An image and its class.
type Image = (Vec<f64>, usize);

/// A linear map with a bias: weights row by row.
type Linear = (Vec<Vec<f64>>, Vec<f64>);

/// A classifier with one hidden layer, as in any textbook.
#[derive(Debug, Clone)]
struct Textbook([Linear; 2]);

impl Textbook {
    /// Reads the padded slice.
    fn from_slice(values: &[f64]) -> Self {
        let layer = |first: usize, inputs: usize, outputs: usize| -> Linear {
            let row = |o: usize| values[first + 16 * o..][..inputs].to_vec();
            let bias = values[first + 16 * outputs..][..outputs].to_vec();
            ((0..outputs).map(row).collect(), bias)
        };
        Self([layer(0, 6, 4), layer(16 * 4 + 16, 4, 3)])
    }

    fn numbers(&mut self) -> Vec<&mut f64> {
        let layers = self.0.iter_mut();
        layers
            .flat_map(|(w, b)| w.iter_mut().flatten().chain(b))
            .collect()
    }

    fn apply((w, b): &Linear, input: &[f64]) -> Vec<f64> {
        let row =
            |(w, b): (&Vec<f64>, &f64)| b + w.iter().zip(input).map(|(w, x)| w * x).sum::<f64>();
        w.iter().zip(b).map(row).collect()
    }

    fn probabilities(&self, image: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let hidden: Vec<f64> = Self::apply(&self.0[0], image)
            .iter()
            .map(|z| z.tanh())
            .collect();
        let p: Vec<f64> = Self::apply(&self.0[1], &hidden)
            .iter()
            .map(|z| z.exp())
            .collect();
        let sum: f64 = p.iter().sum();
        (hidden, p.iter().map(|p| p / sum).collect())
    }

    fn loss(&self, images: &[Image]) -> f64 {
        let losses = images
            .iter()
            .map(|(image, label)| -self.probabilities(image).1[*label].ln());
        losses.sum::<f64>() / images.len() as f64
    }

    /// A gradient step, of the last layer alone or of both.
    fn step(&mut self, images: &[Image], eta: f64, head_only: bool) {
        let before = self.clone();
        let eta = eta / images.len() as f64;
        for (image, label) in images {
            let (hidden, mut r) = before.probabilities(image);
            r[*label] -= 1.0;
            for (o, r) in r.iter().enumerate() {
                self.0[1].1[o] -= eta * r;
                for (h, a) in hidden.iter().enumerate() {
                    self.0[1].0[o][h] -= eta * r * a;
                }
            }
            if head_only {
                continue;
            }
            for (h, a) in hidden.iter().enumerate() {
                let up: f64 = r.iter().zip(&before.0[1].0).map(|(r, w)| r * w[h]).sum();
                let delta = up * (1.0 - a * a);
                self.0[0].1[h] -= eta * delta;
                for (i, pixel) in image.iter().enumerate() {
                    self.0[0].0[h][i] -= eta * delta * pixel;
                }
            }
        }
    }
}

fn images(data: &Dataset, rows: &[u32], each: usize) -> Vec<Image> {
    let image = |(position, &row): (usize, &u32)| {
        let mut pixels = vec![0.0; 6];
        data.dense(row, &mut pixels);
        (pixels, position / each)
    };
    rows.iter().enumerate().map(image).collect()
}

/// Mean query loss of tasks after two steps of 0.4 from `x`.
fn adapted_loss(x: &Textbook, tasks: &[[Vec<Image>; 2]], head_only: bool) -> f64 {
    let losses = tasks.iter().map(|[support, query]| {
        let mut task = x.clone();
        (0..2).for_each(|_| task.step(support, 0.4, head_only));
        task.loss(query)
    });
    losses.sum::<f64>() / tasks.len() as f64
}

/// Two outer iterations: x against steps along central differences, y against the textbook's adaptation.
fn check_trace(preset: &str, head_only: bool, twin: Twin) {
    let (facts, data) = (facts(preset), data(12, 20));
    let cell = &facts.cells[0];
    let plain = Plain(problem(&spec(), &facts, &data));
    let stop = AtomicBool::new(false);
    let mut stepper = Fused::new(&plain, testing::setting(&facts), &stop);
    let mut state = stepper.start().clone();
    let mut x = Textbook::from_slice(&state.at.x);
    let mut sampler = testing::setting(&facts).sampler(Level::Outer);
    for k in 0..2 {
        let mut batch = Vec::new();
        sampler.batch(k, 0, &mut batch);
        let tasks: Vec<_> = (batch.iter())
            .map(|&task| {
                let task = if twin == Twin::Replaced(task) {
                    task + cell.m1
                } else {
                    task
                };
                let [support, query] = rows(&plain.0, Table::Validation, task);
                [images(&data, &support, 2), images(&data, &query, 3)]
            })
            .collect();
        let twins = &[twin];
        stepper
            .iterate(&mut state, Round { k, twins })
            .expect("not stopped");
        for (b, [support, _]) in tasks.iter().enumerate() {
            let mut task = x.clone();
            (0..2).for_each(|_| task.step(support, 0.4, head_only));
            let mut slot = state.at.x.clone();
            let adapted = plain.0.network.adapted;
            let len = plain.0.network.slot();
            slot[adapted..].copy_from_slice(&state.at.y[b * len..(b + 1) * len]);
            let ours = &mut Textbook::from_slice(&slot);
            let first = if head_only { 28 } else { 0 };
            let pairs = ours.numbers().into_iter().zip(task.numbers()).skip(first);
            assert!(
                pairs
                    .into_iter()
                    .all(|(ours, theirs)| (*ours - *theirs).abs() < 1e-6)
            );
        }
        let count = x.numbers().len();
        let slopes: Vec<f64> = (0..count)
            .map(|j| {
                let at = |step: f64| {
                    let mut moved = x.clone();
                    *moved.numbers()[j] += step;
                    adapted_loss(&moved, &tasks, head_only)
                };
                (at(1e-5) - at(-1e-5)) / 2e-5
            })
            .collect();
        assert!(slopes.iter().any(|slope| slope.abs() > 1e-3));
        for (number, slope) in x.numbers().into_iter().zip(&slopes) {
            *number -= 0.7 * slope;
        }
        let ours = &mut Textbook::from_slice(&state.at.x);
        for (ours, theirs) in ours.numbers().into_iter().zip(x.numbers()) {
            assert!(
                (*ours - *theirs).abs() < 1e-7,
                "{preset} {k}: {ours} {theirs}"
            );
        }
    }
    let [metrics, textbook] = [0u32, 3].map(|task| {
        let [support, query] = rows(&plain.0, Table::Test, task);
        let task_images = [images(&data, &support, 2), images(&data, &query, 3)];
        let theirs = adapted_loss(&x, &[task_images], head_only);
        (
            plain.0.metrics(&state.at, Table::Test, &[task]).loss,
            theirs,
        )
    });
    for (ours, theirs) in [metrics, textbook] {
        assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
    }
}

#[test]
fn maml_is_the_textbooks() {
    check_trace("maml", false, Twin::Base);
    check_trace("maml", false, Twin::Replaced(2));
}

#[test]
fn anil_is_the_textbooks() {
    check_trace("anil", true, Twin::Base);
    check_trace("anil", true, Twin::Replaced(2));
}

/// The direction against central differences of the judged loss, on networks with more layers.
#[test]
fn directions_are_slopes_of_the_judged_loss() {
    for preset in ["maml", "anil"] {
        for (hidden, activation) in [(vec![], Activation::Tanh), (vec![17, 5], Activation::Elu)] {
            let (facts, data) = (facts(preset), data(12, 20));
            let spec = FewShotSpec {
                hidden,
                activation,
                ..spec()
            };
            let plain = Plain(problem(&spec, &facts, &data));
            let mut scratch = plain.scratch(shape(&facts.cells[0]));
            let (mut at, batch) = (Problem::start(&plain), [4, 8]);
            Problem::begin(&plain, &mut at);
            (0..2).for_each(|t| plain.inner_step(&mut scratch, &mut at, &batch, 0.4, t));
            let mut direction = vec![0.0; at.x.len()];
            let rows = OuterBatch {
                rows: &batch,
                replaced: &[],
            };
            plain.direction(&mut scratch, &at, rows, 2, &mut direction);
            let along: Vec<f64> = (at.x.iter().enumerate())
                .map(|(j, x)| if *x == 0.0 { 0.0 } else { (j % 7) as f64 - 3.0 })
                .collect();
            let judged = |step: f64| {
                let mut moved = at.clone();
                moved
                    .x
                    .iter_mut()
                    .zip(&along)
                    .for_each(|(x, a)| *x += step * a);
                plain.0.metrics(&moved, Table::Validation, &batch).loss
            };
            let difference = (judged(1e-5) - judged(-1e-5)) / 2e-5;
            let slope: f64 = direction.iter().zip(&along).map(|(d, a)| d * a).sum();
            assert!(
                (slope - difference).abs() < 1e-6 * difference.abs().max(1.0),
                "{slope} {difference}"
            );
        }
    }
}
