//! Linear softmax classifiers, sixteen replicas a group: the network without hidden layers, one replica a SIMD lane.
//!
//! The replicas read the same training samples at the same time, so a pixel's weights of all of them are one row of the
//! first (and only) layer, and that layer's kernels are the network's own. What differs from replica to replica are the
//! sample weights and, where a validation sample is replaced, a row of the outer batch.

mod outer;

use super::{
    Reweighting, Scratch,
    adjoint::{self, Adjoint, Extent, Sources},
    network::Network,
    pass,
};
use crate::{
    kernel::{Aligned, Columns, LANES, Real, Rows, Simd, ops},
    problem::{Dims, Footprint, Iterate, Metrics, OuterBatch, Problem, Shape, Table},
};
use outer::Outer;

/// The problem of [`Reweighting`] without hidden layers, in groups of sixteen replicas.
#[derive(Debug)]
pub struct LinearReplicas<R>(Reweighting<R>);

/// An inner step as it was taken; values are `[sample][class][16]`.
#[derive(Debug)]
struct Step<R> {
    rows: Vec<u32>,
    /// `sigmoid(x_b)`, `[sample][16]`.
    weights: Aligned<R>,
    eta: R,
    p: Aligned<R>,
    residual: Aligned<R>,
}

impl<R> AsRef<[u32]> for Step<R> {
    fn as_ref(&self) -> &[u32] {
        &self.rows
    }
}

/// Scratch space: the tape, and room for the passes.
#[derive(Debug)]
pub struct LinearScratch<R> {
    tape: Vec<Step<R>>,
    outer: Outer<R>,
    adjoint: Adjoint<R>,
    columns: Columns<R>,
    /// A batch's values, `[sample][class][16]`.
    values: Aligned<R>,
    /// `[sample][16]`.
    factors: Aligned<R>,
    along: Aligned<R>,
    /// `[outer sample][inner sample][16]`: inner products of samples, plus 1.
    inputs: Aligned<R>,
    /// For evaluations, replica by replica.
    single: Scratch<R>,
}

impl<R: Real> LinearReplicas<R> {
    /// Of a problem without hidden layers.
    pub fn new(problem: Reweighting<R>) -> Self {
        assert!(problem.network.hidden().is_empty(), "a linear problem");
        Self(problem)
    }

    fn simd(&self) -> Simd {
        self.0.simd
    }

    fn inputs(&self) -> usize {
        self.0.network.head().inputs
    }

    fn classes(&self) -> usize {
        self.0.network.head().outputs
    }

    /// Values of a row.
    fn width(&self) -> usize {
        self.classes() * LANES
    }

