//! Data reweighting (SBO section 5, after Bao et al. 2021): `x` is one logit a training sample,
//! `g = (1/B) sum_b sigmoid(x_b) CE(y; zeta_b)`, `f = (1/B) sum_b CE(y; xi_b)`, `y` a fully connected classifier.
//!
//! The fused operations work on sparse samples, a tape of activations and the R-operator; with a single inner step the
//! hypergradient needs only inner products of per-sample gradients, by Gram matrices.

mod curvature;
mod fused;
mod gram;
mod network;
mod oracle;
mod pass;
#[cfg(test)]
mod tests;

use bistable_common::{
    ids::Replicate,
    spec::{Direction, ReweightingSpec},
    sweep::{Cell, Facts},
};

use super::{Dims, Iterate, Metrics, Problem, Shape, Table};
use crate::{
    data::{Dataset, deal},
    kernel::{Aligned, Real, SparseRows, dispatch, elementary},
};
use fused::{InnerStep, Logits, Unrolled};
use gram::Side;
use network::Network;
use pass::{Batch, Pass};

/// Samples that are evaluated side by side.
const EVALUATION_BATCH: usize = 16;

/// Samples and what they are called.
#[derive(Debug)]
struct Labelled<R> {
    rows: SparseRows<R>,
    labels: Vec<u8>,
}

impl<R: Real> Labelled<R> {
    fn new(data: &Dataset, samples: &[u32], labels: Vec<u8>) -> Self {
        let mut rows = SparseRows::new(data.features() as usize);
        samples
            .iter()
            .for_each(|&sample| rows.push_bytes(data.image(sample)));
        Self { rows, labels }
    }

    fn clean(data: &Dataset, samples: &[u32]) -> Self {
        let labels = samples.iter().map(|&sample| data.label(sample)).collect();
        Self::new(data, samples, labels)
    }

    fn batch<'a>(&'a self, rows: &'a [u32]) -> Batch<'a, R> {
        Batch {
            data: &self.rows,
            labels: &self.labels,
            rows,
        }
    }
}

/// The problem in one replicate.
#[derive(Debug)]
pub struct Reweighting<R> {
    network: Network,
    initial: Vec<R>,
    training: Labelled<R>,
    validation: Labelled<R>,
    test: Labelled<R>,
}

impl<R: Real> Reweighting<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(
        spec: &ReweightingSpec,
        facts: &Facts,
        cell: &Cell,
        replicate: Replicate,
        data: &Dataset,
    ) -> Option<Self> {
        let deal = deal(facts, cell, replicate, data)?;
        let features = data.features() as usize;
        let network = Network::new(
            features,
            &spec.hidden,
            data.classes() as usize,
            spec.activation,
        );
        Some(Self {
            initial: network.start(facts.seed, replicate),
            training: Labelled::new(data, &deal.training, deal.training_labels),
            validation: Labelled::clean(data, &[deal.validation, deal.replacement].concat()),
            test: Labelled::clean(data, &deal.test),
            network,
        })
    }

    fn table(&self, table: Table) -> &Labelled<R> {
        match table {
            Table::Validation => &self.validation,
            Table::Test => &self.test,
        }
    }

    /// Cross-entropy and 0-1 error of one row of logits, in f64.
    fn judge(&self, logits: &[R], label: u8) -> [f64; 2] {
        let logits = &logits[..self.network.head().outputs];
        let largest = logits[1..]
            .iter()
            .fold(logits[0], |m, &z| if z > m { z } else { m });
        let shifted = |z: R| z.to_f64() - largest.to_f64();
        let sum: f64 = logits.iter().map(|&z| elementary::exp(shifted(z))).sum();
        let own = logits[usize::from(label)];
        let first_largest = logits.iter().position(|&z| z == largest);
        let wrong = first_largest != Some(usize::from(label));
        [
            elementary::ln(sum) - shifted(own),
            f64::from(u8::from(wrong)),
        ]
    }
}

/// An inner step as it was taken.
#[derive(Debug)]
struct Step<R> {
    rows: Vec<u32>,
    /// `sigmoid(x_b)`.
    weights: Vec<R>,
    eta: R,
    pass: Pass<R>,
    /// The weights above the first layer, before the step.
    upper: Vec<R>,
}

/// Scratch space: the tape, and room for the passes.
#[derive(Debug)]
pub struct Scratch<R> {
    tape: Vec<Step<R>>,
    outer: Pass<R>,
    tangent: Pass<R>,
    evaluation: Pass<R>,
    /// The adjoint of y; empty if a single step is differentiated through, which needs none.
    lambda: Aligned<R>,
    scaled: Vec<R>,
    factors: Vec<R>,
    products: Vec<R>,
    /// 16 values a feature, always zero between uses.
    table: Vec<R>,
}

