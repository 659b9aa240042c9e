//! The outer batch of a group: rows that all replicas have, and what single ones have instead.

use crate::{
    kernel::{Aligned, LANES, Real},
    problem::OuterBatch,
};

/// An outer batch: its rows, those that single replicas have instead behind them.
#[derive(Debug)]
pub(super) struct Outer<R> {
    /// The rows.
    pub rows: Vec<u32>,
    /// Which lanes have each.
    pub lanes: Vec<u16>,
    /// Each row's derivative of the loss in its logits, `[row][class][16]`.
    pub residual: Aligned<R>,
    /// Inner products with up to sixteen samples.
    pub products: Aligned<R>,
}

impl<R: Real> Outer<R> {
    pub fn new(batch: usize, width: usize) -> Self {
        Self {
            rows: Vec::with_capacity(2 * batch),
            lanes: Vec::with_capacity(2 * batch),
            residual: Aligned::zeros(2 * batch * width),
            products: Aligned::zeros(2 * batch * LANES),
        }
    }

    pub fn words(batch: usize, width: usize) -> usize {
        2 * batch * (width + LANES)
    }

    /// Each sample, and behind it what single replicas have instead.
    pub fn gather(&mut self, batch: OuterBatch<'_>) {
        self.rows.clear();
        self.lanes.clear();
        for (position, &row) in batch.rows.iter().enumerate() {
            let replaced = batch.replaced.iter().filter(|r| r.position == position);
            let others: u16 = replaced.clone().map(|r| 1 << r.lane).sum();
            self.rows.push(row);
            self.lanes.push(!others);
            for replaced in replaced {
                self.rows.push(replaced.row);
                self.lanes.push(1 << replaced.lane);
            }
        }
    }

    /// The position in the batch, and the lanes, of each row.
    fn owners(&self) -> impl Iterator<Item = (usize, u16)> {
        let mut position = 0;
        let mut taken = 0u16;
        self.lanes.iter().map(move |&lanes| {
            if taken & lanes != 0 {
                (position, taken) = (position + 1, 0);
            }
            taken |= lanes;
            (position, lanes)
        })
    }

    /// Writes the residuals into `values`, a row for each position of the batch.
    pub fn merge(&self, batch: OuterBatch<'_>, width: usize, values: &mut [R]) {
        values[..batch.rows.len() * width].fill(R::ZERO);
        let rows = self.residual.chunks_exact(width);
        for ((position, lanes), residual) in self.owners().zip(rows) {
            let to = &mut values[position * width..][..width];
            copy_lanes(lanes, residual, to);
        }
    }

    /// Writes the inner products with `count` samples from `first` on into `inputs`.
    pub fn spread(
        &self,
        batch: OuterBatch<'_>,
        samples: usize,
        first: usize,
        count: usize,
        inputs: &mut [R],
    ) {
        debug_assert!(inputs.len() >= batch.rows.len() * samples * LANES);
        let rows = self.products.chunks_exact(LANES);
        for ((position, lanes), products) in self.owners().zip(rows) {
            let to = (position * samples + first) * LANES;
            let to = inputs[to..to + count * LANES].chunks_exact_mut(LANES);
            for (to, &product) in to.zip(products) {
                copy_lanes(lanes, &[product; LANES], to);
            }
        }
    }
}

/// Copies the values of some lanes.
fn copy_lanes<R: Real>(lanes: u16, from: &[R], to: &mut [R]) {
    let rows = from.chunks_exact(LANES).zip(to.chunks_exact_mut(LANES));
    for (from, to) in rows {
        for lane in 0..LANES {
            if lanes & (1 << lane) != 0 {
                to[lane] = from[lane];
            }
        }
    }
}