    /// Where a replica's parameters stand in its state, and in a group: one for each input and class, then the biases.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let (classes, padded) = (self.classes(), self.0.network.head().width);
        // The bias follows the weights as one more row, in either layout.
        (0..=self.inputs()).flat_map(move |row| {
            (0..classes).map(move |class| (row * padded + class, (row * classes + class) * LANES))
        })
    }

    /// Logits of `rows`, into `z`.
    fn logits(&self, y: &[R], data: &Rows<R>, rows: &[u32], columns: &mut Columns<R>, z: &mut [R]) {
        let (w, bias) = y.split_at(self.inputs() * self.width());
        pass::fill_rows(z, bias);
        pass::first_forward(self.simd(), data, rows, w, self.width(), columns, z);
    }

    fn sources(&self) -> Sources<'_, R> {
        Sources {
            outer: &self.0.validation.rows,
            inner: &self.0.training.rows,
        }
    }

    /// The outer batch's residuals, each in the lanes that have it and zero in the others.
    fn outer_residual(&self, scratch: &mut LinearScratch<R>, y: &[R], batch: OuterBatch<'_>) {
        let LinearScratch { outer, columns, .. } = scratch;
        outer.gather(batch);
        let samples = &self.0.validation;
        let residual = &mut outer.residual[..outer.rows.len() * self.width()];
        self.logits(y, &samples.rows, &outer.rows, columns, residual);
        ops::softmax_lanes(self.simd(), residual, self.classes());
        let rows = residual.chunks_exact_mut(self.width());
        for ((residual, &row), &lanes) in rows.zip(&outer.rows).zip(&outer.lanes) {
            let label = samples.labels[row as usize] as usize;
            subtract_label(residual, label);
            for lane in (0..LANES).filter(|lane| lanes & (1 << lane) == 0) {
                residual[lane..]
                    .iter_mut()
                    .step_by(LANES)
                    .for_each(|r| *r = R::ZERO);
            }
        }
    }

    /// Through a single step: inner products of per-sample gradients are all that is needed.
    fn one_step(&self, scratch: &mut LinearScratch<R>, batch: OuterBatch<'_>, out: &mut [R]) {
        let LinearScratch {
            tape,
            outer,
            columns,
            values,
            along,
            inputs,
            ..
        } = scratch;
        let (simd, width) = (self.simd(), self.width());
        let count = batch.rows.len();
        for step in &*tape {
            let samples = step.rows.len();
            for (group, rows) in step.rows.chunks(LANES).enumerate() {
                columns.turn(&self.0.training.rows, [rows].into_iter());
                let products = &mut outer.products[..outer.rows.len() * LANES];
                let validation = &self.0.validation.rows;
                ops::gather(simd, validation, &outer.rows, columns, products);
                outer.spread(batch, samples, group * LANES, rows.len(), inputs);
            }
            outer.merge(batch, width, values);
            let along = &mut along[..samples * LANES];
            ops::mean_products_lanes(
                simd,
                &step.residual[..samples * width],
                &values[..count * width],
                self.classes(),
                &inputs[..count * samples * LANES],
                along,
            );
            add_cross(step, along, out);
        }
    }

    /// Through all steps, newest first.
    fn all_steps(
        &self,
        scratch: &mut LinearScratch<R>,
        batch: OuterBatch<'_>,
        steps: usize,
        out: &mut [R],
    ) {
        let LinearScratch {
            tape,
            outer,
            adjoint,
            columns,
            values,
            factors,
            along,
            ..
        } = scratch;
        let (simd, width, classes) = (self.simd(), self.width(), self.classes());
        let tape = &tape[..steps];
        let share = R::ONE / R::from_f64(batch.rows.len() as f64);
        let terms = adjoint.begin(&outer.rows, batch.rows.len());
        let shares = &mut factors[..outer.rows.len() * LANES];
        shares.fill(share);
        ops::scale_lanes(simd, &outer.residual[..terms.len()], shares, terms);
        for pack in adjoint::packs(tape) {
            adjoint.open(simd, self.sources(), &pack, tape, columns);
            let mut lane = 0;
            for t in pack.steps.rev() {
                let step = &tape[t];
                let samples = step.rows.len();
                let z = &mut values[..samples * width];
                adjoint.products(simd, self.sources(), &step.rows, lane, columns, z);
                let along = &mut along[..samples * LANES];
                ops::dot_lanes(simd, &step.residual[..samples * width], z, classes, along);
                add_cross(step, along, out);
                if t > 0 {
                    ops::softmax_along_lanes(simd, &step.p[..samples * width], classes, z);
                    let factors = &mut factors[..samples * LANES];
                    step.factors(factors);
                    if let Some(decay) = super::decay(self.0.l2, step.eta) {
                        adjoint.scale(simd, decay);
                    }
                    let terms = adjoint.append(&step.rows);
                    ops::scale_lanes(simd, z, factors, terms);
                }
                lane += samples;
            }
        }
    }
}

fn extent(network: &Network, shape: Shape) -> Extent {
    Extent {
        inputs: network.head().inputs,
        width: network.head().outputs * LANES,
        upper: 0,
        outer: shape.batch_x,
        // Each sample may be replaced in one replica.
        spare: shape.batch_x,
        inner: shape.batch_y,
        steps: shape.tape,
    }
}

