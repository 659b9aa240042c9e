//! Data reweighting (SBO section 5, after Bao et al. 2021): `x` is one logit a training sample,
//! `g = (1/B) sum_b sigmoid(x_b) CE(y; zeta_b)`, `f = (1/B) sum_b CE(y; xi_b)`, `y` a fully connected classifier.
//!
//! The fused operations work on sparse or dense samples and a tape of activations; with a single inner step the
//! hypergradient needs only inner products of per-sample gradients, by Gram matrices, with several the R-operator.

mod adjoint;
mod curvature;
mod gram;
mod line;
mod linear;
mod network;
mod oracle;
mod pass;
#[cfg(test)]
mod reference;
mod smooth;
#[cfg(test)]
mod tests;
mod unrolled;

use bistable_common::spec::ReweightingSpec;

use super::{Dims, Footprint, Iterate, Metrics, OuterBatch, Problem, Shape, Table, dealt::Dealt};
use crate::{
    data::Dataset,
    kernel::{Aligned, LANES, Layout, Real, Rows, Simd, ops, padded},
    setting::Setting,
};
use adjoint::{Adjoint, Extent};
use gram::{Products, Side};
use line::Line;
pub use linear::LinearReplicas;
use network::Network;
use pass::{Batch, Pass, Room};
use smooth::Linearized;
use unrolled::Unrolled;

/// Samples that are evaluated side by side.
const EVALUATION_BATCH: usize = LANES;

/// Samples and what they are called.
#[derive(Debug)]
struct Labelled<R> {
    rows: Rows<R>,
    labels: Vec<u32>,
}

impl<R: Real> Labelled<R> {
    /// In the layout that suits them, or in a given one.
    fn new(data: &Dataset, samples: &[u32], labels: Vec<u32>, layout: Option<Layout>) -> Self {
        let columns = data.features() as usize;
        let samples = samples.iter().map(|&sample| data.sparse(sample));
        let rows = match layout {
            None => Rows::new(columns, samples),
            Some(layout) => Rows::with_layout(columns, samples, layout),
        };
        Self { rows, labels }
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
    simd: Simd,
    network: Network,
    /// Samples of S.
    m2: usize,
    /// Weight of `|y|^2` in g.
    l2: f64,
    initial: Vec<R>,
    training: Labelled<R>,
    validation: Labelled<R>,
    test: Labelled<R>,
}

impl<R: Real> Reweighting<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(setting: Setting<'_>, spec: &ReweightingSpec, data: &Dataset) -> Option<Self> {
        Self::with_layout(setting, spec, data, None)
    }

    fn with_layout(
        setting: Setting<'_>,
        spec: &ReweightingSpec,
        data: &Dataset,
        layout: Option<Layout>,
    ) -> Option<Self> {
        let make = |samples: &[u32], labels| Labelled::new(data, samples, labels, layout);
        let dealt = Dealt::new(setting, data, spec.noise, make)?;
        let features = data.features() as usize;
        let network = Network::new(
            features,
            &spec.hidden,
            data.classes() as usize,
            spec.activation,
        );
        Some(Self {
            simd: setting.simd,
            m2: setting.cell().m2 as usize,
            l2: spec.l2,
            initial: network.start(setting),
            training: dealt.training,
            validation: dealt.validation,
            test: dealt.test,
            network,
        })
    }

    /// What the problem will need on data of so many features and classes, with `m2` training samples.
    pub fn footprint(
        spec: &ReweightingSpec,
        (features, classes): (usize, usize),
        m2: usize,
        shape: Shape,
    ) -> Footprint {
        let network = Network::new(features, &spec.hidden, classes, spec.activation);
        let bytes = |words: usize| (words * size_of::<R>()) as u64;
        let state = bytes(m2 + network.len());
        if runs_in_groups::<R>(&network, shape) {
            return linear::footprint::<R>(&network, state, m2, shape);
        }
        Footprint {
            state,
            replicas: 1,
            group: state,
            scratch: Scratch::<R>::bytes(&network, shape),
        }
    }

    /// Whether replicas are best stepped in groups: where the network is linear and their tape is not too large.
    pub fn runs_in_groups(&self, shape: Shape) -> bool {
        runs_in_groups::<R>(&self.network, shape)
    }

    /// Which component of x weighs a training sample; a copy has its original's.
    fn place(&self, row: u32) -> usize {
        row as usize % self.m2
    }

    fn table(&self, table: Table) -> &Labelled<R> {
        match table {
            Table::Validation => &self.validation,
            Table::Test => &self.test,
        }
    }
}

/// Bytes of scratch space beyond which a group of replicas is not worth its memory.
const GROUP_BYTES: u64 = 1 << 30;

