//! The fused operations built from an oracle: right for any problem, and the reference for faster ones.

use bistable_common::spec::Direction;

use super::{Dims, Iterate, Metrics, Oracle, OuterBatch, Problem, Shape, Table};
use crate::kernel::Real;

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

    fn scratch(&self, shape: Shape) -> Self::Scratch {
        let Dims { x, y } = self.dims();
        let zero = O::Real::ZERO;
        let steps = tape_steps(shape);
        let step = |_| Step {
            y: vec![zero; y],
            batch: Vec::with_capacity(shape.batch_y),
            eta: zero,
        };
        PlainScratch {
            tape: (0..steps).map(step).collect(),
            before: self.start(),
            lambda: vec![zero; y],
            gx: vec![zero; x],
            gy: vec![zero; y],
            work: vec![zero; self.0.work_words()],
        }
    }

    fn scratch_bytes(&self, shape: Shape) -> u64 {
        let Dims { x, y } = self.dims();
        let words = (tape_steps(shape) + 3) * y + 2 * x + self.0.work_words();
        (words * size_of::<O::Real>()) as u64
    }

    fn inner_step(
        &self,
        scratch: &mut Self::Scratch,
        at: &mut Iterate<O::Real>,
        batch: &[u32],
        eta: f64,
        t: usize,
    ) {
        let eta = O::Real::from_f64(eta);
        if let Some(step) = scratch.tape.get_mut(t) {
            step.y.copy_from_slice(&at.y);
            step.batch.clear();
            step.batch.extend_from_slice(batch);
            step.eta = eta;
        }
        self.0
            .inner_grad(at, batch, &mut scratch.gy, &mut scratch.work);
        descend(&mut at.y, eta, &scratch.gy);
    }

    fn direction(
        &self,
        scratch: &mut Self::Scratch,
        direction: Direction,
        at: &Iterate<O::Real>,
        batch: OuterBatch<'_>,
        out: &mut [O::Real],
    ) {
        let PlainScratch {
            tape,
            before,
            lambda,
            gx,
            gy,
            work,
        } = scratch;
        self.0.outer_grads(at, batch.rows, out, lambda, work);
        if direction == Direction::Partial {
            return;
        }
        // Reverse mode through the inner steps (Ji21 Proposition 2): lambda is the adjoint of y_t. The start of the
        // inner steps does not depend on x, so the adjoint of y_0 is never needed.
        before.x.copy_from_slice(&at.x);
        for (t, step) in tape.iter().enumerate().rev() {
            before.y.copy_from_slice(&step.y);
            self.0.cross_vp(before, &step.batch, lambda, gx, work);
            descend(out, step.eta, gx);
            if t > 0 {
                self.0.inner_hvp(before, &step.batch, lambda, gy, work);
                descend(lambda, step.eta, gy);
            }
        }
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
}

fn tape_steps(shape: Shape) -> usize {
    match shape.direction {
        Direction::Partial => 0,
        Direction::Unrolled => shape.inner_steps,
    }
}

fn descend<R: Real>(target: &mut [R], eta: R, gradient: &[R]) {
    for (target, gradient) in target.iter_mut().zip(gradient) {
        *target = (-eta).mul_add(*gradient, *target);
    }
}