/// Without a tape, a single step's room is used over and over.
fn tape_steps(shape: Shape) -> usize {
    shape.tape.max(1)
}

/// Pairs of an outer and an inner sample whose products are taken: only through a single step.
fn pairs(shape: Shape) -> usize {
    match tape_steps(shape) {
        1 => shape.batch_x * shape.batch_y,
        _ => 0,
    }
}

pub(super) fn scratch_bytes<R: Real>(network: &Network, shape: Shape) -> u64 {
    let width = network.head().outputs * LANES;
    let batch = shape.batch_x.max(shape.batch_y);
    let words = tape_steps(shape) * shape.batch_y * (LANES + 1 + 2 * width)
        + Outer::<R>::words(shape.batch_x, width)
        + Adjoint::<R>::words(extent(network, shape))
        + Columns::<R>::words(network.head().inputs)
        + batch * (width + 2 * LANES)
        + (shape.batch_y + pairs(shape)) * LANES;
    (words * size_of::<R>()) as u64 + Scratch::<R>::bytes(network, single())
}

/// What [`LinearReplicas`] will need.
pub(super) fn footprint<R: Real>(
    network: &Network,
    state: u64,
    m2: usize,
    shape: Shape,
) -> Footprint {
    let head = network.head();
    let parameters = m2 + (head.inputs + 1) * head.outputs;
    Footprint {
        state,
        replicas: LANES,
        group: (parameters * LANES * size_of::<R>()) as u64,
        scratch: scratch_bytes::<R>(network, shape),
    }
}

fn subtract_label<R: Real>(residual: &mut [R], label: usize) {
    for value in &mut residual[label * LANES..(label + 1) * LANES] {
        *value = *value - R::ONE;
    }
}

impl<R: Real> Step<R> {
    /// `-eta sigmoid(x_b) / B`: what the derivative of sample b's loss is multiplied by, in each lane.
    fn factors(&self, factors: &mut [R]) {
        let step = -(self.eta / R::from_f64(self.rows.len() as f64));
        for (factor, &weight) in factors.iter_mut().zip(&*self.weights) {
            *factor = step * weight;
        }
    }
}

/// `out -= eta d_x d_y g lambda`, given every sample's `<grad loss_b, lambda>` in each lane.
fn add_cross<R: Real>(step: &Step<R>, along: &[R], out: &mut [R]) {
    let share = -(step.eta / R::from_f64(step.rows.len() as f64));
    let values = step
        .weights
        .chunks_exact(LANES)
        .zip(along.chunks_exact(LANES));
    for (&row, (weights, along)) in step.rows.iter().zip(values) {
        let out = &mut out[row as usize * LANES..][..LANES];
        for ((out, &weight), &along) in out.iter_mut().zip(weights).zip(along) {
            let slope = weight * (R::ONE - weight);
            *out += share * slope * along;
        }
    }
}

impl<R: Real> Problem for LinearReplicas<R> {
    type Real = R;
    type Scratch = LinearScratch<R>;
    const REPLICAS: usize = LANES;

    fn dims(&self) -> Dims {
        Problem::dims(&self.0)
    }

    fn start(&self) -> Iterate<R> {
        Problem::start(&self.0)
    }

    fn group_dims(&self) -> Dims {
        Dims {
            x: Problem::dims(&self.0).x * LANES,
            y: (self.inputs() + 1) * self.width(),
        }
    }

    fn put(&self, state: &Iterate<R>, lane: usize, group: &mut Iterate<R>) {
        for (to, x) in group.x[lane..].iter_mut().step_by(LANES).zip(&state.x) {
            *to = *x;
        }
        for (own, shared) in self.places() {
            group.y[shared + lane] = state.y[own];
        }
    }

    fn get(&self, group: &Iterate<R>, lane: usize, state: &mut Iterate<R>) {
        for (x, from) in state
            .x
            .iter_mut()
            .zip(group.x[lane..].iter().step_by(LANES))
        {
            *x = *from;
        }
        for (own, shared) in self.places() {
            state.y[own] = group.y[shared + lane];
        }
    }

