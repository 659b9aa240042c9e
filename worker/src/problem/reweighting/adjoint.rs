//! The adjoint of the inner variable, on its way back through the tape.
//!
//! Every step adds a term `x_b d_b'` for each of its samples to the adjoint of the first layer, which is by far the
//! largest. The terms are kept as they are: the product of a sample with that layer is then a combination of the `d_b`,
//! by inner products of samples (the bias is one more input that is always 1). Only when there are too many terms are
//! they added to a matrix.

use super::pass;
use crate::kernel::{Aligned, Columns, LANES, Real, Rows, Simd, ops};

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
    /// So many terms are kept, those that stand in another's stead not counted: when they are folded into the matrix must
    /// not depend on a replica's company.
    most: usize,
    /// Or none, ever.
    folds_at_once: bool,
    /// Samples of the outer batch among them.
    positions: usize,
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
    pub outer: &'a Rows<R>,
    /// The training set.
    pub inner: &'a Rows<R>,
}

/// How large an adjoint will be.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Inputs of the first layer.
    pub inputs: usize,
    /// Values of a row of it.
    pub width: usize,
    /// Parameters above it.
    pub upper: usize,
    /// Samples of the outer batch.
    pub outer: usize,
    /// Further outer terms, of samples that stand in another's stead in some replicas.
    pub spare: usize,
    /// Terms of an inner batch.
    pub inner: usize,
    /// Steps of the tape; less than two need no adjoint, and no room.
    pub steps: usize,
}

impl Extent {
    fn upper(&self) -> usize {
        if self.steps < 2 { 0 } else { self.upper }
    }

    /// The first step's terms are never added: the adjoint of the starting point is not needed.
    fn all_terms(&self) -> usize {
        match self.steps {
            0 | 1 => 0,
            steps => self
                .outer
                .saturating_add(self.inner.saturating_mul(steps - 1)),
        }
    }

    fn terms(&self) -> usize {
        let most = MAX_TERMS.max(self.outer).max(self.inner) + LANES;
        self.all_terms().min(most)
    }

    /// Whether a single step brings so many terms that walking a matrix is quicker from the start.
    fn folds_at_once(&self) -> bool {
        self.outer.max(self.inner) > MAX_TERMS
    }

    fn matrix(&self) -> usize {
        let many = self.all_terms() > self.terms() || self.folds_at_once();
        if many && self.all_terms() > 0 {
            (self.inputs + 1) * self.width
        } else {
            0
        }
    }

    /// Terms that there is room for.
    fn room(&self) -> usize {
        match self.terms() {
            0 => 0,
            terms => terms + self.spare,
        }
    }

    /// A pack of steps may look ahead at sixteen samples.
    fn coefficients(&self) -> usize {
        (self.room() + LANES) * LANES
    }
}

impl<R: Real> Adjoint<R> {
    /// Room for such an adjoint.
    pub fn new(extent: Extent) -> Self {
        Self {
            upper: Aligned::zeros(extent.upper()),
            width: extent.width,
            matrix: Aligned::zeros(extent.matrix()),
            folded: false,
            terms: Aligned::zeros(extent.room() * extent.width),
            most: extent.terms(),
            folds_at_once: extent.folds_at_once(),
            positions: 0,
            outer: Vec::with_capacity(extent.outer),
            inner: Vec::with_capacity(extent.terms()),
            coefficients: Aligned::zeros(extent.coefficients()),
        }
    }

    /// Words that [`Adjoint::new`] allocates.
    pub fn words(extent: Extent) -> usize {
        extent.upper() + extent.matrix() + extent.room() * extent.width + extent.coefficients()
    }

    /// Begins anew, with zeros above the first layer and a term for each of the samples of an outer batch of so many
    /// `positions`. Their `d_b` are to be written where this points.
    pub fn begin(&mut self, rows: &[u32], positions: usize) -> &mut [R] {
        self.positions = positions;
        self.folded = false;
        self.inner.clear();
        self.outer.clear();
        self.outer.extend_from_slice(rows);
        self.matrix.fill(R::ZERO);
        self.upper.fill(R::ZERO);
        &mut self.terms[..rows.len() * self.width]
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
        columns: &mut Columns<R>,
    ) {
        if !self.folds_at_once && self.positions + self.inner.len() + samples <= self.most {
            return;
        }
        let split = self.matrix.len() - self.width;
        let (w, bias) = self.matrix.split_at_mut(split);
        let (outer, inner) = self.terms.split_at(self.outer.len() * self.width);
        let inner = &inner[..self.inner.len() * self.width];
        let runs = [
            (sources.outer, &self.outer, outer),
            (sources.inner, &self.inner, inner),
        ];
        for (rows, batch, terms) in runs {
            pass::first_update(simd, rows, batch, columns, terms, w, bias);
        }
        self.folded = true;
        self.positions = 0;
        self.outer.clear();
        self.inner.clear();
    }

