//! g along a line `y - eta d`: a linear classifier's logits are linear in y, so that each further point costs no product
//! with samples.

use super::{EVALUATION_BATCH, Reweighting, Scratch, network::Network, pass};
use crate::{
    kernel::{Aligned, Real, ops, padded},
    problem::Iterate,
};

/// Logits of a batch at y and along d, what is needed of the penalty, and who is in the batch.
#[derive(Debug)]
pub struct Line<R> {
    rows: Vec<u32>,
    /// `sigmoid(x_b)`.
    weights: Vec<R>,
    start: Aligned<R>,
    along: Aligned<R>,
    /// Of one sample, where the line is looked at.
    here: Aligned<R>,
    /// `|y|^2`, `y'd` and `|d|^2`.
    squares: [f64; 3],
}

impl<R: Real> Line<R> {
    /// Room for batches of so many samples; none where the network is not linear.
    pub fn new(network: &Network, samples: usize) -> Self {
        let (samples, width) = extent(network, samples);
        Self {
            rows: Vec::with_capacity(samples),
            weights: Vec::with_capacity(padded(samples)),
            start: Aligned::zeros(samples * width),
            along: Aligned::zeros(samples * width),
            here: Aligned::zeros(width),
            squares: [0.0; 3],
        }
    }

    /// Words that [`Line::new`] allocates.
    pub fn words(network: &Network, samples: usize) -> usize {
        let (samples, width) = extent(network, samples);
        samples + padded(samples) + (2 * samples + 1) * width
    }
}

fn extent(network: &Network, samples: usize) -> (usize, usize) {
    match network.hidden().is_empty() && samples > 0 {
        true => (samples, network.head().width),
        false => (0, 0),
    }
}

impl<R: Real> Reweighting<R> {
    /// Looks along d from where `at` is, on a batch; false if the classifier is not linear.
    pub(super) fn draw_line(
        &self,
        scratch: &mut Scratch<R>,
        at: &Iterate<R>,
        d: &[R],
        batch: &[u32],
    ) -> bool {
        if !self.network.hidden().is_empty() {
            return false;
        }
        let (simd, width) = (self.simd, self.network.head().width);
        let line = &mut scratch.line;
        self.weigh(&at.x, batch, &mut line.weights);
        line.rows.clear();
        line.rows.extend_from_slice(batch);
        for (y, out) in [(&at.y[..], &mut line.start), (d, &mut line.along)] {
            let out = out.chunks_mut(EVALUATION_BATCH * width);
            for (rows, out) in batch.chunks(EVALUATION_BATCH).zip(out) {
                let (columns, pass) = (&mut scratch.room.columns, &mut scratch.evaluation);
                let samples = self.training.batch(rows);
                pass::logits(simd, &self.network, y, samples, columns, pass);
                let all = rows.len() * width;
                out[..all].copy_from_slice(&pass.p[..all]);
            }
        }
        line.squares = match self.l2 {
            0.0 => [0.0; 3],
            _ => {
                [(&at.y[..], &at.y[..]), (&at.y[..], d), (d, d)].map(|(a, b)| ops::dot(simd, a, b))
            }
        };
        true
    }

    /// g at `y - eta d`; if it is more than `most`, perhaps only a part of it that is more, too: no term is negative.
    pub(super) fn loss_on_line(&self, scratch: &mut Scratch<R>, eta: f64, most: f64) -> f64 {
        let head = self.network.head();
        let line = &mut scratch.line;
        let (count, minus) = (line.rows.len() as f64, R::from_f64(-eta));
        let rows = line.start.chunks_exact(head.width);
        let rows = rows.zip(line.along.chunks_exact(head.width));
        let mut sum = 0.0;
        for (((start, along), &row), weight) in rows.zip(&line.rows).zip(&line.weights) {
            ops::shift(self.simd, start, minus, along, &mut line.here);
            let label = self.training.labels[row as usize];
            let [loss, _] = ops::judge(self.simd, &line.here[..head.outputs], label);
            sum += weight.to_f64() * loss;
            if sum / count > most {
                return sum / count;
            }
        }
        let [yy, yd, dd] = line.squares;
        sum / count + self.l2 * (yy - 2.0 * eta * yd + eta * eta * dd)
    }
}