    fn scratch(&self, shape: Shape) -> LinearScratch<R> {
        let width = self.width();
        let step = |_| Step {
            rows: Vec::with_capacity(shape.batch_y),
            weights: Aligned::zeros(shape.batch_y * LANES),
            eta: R::ZERO,
            p: Aligned::zeros(shape.batch_y * width),
            residual: Aligned::zeros(shape.batch_y * width),
        };
        let batch = shape.batch_x.max(shape.batch_y);
        LinearScratch {
            tape: (0..tape_steps(shape)).map(step).collect(),
            outer: Outer::new(shape.batch_x, width),
            adjoint: Adjoint::new(extent(&self.0.network, shape)),
            columns: Columns::new(self.inputs()),
            values: Aligned::zeros(batch * width),
            factors: Aligned::zeros(2 * batch * LANES),
            along: Aligned::zeros(shape.batch_y * LANES),
            inputs: Aligned::zeros(pairs(shape) * LANES),
            single: self.0.scratch(single()),
        }
    }

    fn scratch_bytes(&self, shape: Shape) -> u64 {
        scratch_bytes::<R>(&self.0.network, shape)
    }

    fn inner_step(
        &self,
        scratch: &mut LinearScratch<R>,
        group: &mut Iterate<R>,
        batch: &[u32],
        eta: f64,
        slot: usize,
    ) {
        let LinearScratch {
            tape,
            columns,
            values,
            factors,
            ..
        } = scratch;
        let (simd, width) = (self.simd(), self.width());
        let slot = slot.min(tape.len() - 1);
        let step = &mut tape[slot];
        step.rows.clear();
        step.rows.extend_from_slice(batch);
        step.eta = R::from_f64(eta);
        let weights = step.weights.chunks_exact_mut(LANES);
        for (weights, &row) in weights.zip(batch) {
            weights.copy_from_slice(&group.x[row as usize * LANES..][..LANES]);
        }
        ops::sigmoids(simd, &mut step.weights[..batch.len() * LANES]);
        let training = &self.0.training;
        let rows = batch.len() * width;
        let p = &mut step.p[..rows];
        self.logits(&group.y, &training.rows, batch, columns, p);
        ops::softmax_lanes(simd, p, self.classes());
        step.residual[..rows].copy_from_slice(p);
        for (residual, &row) in step.residual.chunks_exact_mut(width).zip(batch) {
            subtract_label(residual, training.labels[row as usize] as usize);
        }
        let factors = &mut factors[..batch.len() * LANES];
        step.factors(factors);
        let scaled = &mut values[..rows];
        ops::scale_lanes(simd, &step.residual[..rows], factors, scaled);
        if let Some(decay) = super::decay(self.0.l2, step.eta) {
            ops::scale(simd, decay, &mut group.y);
        }
        let (w, bias) = group.y.split_at_mut(self.inputs() * width);
        pass::first_update(simd, &training.rows, batch, columns, scaled, w, bias);
    }

    fn direction(
        &self,
        scratch: &mut LinearScratch<R>,
        group: &Iterate<R>,
        batch: OuterBatch<'_>,
        steps: usize,
        out: &mut [R],
    ) {
        out.fill(R::ZERO);
        // Without a tape there is nothing: f depends on x through y alone.
        if steps == 0 {
            return;
        }
        self.outer_residual(scratch, &group.y, batch);
        if scratch.tape.len() == 1 {
            self.one_step(scratch, batch, out);
        } else {
            self.all_steps(scratch, batch, steps, out);
        }
    }

    fn evaluate(
        &self,
        scratch: &mut LinearScratch<R>,
        at: &Iterate<R>,
        table: Table,
        rows: &[u32],
    ) -> Metrics {
        self.0.evaluate(&mut scratch.single, at, table, rows)
    }
}

/// What evaluations need.
fn single() -> Shape {
    Shape {
        batch_x: 1,
        batch_y: 1,
        tape: 0,
        products: 0,
        gradients: false,
    }
}