    /// Looks at up to sixteen training samples, those in `columns`: the inner products of them with all terms, and with
    /// the `coming` samples, which will be added before the look is over.
    pub fn look<'a>(
        &mut self,
        simd: Simd,
        sources: Sources<'_, R>,
        coming: impl Iterator<Item = &'a [u32]>,
        columns: &Columns<R>,
    ) {
        let mut out = &mut self.coefficients[..];
        let runs = [
            (sources.outer, &self.outer[..]),
            (sources.inner, &self.inner[..]),
        ];
        let coming = coming.map(|rows| (sources.inner, rows));
        for (rows, batch) in runs.into_iter().chain(coming) {
            let (here, rest) = out.split_at_mut(batch.len() * LANES);
            ops::gather(simd, rows, batch, columns, here);
            out = rest;
        }
    }

    /// `z[b] = x_b (first layer of the adjoint)` for a step's samples, which are looked at from lane `first` on; if they
    /// are more than sixteen, they are looked at here.
    pub fn products(
        &mut self,
        simd: Simd,
        sources: Sources<'_, R>,
        rows: &[u32],
        first: usize,
        columns: &mut Columns<R>,
        z: &mut [R],
    ) {
        self.matrix_products(simd, sources, rows, columns, z);
        if self.count() == 0 {
            return;
        }
        if rows.len() <= LANES {
            return self.add_products(simd, first, z);
        }
        for (rows, z) in rows.chunks(LANES).zip(z.chunks_mut(LANES * self.width)) {
            columns.turn(sources.inner, [rows].into_iter());
            self.look(simd, sources, std::iter::empty(), columns);
            self.add_products(simd, 0, z);
        }
    }

    /// `z[b] += sum of the terms`.
    fn add_products(&self, simd: Simd, first: usize, z: &mut [R]) {
        let terms = &self.terms[..self.count() * self.width];
        let coefficients = &self.coefficients[first..];
        ops::combine(simd, coefficients, LANES, terms, self.width, z);
    }

    /// `z[b] = x_b (matrix)`; zero while there is none.
    fn matrix_products(
        &self,
        simd: Simd,
        sources: Sources<'_, R>,
        rows: &[u32],
        columns: &mut Columns<R>,
        z: &mut [R],
    ) {
        if !self.folded {
            return z.fill(R::ZERO);
        }
        let (w, bias) = self.matrix.split_at(self.matrix.len() - self.width);
        pass::fill_rows(z, bias);
        pass::first_forward(simd, sources.inner, rows, w, self.width, columns, z);
    }

    /// Multiplies all of it.
    pub fn scale(&mut self, simd: Simd, c: R) {
        let terms = self.count() * self.width;
        ops::scale(simd, c, &mut self.terms[..terms]);
        ops::scale(simd, c, &mut self.matrix);
        ops::scale(simd, c, &mut self.upper);
    }

    /// Adds a term for each of a step's samples, whose `d_b` are to be written where this points.
    pub fn append(&mut self, rows: &[u32]) -> &mut [R] {
        let from = self.count() * self.width;
        self.inner.extend_from_slice(rows);
        &mut self.terms[from..from + rows.len() * self.width]
    }
}

/// Steps of a tape whose samples are looked at together.
pub struct Pack {
    /// The steps.
    pub steps: std::ops::Range<usize>,
    /// Terms that they will add.
    pub terms: usize,
}

/// Cuts a tape into packs, the newest first: as many steps as have sixteen samples together, or one with more.
pub fn packs<'a>(tape: &'a [impl AsRef<[u32]>]) -> impl Iterator<Item = Pack> + 'a {
    let mut end = tape.len();
    std::iter::from_fn(move || {
        let mut samples = 0;
        let fits = |step: &&_| {
            let step: &&_ = step;
            samples += AsRef::<[u32]>::as_ref(*step).len();
            samples <= LANES
        };
        let count = tape[..end].iter().rev().take_while(fits).count();
        let steps = end.checked_sub(count.max(1))?..end;
        end = steps.start;
        // The start of the inner steps does not depend on x, so its adjoint is never needed.
        let adding = tape[steps.start.max(1)..steps.end].iter();
        Some(Pack {
            terms: adding.map(|step| step.as_ref().len()).sum(),
            steps,
        })
    })
}

impl<R: Real> Adjoint<R> {
    /// Makes room for a pack's terms and looks at its samples; a step with more than sixteen is looked at later.
    pub fn open(
        &mut self,
        simd: Simd,
        sources: Sources<'_, R>,
        pack: &Pack,
        tape: &[impl AsRef<[u32]>],
        columns: &mut Columns<R>,
    ) {
        self.make_room(simd, sources, pack.terms, columns);
        let steps = tape[pack.steps.clone()].iter().rev();
        let coming = steps.map(|step| step.as_ref());
        if coming.clone().all(|rows: &[u32]| rows.len() <= LANES) {
            columns.turn(sources.inner, coming.clone());
            self.look(simd, sources, coming, columns);
        }
    }
}