fn runs_in_groups<R: Real>(network: &Network, shape: Shape) -> bool {
    let linear = network.hidden().is_empty() && !shape.gradients;
    linear && linear::scratch_bytes::<R>(network, shape) <= GROUP_BYTES
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

impl<R> AsRef<[u32]> for Step<R> {
    fn as_ref(&self) -> &[u32] {
        &self.rows
    }
}

/// `-eta sigmoid(x_b) / B`: what the derivative of sample b's loss is multiplied by.
fn step_factors<R: Real>(weights: &[R], eta: R, factors: &mut [R]) {
    let step = -(eta / R::from_f64(weights.len() as f64));
    for (factor, &weight) in factors.iter_mut().zip(weights) {
        *factor = step * weight;
    }
}

/// What a gradient step of size `eta` multiplies y by, because of `l2 |y|^2` in g; `None` if that is 1.
fn decay<R: Real>(l2: f64, eta: R) -> Option<R> {
    (l2 != 0.0).then(|| R::from_f64(1.0 - 2.0 * l2 * eta.to_f64()))
}

/// Scratch space: the tape, and room for the passes.
#[derive(Debug)]
pub struct Scratch<R> {
    tape: Vec<Step<R>>,
    outer: Pass<R>,
    tangent: Pass<R>,
    evaluation: Pass<R>,
    adjoint: Adjoint<R>,
    products: Products<R>,
    room: Room<R>,
    factors: Vec<R>,
    along: Vec<R>,
    linear: Linearized<R>,
    line: Line<R>,
}

impl<R: Real> Scratch<R> {
    fn new(network: &Network, shape: Shape) -> Self {
        let needs = Needs::new(network, shape);
        let step = |_| Step {
            rows: Vec::with_capacity(shape.batch_y),
            weights: Vec::with_capacity(padded(shape.batch_y)),
            eta: R::ZERO,
            pass: Pass::new(network, shape.batch_y),
            upper: vec![R::ZERO; needs.upper],
        };
        Self {
            tape: (0..needs.tape_steps).map(step).collect(),
            outer: Pass::new(network, needs.outer),
            tangent: Pass::new(network, needs.tangent),
            evaluation: Pass::new(network, EVALUATION_BATCH),
            adjoint: Adjoint::new(needs.adjoint),
            products: Products::new(needs.products, shape.batch_y),
            room: Room::new(network, needs.batch),
            factors: vec![R::ZERO; needs.batch],
            along: vec![R::ZERO; needs.batch],
            linear: Linearized::new(network, needs.gradient, needs.curved),
            line: Line::new(network, needs.gradient),
        }
    }

    fn bytes(network: &Network, shape: Shape) -> u64 {
        let needs = Needs::new(network, shape);
        let pass = |batch: usize| Pass::<R>::words(network, batch);
        let step = pass(shape.batch_y) + needs.upper + 2 * padded(shape.batch_y);
        let words = needs.tape_steps * step
            + pass(needs.outer)
            + pass(needs.tangent)
            + pass(EVALUATION_BATCH)
            + Adjoint::<R>::words(needs.adjoint)
            + Products::<R>::words(needs.products, shape.batch_y)
            + Room::<R>::words(network, needs.batch)
            + 2 * needs.batch
            + Linearized::<R>::words(network, needs.gradient, needs.curved)
            + Line::<R>::words(network, needs.gradient);
        (words * size_of::<R>()) as u64
    }
}

/// Which parts of the scratch space a solver will use.
struct Needs {
    /// A tape is kept only if it will be read; without one, a single step's room is used over and over.
    tape_steps: usize,
    /// Words of upper weights that a step keeps.
    upper: usize,
    /// Samples of the outer, the tangent and any batch.
    outer: usize,
    tangent: usize,
    batch: usize,
    adjoint: Extent,
    /// Outer samples whose inner products are taken.
    products: usize,
    /// Samples of a gradient of g by itself, and of a product with its second derivatives.
    gradient: usize,
    curved: usize,
}

impl Needs {
    fn new(network: &Network, shape: Shape) -> Self {
        let unrolled = shape.tape > 0;
        let second_pass = shape.tape > 1;
        let when = |needed: bool, n: usize| if needed { n } else { 0 };
        Self {
            tape_steps: shape.tape.max(1),
            upper: when(second_pass, network.upper().len()),
            outer: when(unrolled || shape.gradients, shape.batch_x),
            tangent: when(second_pass, shape.batch_y).max(shape.products),
            batch: shape.batch_x.max(shape.batch_y).max(shape.products),
            gradient: when(shape.gradients, shape.batch_y),
            curved: shape.products,
            adjoint: Extent {
                inputs: network.layers[0].fan_in,
                width: network.layers[0].width,
                upper: network.upper().len(),
                outer: shape.batch_x,
                spare: 0,
                inner: shape.batch_y,
                steps: when(second_pass, shape.tape),
            },
            products: when(unrolled && !second_pass, shape.batch_x),
        }
    }
}

impl<R: Real> Problem for Reweighting<R> {
    type Real = R;
    type Scratch = Scratch<R>;
    const REPLICAS: usize = 1;

    fn dims(&self) -> Dims {
        Dims {
            x: self.m2,
            y: self.network.len(),
            z: 0,
        }
    }

    fn start(&self) -> Iterate<R> {
        Iterate {
            x: vec![R::ZERO; self.m2],
            y: Aligned::from_slice(&self.initial),
            z: Vec::new(),
        }
    }

    fn scratch(&self, shape: Shape) -> Scratch<R> {
        Scratch::new(&self.network, shape)
    }

    fn scratch_bytes(&self, shape: Shape) -> u64 {
        Scratch::<R>::bytes(&self.network, shape)
    }

    fn inner_step(
        &self,
        scratch: &mut Scratch<R>,
        at: &mut Iterate<R>,
        batch: &[u32],
        eta: f64,
        slot: usize,
    ) {
        let slot = slot.min(scratch.tape.len() - 1);
        let step = &mut scratch.tape[slot];
        step.rows.clear();
        step.rows.extend_from_slice(batch);
        step.eta = R::from_f64(eta);
        step.weights.clear();
        let logits = batch.iter().map(|&row| at.x[self.place(row)]);
        step.weights.extend(logits);
        step.weights.resize(padded(batch.len()), R::ZERO);
        ops::sigmoids(self.simd, &mut step.weights);
        step.weights.truncate(batch.len());
        if !step.upper.is_empty() {
            step.upper.copy_from_slice(&at.y[self.network.upper()]);
        }
        let (simd, network, room) = (self.simd, &self.network, &mut scratch.room);
        let samples = self.training.batch(batch);
        pass::forward_backward(simd, network, &at.y, samples, room, &mut step.pass);
        let factors = &mut scratch.factors[..batch.len()];
        step_factors(&step.weights, step.eta, factors);
        if let Some(decay) = decay(self.l2, step.eta) {
            ops::scale(simd, decay, &mut at.y);
        }
        pass::add_gradient(simd, network, samples, &step.pass, factors, room, &mut at.y);
    }

    fn direction(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        batch: OuterBatch<'_>,
        steps: usize,
        out: &mut [R],
    ) {
        out.fill(R::ZERO);
        // Without a tape there is nothing: f depends on x through y alone.
        if steps > 0 {
            self.unroll(scratch, at, batch.rows, steps, out);
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
        let head = self.network.head();
        let mut sums = [0.0; 2];
        for rows in rows.chunks(EVALUATION_BATCH) {
            let batch = samples.batch(rows);
            let (columns, pass) = (&mut scratch.room.columns, &mut scratch.evaluation);
            pass::logits(self.simd, &self.network, &at.y, batch, columns, pass);
            let losses = batch.losses(self.simd, head, &pass.p);
            let logits = pass.p.chunks_exact(head.width);
            for ((logits, &row), loss) in logits.zip(rows).zip(losses) {
                let label = samples.labels[row as usize];
                let error = ops::misses(&logits[..head.outputs], label);
                sums = [sums[0] + loss, sums[1] + f64::from(u8::from(error))];
            }
        }
        Metrics::mean(sums, rows.len())
    }

    fn inner_value(&self, scratch: &mut Scratch<R>, at: &Iterate<R>, batch: &[u32]) -> f64 {
        self.weighted_loss(scratch, at, batch, None)
    }

    fn inner_value_within(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        batch: &[u32],
        most: f64,
    ) -> f64 {
        self.weighted_loss(scratch, at, batch, Some(most))
    }

    fn aim_line(&self, scratch: &mut Scratch<R>, at: &Iterate<R>, d: &[R]) -> bool {
        self.draw_line(scratch, at, d)
    }

    fn value_on_line(&self, scratch: &mut Scratch<R>, eta: f64, most: f64) -> f64 {
        self.loss_on_line(scratch, eta, most)
    }
}

impl<R: Real> Reweighting<R> {
    /// The hypergradient through the tape, added to `out`.
    fn unroll(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        batch: &[u32],
        steps: usize,
        out: &mut [R],
    ) {
        let Scratch {
            tape,
            outer,
            tangent,
            adjoint,
            products,
            room,
            factors,
            along,
            ..
        } = scratch;
        let (simd, network) = (self.simd, &self.network);
        let batch = self.validation.batch(batch);
        pass::forward_backward(simd, network, &at.y, batch, room, outer);
        let unrolled = Unrolled {
            simd,
            network,
            training: &self.training,
            validation: &self.validation,
            m2: self.m2,
            l2: self.l2,
            tape: &tape[..steps],
        };
        if tape.len() == 1 {
            let outer = Side { batch, pass: outer };
            return unrolled.one_step(outer, products, room, along, out);
        }
        let samples = batch.rows.len();
        let share = R::ONE / R::from_f64(samples as f64);
        factors[..samples].fill(share);
        let factors = &mut factors[..];
        let terms = adjoint.begin(batch.rows, samples);
        let (delta, width) = (&outer.delta(0)[..terms.len()], network.layers[0].width);
        ops::scale_rows(simd, delta, &factors[..samples], width, terms);
        let (scaled, upper) = (&mut room.scaled, &mut adjoint.upper);
        pass::add_upper_gradient(simd, network, outer, &factors[..samples], scaled, upper);
        unrolled.all_steps(adjoint, tangent, room, along, factors, out);
    }
}
