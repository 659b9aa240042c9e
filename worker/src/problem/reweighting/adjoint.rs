//! The adjoint of the inner variable, on its way back through the tape.
//!
//! Every step adds a term `x_b d_b'` for each of its samples to the adjoint of the first layer, which is by far the
//! largest. The terms are kept as they are: the product of a sample with that layer is then a combination of the `d_b`,
//! by inner products of samples (the bias is one more input that is always 1). Only when there are too many terms are
//! they added to a matrix.

use super::{
    Labelled,
    network::Network,
    pass::{self, Batch, Pass, Room},
};
use crate::kernel::{Aligned, LANES, Real, Simd, ops};

/// Terms from which on walking a matrix is quicker.
pub const MAX_TERMS: usize = 512;

/// An adjoint: a matrix, if there was ever one too many term, and the terms since.
#[derive(Debug)]
pub struct Adjoint<R> {
    /// Parameters above the first layer.
    pub upper: Aligned<R>,
    /// Width of the first layer.
    width: usize,
    /// The first layer's weights and bias; empty if all terms fit.
    matrix: Aligned<R>,
    /// Whether there is anything in the matrix.
    folded: bool,
    /// `d_b`, a row of `width` a term.
    terms: Aligned<R>,
    /// Their samples: rows of the validation set, then of the training set.
    outer: Vec<u32>,
    inner: Vec<u32>,
    /// `[term][16]`: inner products with the samples that are looked at.
    coefficients: Aligned<R>,
}

/// Where terms' samples come from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a, R> {
    /// The validation set.
    pub outer: &'a Labelled<R>,
    /// The training set.
    pub inner: &'a Labelled<R>,
}

impl<R: Real> Adjoint<R> {
    /// Room for a tape of `steps` steps of up to `batch_y` samples; nothing for a tape that needs none.
    pub fn new(network: &Network, batch_x: usize, batch_y: usize, steps: usize) -> Self {
        let first = &network.layers[0];
        let room = Words::new(network, batch_x, batch_y, steps);
        Self {
            upper: Aligned::zeros(room.upper),
            width: first.width,
            matrix: Aligned::zeros(room.matrix),
            folded: false,
            terms: Aligned::zeros(room.terms * first.width),
            outer: Vec::with_capacity(batch_x),
            inner: Vec::with_capacity(room.terms),
            coefficients: Aligned::zeros((room.terms + LANES) * LANES),
        }
    }

    /// Words that [`Adjoint::new`] allocates.
    pub fn words(network: &Network, batch_x: usize, batch_y: usize, steps: usize) -> usize {
        let room = Words::new(network, batch_x, batch_y, steps);
        room.upper
            + room.matrix
            + room.terms * network.layers[0].width
            + (room.terms + LANES) * LANES
    }

    /// Begins with the gradient of the outer loss at the tape's end, from that batch's pass.
    pub fn begin(
        &mut self,
        simd: Simd,
        network: &Network,
        batch: Batch<'_, R>,
        pass: &Pass<R>,
        factors: &[R],
        room: &mut Room<R>,
    ) {
        self.folded = false;
        self.inner.clear();
        self.outer.clear();
        self.outer.extend_from_slice(batch.rows);
        self.matrix.fill(R::ZERO);
        self.upper.fill(R::ZERO);
        let rows = batch.rows.len() * self.width;
        ops::scale_rows(
            simd,
            &pass.delta(0)[..rows],
            factors,
            self.width,
            &mut self.terms[..rows],
        );
        pass::add_upper_gradient(
            simd,
            network,
            pass,
            factors,
            &mut room.scaled,
            &mut self.upper,
        );
    }

    fn count(&self) -> usize {
        self.outer.len() + self.inner.len()
    }

