//! The same problem as plain mathematics: materialised gradients, allocated where needed. The reference that the fused
//! operations are tested against; not for speed.

use super::{
    Labelled, Reweighting,
    curvature::{self, Taken},
    pass::{self, Batch, Pass, Room},
};
use crate::{
    kernel::{Real, elementary, ops},
    problem::{Dims, Iterate, Metrics, Oracle, Problem, Shape, Table},
};

impl<R: Real> Reweighting<R> {
    fn room(&self, batch: usize) -> Room<R> {
        Room::new(&self.network, batch)
    }

    fn passed<'a>(
        &self,
        y: &[R],
        samples: &'a Labelled<R>,
        rows: &'a [u32],
    ) -> (Batch<'a, R>, Pass<R>) {
        let batch = samples.batch(rows);
        let mut pass = Pass::new(&self.network, rows.len());
        let room = &mut self.room(rows.len());
        pass::forward_backward(self.simd, &self.network, y, batch, room, &mut pass);
        (batch, pass)
    }

    /// Adds the mean gradient of a batch, each sample with its factor.
    fn add_gradient(&self, batch: Batch<'_, R>, pass: &Pass<R>, factors: &[R], out: &mut [R]) {
        let room = &mut self.room(batch.rows.len());
        pass::add_gradient(self.simd, &self.network, batch, pass, factors, room, out);
    }

    /// `sigmoid(x_b) / B` for each sample of a batch.
    fn shares(&self, at: &Iterate<R>, batch: &[u32]) -> Vec<R> {
        let count = R::from_f64(batch.len() as f64);
        let share = |&row: &u32| elementary::sigmoid(at.x[self.place(row)]) / count;
        batch.iter().map(share).collect()
    }

    /// `out += 2 l2 v`: the gradient of `l2 |y|^2` at v, and its Hessian times v.
    fn add_ridge(&self, v: &[R], out: &mut [R]) {
        let factor = R::from_f64(2.0 * self.l2);
        for (out, v) in out.iter_mut().zip(v) {
            *out += factor * *v;
        }
    }

    fn losses(&self, y: &[R], samples: &Labelled<R>, rows: &[u32]) -> Vec<f64> {
        let mut pass = Pass::new(&self.network, rows.len());
        let columns = &mut self.room(rows.len()).columns;
        let batch = samples.batch(rows);
        pass::logits(self.simd, &self.network, y, batch, columns, &mut pass);
        let head = self.network.head();
        let losses = pass.p.chunks_exact(head.width).zip(rows);
        losses
            .map(|(logits, &row)| {
                let label = samples.labels[row as usize];
                ops::judge(self.simd, &logits[..head.outputs], label)[0]
            })
            .collect()
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
        self.add_gradient(rows, &pass, &self.shares(at, batch), out);
        self.add_ridge(&at.y, out);
    }

    fn outer_grads(&self, at: &Iterate<R>, batch: &[u32], gx: &mut [R], gy: &mut [R], _: &mut [R]) {
        let (rows, pass) = self.passed(&at.y, &self.validation, batch);
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        let shares = vec![R::ONE / R::from_f64(batch.len() as f64); batch.len()];
        self.add_gradient(rows, &pass, &shares, gy);
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], _: &mut [R]) {
        let (simd, network) = (self.simd, &self.network);
        let (rows, pass) = self.passed(&at.y, &self.training, batch);
        let taken = Taken {
            batch: rows,
            pass: &pass,
            upper: &at.y[network.upper()],
        };
        let room = &mut self.room(batch.len());
        let mut tangent = Pass::new(network, batch.len());
        let first = &network.layers[0];
        let z = curvature::first_tangent(&mut tangent);
        pass::fill_rows(z, &v[first.bias.clone()]);
        let (w, columns) = (&v[first.weights.clone()], &mut room.columns);
        pass::first_forward(simd, rows.data, batch, w, first.width, columns, z);
        let upper = &v[network.upper()];
        let mut along = vec![R::ZERO; batch.len()];
        curvature::push_forward(simd, network, taken, upper, &mut tangent, &mut along);
        curvature::pull_back(simd, network, taken, upper, &mut tangent, room);
        let shares = self.shares(at, batch);
        out.fill(R::ZERO);
        let (below, above) = out.split_at_mut(first.bias.end);
        let change = curvature::first_change(&tangent);
        let scaled = &mut room.scaled[..change.len()];
        ops::scale_rows(simd, change, &shares, first.width, scaled);
        let (w, bias) = below.split_at_mut(first.weights.len());
        let columns = &mut room.columns;
        pass::first_update(simd, rows.data, batch, columns, scaled, w, bias);
        let scaled = &mut room.scaled;
        curvature::add_upper_change(simd, network, taken, &shares, &tangent, scaled, above);
        self.add_ridge(v, out);
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], _: &mut [R]) {
        out.fill(R::ZERO);
        let count = R::from_f64(batch.len() as f64);
        for &row in batch {
            let (rows, pass) = self.passed(&at.y, &self.training, std::slice::from_ref(&row));
            let mut gradient = vec![R::ZERO; v.len()];
            self.add_gradient(rows, &pass, &[R::ONE], &mut gradient);
            let along = gradient
                .iter()
                .zip(v)
                .fold(R::ZERO, |sum, (g, v)| g.mul_add(*v, sum));
            let weight = elementary::sigmoid(at.x[self.place(row)]);
            out[self.place(row)] += weight * (R::ONE - weight) * along / count;
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let losses = self.losses(&at.y, &self.training, batch);
        let weight = |&row: &u32| elementary::sigmoid(at.x[self.place(row)].to_f64());
        let terms = losses
            .iter()
            .zip(batch)
            .map(|(loss, row)| weight(row) * loss);
        let squares: f64 = at.y.iter().map(|y| y.to_f64() * y.to_f64()).sum();
        terms.sum::<f64>() / batch.len() as f64 + self.l2 * squares
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let shape = Shape {
            batch_x: 1,
            batch_y: 1,
            tape: 0,
            products: 0,
            gradients: false,
        };
        self.evaluate(&mut self.scratch(shape), at, table, rows)
    }
}