impl<R: Real> Scratch<R> {
    fn new(network: &Network, shape: Shape) -> Self {
        let zeros = |len: usize| vec![R::ZERO; len];
        let second_pass = needs_second_pass(shape);
        let step = |_| Step {
            rows: Vec::with_capacity(shape.batch_y),
            weights: Vec::with_capacity(shape.batch_y),
            eta: R::ZERO,
            pass: Pass::new(network, shape.batch_y),
            upper: zeros(if second_pass {
                network.upper().len()
            } else {
                0
            }),
        };
        let batch = shape.batch_x.max(shape.batch_y);
        Self {
            tape: (0..tape_steps(shape)).map(step).collect(),
            outer: Pass::new(network, shape.batch_x),
            tangent: Pass::new(network, if second_pass { shape.batch_y } else { 0 }),
            evaluation: Pass::new(network, EVALUATION_BATCH),
            lambda: Aligned::zeros(if second_pass { network.len() } else { 0 }),
            scaled: zeros(batch * widest(network)),
            factors: zeros(batch),
            products: zeros(batch),
            table: zeros(network.layers[0].fan_in * crate::kernel::LANES),
        }
    }
}

/// A tape is kept only if it will be read; without one, a single step's room is used over and over.
fn tape_steps(shape: Shape) -> usize {
    match shape.direction {
        Direction::Unrolled => shape.inner_steps,
        Direction::Partial => 1,
    }
}

fn needs_second_pass(shape: Shape) -> bool {
    shape.direction == Direction::Unrolled && shape.inner_steps > 1
}

fn widest(network: &Network) -> usize {
    network
        .layers
        .iter()
        .map(|layer| layer.width)
        .max()
        .unwrap_or(0)
}

impl<R: Real> Problem for Reweighting<R> {
    type Real = R;
    type Scratch = Scratch<R>;

    fn dims(&self) -> Dims {
        Dims {
            x: self.training.rows.rows(),
            y: self.network.len(),
        }
    }

    fn start(&self) -> Iterate<R> {
        Iterate {
            x: vec![R::ZERO; self.training.rows.rows()],
            y: Aligned::from_slice(&self.initial),
        }
    }

    fn scratch(&self, shape: Shape) -> Scratch<R> {
        Scratch::new(&self.network, shape)
    }

    fn scratch_bytes(&self, shape: Shape) -> u64 {
        let network = &self.network;
        let pass = |batch: usize| Pass::<R>::words(network, batch);
        let second = usize::from(needs_second_pass(shape));
        let step = pass(shape.batch_y) + second * network.upper().len() + 2 * shape.batch_y;
        let words = tape_steps(shape) * step
            + pass(shape.batch_x)
            + pass(EVALUATION_BATCH)
            + second * (pass(shape.batch_y) + network.len())
            + shape.batch_x.max(shape.batch_y) * (widest(network) + 2)
            + network.layers[0].fan_in * crate::kernel::LANES;
        (words * size_of::<R>()) as u64
    }

    fn inner_step(
        &self,
        scratch: &mut Scratch<R>,
        at: &mut Iterate<R>,
        batch: &[u32],
        eta: f64,
        t: usize,
    ) {
        let slot = t.min(scratch.tape.len() - 1);
        let step = &mut scratch.tape[slot];
        step.rows.clear();
        step.rows.extend_from_slice(batch);
        step.eta = R::from_f64(eta);
        step.weights.clear();
        step.weights.extend(
            batch
                .iter()
                .map(|&row| elementary::sigmoid(at.x[row as usize])),
        );
        if !step.upper.is_empty() {
            step.upper.copy_from_slice(&at.y[self.network.upper()]);
        }
        dispatch::run(InnerStep {
            network: &self.network,
            batch: self.training.batch(batch),
            weights: &step.weights,
            eta: step.eta,
            pass: &mut step.pass,
            factors: &mut scratch.factors,
            scaled: &mut scratch.scaled,
            y: &mut at.y,
        });
    }

    fn direction(
        &self,
        scratch: &mut Scratch<R>,
        direction: Direction,
        at: &Iterate<R>,
        batch: &[u32],
        out: &mut [R],
    ) {
        out.fill(R::ZERO);
        match direction {
            // f depends on x through y alone.
            Direction::Partial => {}
            Direction::Unrolled => dispatch::run(Unrolled {
                network: &self.network,
                training: &self.training,
                batch: self.validation.batch(batch),
                y: &at.y,
                scratch,
                out,
            }),
        }
    }

    fn evaluate(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        table: Table,
        rows: &[u32],
    ) -> Metrics {
        let samples = self.table(table);
        let width = self.network.head().width;
        let mut sums = [0.0; 2];
        for rows in rows.chunks(EVALUATION_BATCH) {
            dispatch::run(Logits {
                network: &self.network,
                y: &at.y,
                batch: samples.batch(rows),
                pass: &mut scratch.evaluation,
            });
            for (logits, &row) in scratch.evaluation.p.chunks_exact(width).zip(rows) {
                let [loss, error] = self.judge(logits, samples.labels[row as usize]);
                sums = [sums[0] + loss, sums[1] + error];
            }
        }
        let [loss, error] = sums.map(|sum| sum / rows.len() as f64);
        Metrics {
            loss,
            error: Some(error),
        }
    }
}
