//! The same problem as plain mathematics: materialised gradients, allocated where needed. The reference that the fused
//! operations are tested against; not for speed.

use super::{
    Labelled, Reweighting,
    curvature::{self, Taken},
    pass::{self, Batch, Pass},
};
use crate::{
    kernel::{Real, elementary},
    problem::{Dims, Iterate, Metrics, Oracle, Problem, Shape, Table},
};

impl<R: Real> Reweighting<R> {
    fn room(&self, batch: usize) -> Vec<R> {
        vec![R::ZERO; batch * super::widest(&self.network)]
    }

    fn passed<'a>(
        &self,
        y: &[R],
        samples: &'a Labelled<R>,
        rows: &'a [u32],
    ) -> (Batch<'a, R>, Pass<R>) {
        let batch = samples.batch(rows);
        let mut pass = Pass::new(&self.network, rows.len());
        pass::forward_backward(&self.network, y, batch, &mut pass);
        (batch, pass)
    }

    /// `sigmoid(x_b) / B` for each sample of a batch.
    fn shares(&self, at: &Iterate<R>, batch: &[u32]) -> Vec<R> {
        let count = R::from_f64(batch.len() as f64);
        let share = |&row: &u32| elementary::sigmoid(at.x[row as usize]) / count;
        batch.iter().map(share).collect()
    }
}

impl<R: Real> Oracle for Reweighting<R> {
    type Real = R;

    fn dims(&self) -> Dims {
        Problem::dims(self)
    }

    fn start(&self) -> Iterate<R> {
        Problem::start(self)
    }

    fn work_words(&self) -> usize {
        0
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], _: &mut [R]) {
        let (rows, pass) = self.passed(&at.y, &self.training, batch);
        out.fill(R::ZERO);
        let shares = self.shares(at, batch);
        pass::add_gradient(
            &self.network,
            rows,
            &pass,
            &shares,
            &mut self.room(batch.len()),
            out,
        );
    }

    fn outer_grads(&self, at: &Iterate<R>, batch: &[u32], gx: &mut [R], gy: &mut [R], _: &mut [R]) {
        let (rows, pass) = self.passed(&at.y, &self.validation, batch);
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        let shares = vec![R::ONE / R::from_f64(batch.len() as f64); batch.len()];
        pass::add_gradient(
            &self.network,
            rows,
            &pass,
            &shares,
            &mut self.room(batch.len()),
            gy,
        );
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], _: &mut [R]) {
        let (rows, pass) = self.passed(&at.y, &self.training, batch);
        let taken = Taken {
            batch: rows,
            pass: &pass,
            upper: &at.y[self.network.upper()],
        };
        let mut tangent = Pass::new(&self.network, batch.len());
        let mut along = vec![R::ZERO; batch.len()];
        curvature::push_forward(&self.network, taken, v, &mut tangent, &mut along);
        // The second pass adds H v to v in place; what was added is the product.
        out.copy_from_slice(v);
        let shares = self.shares(at, batch);
        let room = &mut self.room(batch.len());
        curvature::pull_back(&self.network, taken, &shares, room, &mut tangent, out);
        out.iter_mut().zip(v).for_each(|(out, v)| *out = *out - *v);
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], _: &mut [R]) {
        out.fill(R::ZERO);
        let count = R::from_f64(batch.len() as f64);
        for &row in batch {
            let (rows, pass) = self.passed(&at.y, &self.training, std::slice::from_ref(&row));
            let mut gradient = vec![R::ZERO; v.len()];
            pass::add_gradient(
                &self.network,
                rows,
                &pass,
                &[R::ONE],
                &mut self.room(1),
                &mut gradient,
            );
            let along = gradient
                .iter()
                .zip(v)
                .fold(R::ZERO, |sum, (g, v)| g.mul_add(*v, sum));
            let weight = elementary::sigmoid(at.x[row as usize]);
            out[row as usize] += weight * (R::ONE - weight) * along / count;
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let (_, pass) = self.logits(&at.y, &self.training, batch);
        let width = self.network.head().width;
        let terms = pass.p.chunks_exact(width).zip(batch).map(|(logits, &row)| {
            let weight = elementary::sigmoid(at.x[row as usize].to_f64());
            weight * self.judge(logits, self.training.labels[row as usize])[0]
        });
        terms.sum::<f64>() / batch.len() as f64
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let shape = Shape {
            batch_x: 1,
            batch_y: 1,
            inner_steps: 1,
            direction: bistable_common::spec::Direction::Partial,
        };
        self.evaluate(&mut self.scratch(shape), at, table, rows)
    }
}

impl<R: Real> Reweighting<R> {
    fn logits<'a>(
        &self,
        y: &[R],
        samples: &'a Labelled<R>,
        rows: &'a [u32],
    ) -> (Batch<'a, R>, Pass<R>) {
        let batch = samples.batch(rows);
        let mut pass = Pass::new(&self.network, rows.len());
        pass::logits(&self.network, y, batch, &mut pass);
        (batch, pass)
    }
}
