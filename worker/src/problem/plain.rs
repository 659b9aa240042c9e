//! The fused operations built from an oracle: right for any problem, and the reference for faster ones.

use super::{
    Dims, Iterate, Metrics, Oracle, OuterBatch, Problem, Shape, Smooth, Table, size::scratch_words,
};
use crate::kernel::{Real, ops};

/// A problem whose fused operations are composed from its oracle.
pub struct Plain<O>(pub O);

/// An inner step as it was taken: where, on which batch, how far.
struct Step<R> {
    y: Vec<R>,
    batch: Vec<u32>,
    eta: R,
}

/// Scratch space: the tape, and room for gradients.
pub struct PlainScratch<R: Real> {
    tape: Vec<Step<R>>,
    before: Iterate<R>,
    lambda: Vec<R>,
    gx: Vec<R>,
    gy: Vec<R>,
    work: Vec<R>,
    /// Where g is linearized.
    there: Iterate<R>,
    batch: Vec<u32>,
}

impl<O: Oracle> Plain<O> {
    fn descend(&self, target: &mut [O::Real], eta: O::Real, gradient: &[O::Real]) {
        ops::add_multiple(self.0.simd(), -eta, gradient, target);
    }
}

impl<O: Oracle> Problem for Plain<O> {
    type Real = O::Real;
    type Scratch = PlainScratch<O::Real>;
    const REPLICAS: usize = 1;

    fn dims(&self) -> Dims {
        self.0.dims()
    }

    fn start(&self) -> Iterate<O::Real> {
        self.0.start()
    }

    fn begin(&self, at: &mut Iterate<O::Real>) {
        self.0.begin(at);
    }

    fn scratch(&self, shape: Shape) -> Self::Scratch {
        let Dims { x, y, z: _ } = self.dims();
        let zero = O::Real::ZERO;
        let step = |_| Step {
            y: vec![zero; y],
            batch: Vec::with_capacity(shape.batch_y),
            eta: zero,
        };
        PlainScratch {
            tape: (0..shape.tape).map(step).collect(),
            before: self.start(),
            lambda: vec![zero; y],
            gx: vec![zero; x],
            gy: vec![zero; y],
            work: vec![zero; self.0.work_words()],
            there: self.start(),
            batch: Vec::with_capacity(shape.products),
        }
    }

    fn scratch_bytes(&self, shape: Shape) -> u64 {
        let words = scratch_words(self.dims(), self.0.work_words(), shape);
        (words * size_of::<O::Real>()) as u64
    }

    fn inner_step(
        &self,
        scratch: &mut Self::Scratch,
        at: &mut Iterate<O::Real>,
        batch: &[u32],
        eta: f64,
        slot: usize,
    ) {
        let eta = O::Real::from_f64(eta);
        if let Some(step) = scratch.tape.get_mut(slot) {
            step.y.copy_from_slice(&at.y);
            step.batch.clear();
            step.batch.extend_from_slice(batch);
            step.eta = eta;
        }
        self.0
            .inner_grad(at, batch, &mut scratch.gy, &mut scratch.work);
        self.descend(&mut at.y, eta, &scratch.gy);
    }

    fn direction(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<O::Real>,
        batch: OuterBatch<'_>,
        steps: usize,
        out: &mut [O::Real],
    ) {
        let PlainScratch {
            tape,
            before,
            lambda,
            gx,
            gy,
            work,
            ..
        } = scratch;
        self.0.outer_grads(at, batch.rows, out, lambda, work);
        // Reverse mode through the inner steps (Ji21 Proposition 2): lambda is the adjoint of y_t. That of y_0
        // is needed only where y_0 depends on x.
        before.x.copy_from_slice(&at.x);
        before.z.copy_from_slice(&at.z);
        for (t, step) in tape[..steps].iter().enumerate().rev() {
            before.y.copy_from_slice(&step.y);
            self.0.cross_vp(before, &step.batch, lambda, gx, work);
            self.descend(out, step.eta, gx);
            if t > 0 || O::STARTS_AT_X {
                self.0.inner_hvp(before, &step.batch, lambda, gy, work);
                self.descend(lambda, step.eta, gy);
            }
        }
        self.0.pull_start(lambda, out);
    }

    fn evaluate(
        &self,
        _: &mut Self::Scratch,
        at: &Iterate<O::Real>,
        table: Table,
        rows: &[u32],
    ) -> Metrics {
        self.0.metrics(at, table, rows)
    }

    fn inner_value(&self, _: &mut Self::Scratch, at: &Iterate<O::Real>, batch: &[u32]) -> f64 {
        self.0.inner_value(at, batch)
    }
}

impl<O: Oracle> Smooth for Plain<O> {
    fn inner_grad(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<O::Real>,
        batch: &[u32],
        out: &mut [O::Real],
    ) {
        self.0.inner_grad(at, batch, out, &mut scratch.work);
    }

    fn dual_grad(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<O::Real>,
        batch: &[u32],
        out: &mut [O::Real],
    ) {
        self.0.dual_grad(at, batch, out, &mut scratch.work);
    }

    fn outer_grads(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<O::Real>,
        batch: &[u32],
        gx: &mut [O::Real],
        gy: &mut [O::Real],
    ) {
        self.0.outer_grads(at, batch, gx, gy, &mut scratch.work);
    }

    fn linearize(&self, scratch: &mut Self::Scratch, at: &Iterate<O::Real>, batch: &[u32]) {
        scratch.there.copy_from(at);
        scratch.batch.clear();
        scratch.batch.extend_from_slice(batch);
    }

    fn inner_hvp(&self, scratch: &mut Self::Scratch, v: &[O::Real], out: &mut [O::Real]) {
        let PlainScratch {
            there, batch, work, ..
        } = scratch;
        self.0.inner_hvp(there, batch, v, out, work);
    }

    fn cross_vp(&self, scratch: &mut Self::Scratch, v: &[O::Real], out: &mut [O::Real]) {
        let PlainScratch {
            there, batch, work, ..
        } = scratch;
        self.0.cross_vp(there, batch, v, out, work);
    }
}
