//! g along a line `y - eta d`: a linear classifier's logits are linear in y, so that each further point costs no product
//! with samples.

use super::{EVALUATION_BATCH, Reweighting, Scratch, network::Network, pass};
use crate::{
    kernel::{Aligned, Real, ops},
    problem::Iterate,
};

/// Logits of a batch at y and along d, what is needed of the penalty, and who is in the batch.
#[derive(Debug)]
pub struct Line<R> {
    width: usize,
    rows: Vec<u32>,
    /// `sigmoid(x_b)`.
    weights: Vec<R>,
    start: Aligned<R>,
    along: Aligned<R>,
    /// Of sixteen samples, where the line is looked at.
    here: Aligned<R>,
    /// `|y|^2`, `y'd` and `|d|^2`.
    squares: [f64; 3],
}

impl<R: Real> Line<R> {
    /// Room for batches of so many samples; none where the network is not linear.
    pub fn new(network: &Network, samples: usize) -> Self {
        let (samples, width) = extent(network, samples);
        Self {
            width,
            rows: Vec::with_capacity(samples),
            weights: Vec::with_capacity(samples),
            start: Aligned::zeros(samples * width),
            along: Aligned::zeros(samples * width),
            here: Aligned::zeros(EVALUATION_BATCH * width),
            squares: [0.0; 3],
        }
    }

    /// Words that [`Line::new`] allocates.
    pub fn words(network: &Network, samples: usize) -> usize {
        let (samples, width) = extent(network, samples);
        2 * samples + (2 * samples + EVALUATION_BATCH) * width
    }

    /// Begins where a batch has these weights and logits; nothing if there is no room.
    pub(super) fn begin(&mut self, batch: &[u32], weights: &[R], logits: &[R]) {
        if self.start.is_empty() {
            return;
        }
        self.rows.clear();
        self.rows.extend_from_slice(batch);
        self.weights.clear();
        self.weights.extend_from_slice(weights);
        let logits = &logits[..batch.len() * self.width];
        self.start[..logits.len()].copy_from_slice(logits);
    }
}

fn extent(network: &Network, samples: usize) -> (usize, usize) {
    match network.hidden().is_empty() && samples > 0 {
        true => (samples, network.head().width),
        false => (0, 0),
    }
}

impl<R: Real> Reweighting<R> {
    /// Looks along d from where the last gradient was taken, on its batch; false if the classifier is not linear.
    pub(super) fn draw_line(&self, scratch: &mut Scratch<R>, at: &Iterate<R>, d: &[R]) -> bool {
        if !self.network.hidden().is_empty() {
            return false;
        }
        let (simd, head) = (self.simd, self.network.head());
        let (line, columns) = (&mut scratch.line, &mut scratch.room.columns);
        let along = &mut line.along[..line.rows.len() * head.width];
        let (w, bias) = (&d[head.weights.clone()], &d[head.bias.clone()]);
        pass::fill_rows(along, bias);
        let data = &self.training.rows;
        pass::first_forward(simd, data, &line.rows, w, head.width, columns, along);
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
        let chunk = EVALUATION_BATCH * head.width;
        let logits = line.start.chunks(chunk).zip(line.along.chunks(chunk));
        let samples = line.rows.chunks(EVALUATION_BATCH);
        let samples = samples.zip(line.weights.chunks(EVALUATION_BATCH));
        let mut sum = 0.0;
        for ((rows, weights), (start, along)) in samples.zip(logits) {
            let here = &mut line.here[..start.len()];
            ops::shift(self.simd, start, minus, along, here);
            let losses = self.training.batch(rows).losses(self.simd, head, here);
            for (weight, loss) in weights.iter().zip(losses) {
                sum += weight.to_f64() * loss;
            }
            if sum / count > most {
                return sum / count;
            }
        }
        let [yy, yd, dd] = line.squares;
        sum / count + self.l2 * (yy - 2.0 * eta * yd + eta * eta * dd)
    }
}