    /// Makes sure that `samples` more terms fit.
    pub fn make_room(
        &mut self,
        simd: Simd,
        sources: Sources<'_, R>,
        samples: usize,
        room: &mut Room<R>,
    ) {
        if (self.count() + samples) * self.width <= self.terms.len() {
            return;
        }
        let split = self.matrix.len() - self.width;
        let (w, bias) = self.matrix.split_at_mut(split);
        let (outer, inner) = self.terms.split_at(self.outer.len() * self.width);
        let inner = &inner[..self.inner.len() * self.width];
        let columns = &mut room.columns;
        pass::first_update(
            simd,
            &sources.outer.rows,
            &self.outer,
            columns,
            outer,
            w,
            bias,
        );
        pass::first_update(
            simd,
            &sources.inner.rows,
            &self.inner,
            columns,
            inner,
            w,
            bias,
        );
        self.folded = true;
        self.outer.clear();
        self.inner.clear();
    }

    /// Looks at up to sixteen training samples, those in `room.columns`: the inner products of them with all terms, and
    /// with the `coming` samples, which will be added before the look is over.
    pub fn look<'a>(
        &mut self,
        simd: Simd,
        sources: Sources<'_, R>,
        coming: impl Iterator<Item = &'a [u32]>,
        room: &Room<R>,
    ) {
        let mut out = &mut self.coefficients[..];
        let runs = [
            (&sources.outer.rows, &self.outer[..]),
            (&sources.inner.rows, &self.inner[..]),
        ];
        let coming = coming.map(|rows| (&sources.inner.rows, rows));
        for (rows, batch) in runs.into_iter().chain(coming) {
            let (here, rest) = out.split_at_mut(batch.len() * LANES);
            ops::gather(simd, rows, batch, &room.columns, here);
            out = rest;
        }
    }

    /// `z[b] += x_b (first layer of the adjoint)`, for samples that are looked at, from lane `first` on.
    pub fn add_products(&self, simd: Simd, first: usize, z: &mut [R]) {
        let terms = &self.terms[..self.count() * self.width];
        let coefficients = &self.coefficients[first..];
        ops::combine(simd, coefficients, LANES, terms, self.width, z);
    }

    /// `z[b] = x_b (matrix)`, for training samples; zero while there is none.
    pub fn matrix_products(
        &self,
        simd: Simd,
        training: &Labelled<R>,
        rows: &[u32],
        room: &mut Room<R>,
        z: &mut [R],
    ) {
        if !self.folded {
            return z.fill(R::ZERO);
        }
        let (w, bias) = self.matrix.split_at(self.matrix.len() - self.width);
        pass::fill_rows(z, bias);
        let columns = &mut room.columns;
        pass::first_forward(simd, &training.rows, rows, w, self.width, columns, z);
    }

    /// Adds a term `factors[b] delta[b]` for each of a step's samples.
    pub fn append(&mut self, simd: Simd, rows: &[u32], delta: &[R], factors: &[R]) {
        let from = self.count() * self.width;
        let len = rows.len() * self.width;
        let room = &mut self.terms[from..from + len];
        ops::scale_rows(simd, &delta[..len], factors, self.width, room);
        self.inner.extend_from_slice(rows);
    }
}

/// What an adjoint needs.
struct Words {
    upper: usize,
    matrix: usize,
    terms: usize,
}

impl Words {
    fn new(network: &Network, batch_x: usize, batch_y: usize, steps: usize) -> Self {
        if steps < 2 {
            return Self {
                upper: 0,
                matrix: 0,
                terms: 0,
            };
        }
        // The first step's terms are never added: the adjoint of the starting point is not needed.
        let all = batch_x.saturating_add(batch_y.saturating_mul(steps - 1));
        // A pack of steps may look ahead at sixteen samples.
        let most = MAX_TERMS.max(batch_x).max(batch_y) + LANES;
        Self {
            upper: network.upper().len(),
            matrix: if all > most {
                network.layers[0].bias.end
            } else {
                0
            },
            terms: all.min(most),
        }
    }
}
