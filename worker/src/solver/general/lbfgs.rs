//! L-BFGS directions of the inner steps of one outer iteration (Nocedal's two loops).

use bistable_common::spec::{Method, Update};

use crate::kernel::{Aligned, Real, Simd, ops};

/// Differences of points and of gradients, oldest first.
pub(super) struct Lbfgs<R: Real> {
    pairs: Vec<Pair<R>>,
    memory: usize,
    /// How many of `pairs` are of this outer iteration.
    known: usize,
    /// Where the last gradient was taken, and it; if there was one.
    last: Pair<R>,
    begun: bool,
    alphas: Vec<f64>,
}

struct Pair<R: Real> {
    point: Aligned<R>,
    gradient: Aligned<R>,
    /// `<point, gradient>` of differences.
    product: f64,
}

impl<R: Real> Pair<R> {
    fn zeros(len: usize) -> Self {
        Self {
            point: Aligned::zeros(len),
            gradient: Aligned::zeros(len),
            product: 0.0,
        }
    }
}

/// Words that [`Lbfgs::new`] allocates.
pub(super) fn words(update: &Update, len: usize) -> usize {
    match update.method {
        Method::Lbfgs { memory } => 2 * (memory as usize + 1) * len,
        Method::Plain | Method::Averaged { .. } | Method::Adam { .. } => 0,
    }
}

impl<R: Real> Lbfgs<R> {
    /// Room for what `update` remembers.
    pub fn new(update: &Update, len: usize) -> Self {
        let memory = match update.method {
            Method::Lbfgs { memory } => memory as usize,
            Method::Plain | Method::Averaged { .. } | Method::Adam { .. } => 0,
        };
        let len = if memory == 0 { 0 } else { len };
        Self {
            pairs: (0..memory).map(|_| Pair::zeros(len)).collect(),
            memory,
            known: 0,
            last: Pair::zeros(len),
            begun: false,
            alphas: vec![0.0; memory],
        }
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        (self.known, self.begun) = (0, false);
    }

    /// `out = B gradient` with B the estimate of the inverse Hessian at `point`, the identity before there is a pair.
    pub fn direction(&mut self, simd: Simd, point: &[R], gradient: &[R], out: &mut [R]) {
        self.learn(simd, point, gradient);
        out.copy_from_slice(gradient);
        let pairs = &self.pairs[..self.known];
        for (pair, alpha) in pairs.iter().zip(&mut self.alphas).rev() {
            *alpha = ops::dot(simd, &pair.point, out) / pair.product;
            ops::add_multiple(simd, R::from_f64(-*alpha), &pair.gradient, out);
        }
        if let Some(newest) = pairs.last() {
            let square = ops::dot(simd, &newest.gradient, &newest.gradient);
            ops::scale(simd, R::from_f64(newest.product / square), out);
        }
        for (pair, alpha) in pairs.iter().zip(&self.alphas) {
            let beta = ops::dot(simd, &pair.gradient, out) / pair.product;
            ops::add_multiple(simd, R::from_f64(alpha - beta), &pair.point, out);
        }
    }

    fn learn(&mut self, simd: Simd, point: &[R], gradient: &[R]) {
        if self.begun {
            self.add_pair(simd, point, gradient);
        }
        self.begun = true;
        self.last.point.copy_from_slice(point);
        self.last.gradient.copy_from_slice(gradient);
    }

    /// Remembers the step from the last point, if the gradient grew along it.
    fn add_pair(&mut self, simd: Simd, point: &[R], gradient: &[R]) {
        if self.known == self.memory {
            self.pairs.rotate_left(1);
            self.known -= 1;
        }
        let pair = &mut self.pairs[self.known];
        let minus = -R::ONE;
        pair.point.copy_from_slice(point);
        ops::add_multiple(simd, minus, &self.last.point, &mut pair.point);
        pair.gradient.copy_from_slice(gradient);
        ops::add_multiple(simd, minus, &self.last.gradient, &mut pair.gradient);
        pair.product = ops::dot(simd, &pair.point, &pair.gradient);
        let square = ops::dot(simd, &pair.gradient, &pair.gradient);
        if pair.product > 1e-10 * square {
            self.known += 1;
        }
    }
}
