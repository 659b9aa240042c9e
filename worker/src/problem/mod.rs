//! Problems: what a bilevel solver needs to know of one, and nothing of solvers.
//!
//! To add a problem, implement [`Oracle`] on flat slices and wrap it in [`Plain`]; if it is worth it, implement the fused
//! operations of [`Problem`] with a layout and kernels of its own, with the oracle as their test.

mod binary_logistic;
mod dealt;
mod distillation;
mod few_shot;
mod hyper_representation;
mod logistic;
mod mlp;
mod plain;
pub mod quadratic;
pub mod reweighting;
mod saddle;
mod samples;
mod size;
#[cfg(test)]
mod tests;

pub use binary_logistic::BinaryLogistic;
pub use distillation::Distillation;
pub use few_shot::FewShot;
pub use hyper_representation::HyperRepresentation;
pub use logistic::Logistic;
pub use plain::Plain;
pub use quadratic::{Quadratic, QuadraticReplicas};
pub use reweighting::{LinearReplicas, Reweighting};
pub use saddle::{Auc, RobustReweighting};
pub use size::{Size, Work};

use crate::kernel::{Aligned, Real, Simd};

/// Lengths of the variables' slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dims {
    /// Of x.
    pub x: usize,
    /// Of y (padding included, which stays zero).
    pub y: usize,
    /// Of z; 0 where the inner level is no minimax.
    pub z: usize,
}

impl Dims {
    /// Of x, y and z together.
    pub fn all(&self) -> usize {
        self.x + self.y + self.z
    }
}

/// The state of a run: what is forked and whose distance is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Iterate<R: Real> {
    /// The outer variable.
    pub x: Vec<R>,
    /// The inner variable.
    pub y: Aligned<R>,
    /// What maximizes g where the inner level is `argmin_y max_z g`; else empty.
    pub z: Vec<R>,
}

impl<R: Real> Iterate<R> {
    /// Zeros.
    pub fn zeros(dims: Dims) -> Self {
        Self {
            x: vec![R::ZERO; dims.x],
            y: Aligned::zeros(dims.y),
            z: vec![R::ZERO; dims.z],
        }
    }

    /// Overwrites this state by another of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.x.copy_from_slice(&other.x);
        self.copy_inner(other);
    }

    /// The same of what the inner level moves.
    pub fn copy_inner(&mut self, other: &Self) {
        self.y.copy_from_slice(&other.y);
        self.z.copy_from_slice(&other.z);
    }

    /// Whether every component is a finite number.
    pub fn is_finite(&self) -> bool {
        // Nothing times zero is not a number, unless it is finite. Without branches: this is asked in every iteration.
        let zero = |v: R| v * R::ZERO == R::ZERO;
        let sound = |values: &[R]| values.iter().fold(true, |all, &v| all & zero(v));
        let finite = |values: &[R]| values.chunks(1024).all(sound);
        finite(&self.x) && finite(&self.y) && finite(&self.z)
    }
}

/// A set of outer samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// D in rows `0..m1`, D~ in rows `m1..2 m1`.
    Validation,
    /// The test set.
    Test,
}

/// Mean outer loss and 0-1 error over some rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// Mean of f.
    pub loss: f64,
    /// Mean 0-1 error, for classification problems.
    pub error: Option<f64>,
}

impl Metrics {
    /// From the sums of loss and error over `count` rows.
    fn mean(sums: [f64; 2], count: usize) -> Self {
        let [loss, error] = sums.map(|sum| sum / count as f64);
        Self {
            loss,
            error: Some(error),
        }
    }
}

/// What each sample of a batch counts.
fn share<R: Real>(batch: &[u32]) -> R {
    R::ONE / R::from_f64(batch.len() as f64)
}

/// Constants of a problem that the theory needs (SBO section 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// Smoothness of f.
    pub l_f: f64,
    /// Smoothness of g.
    pub l_g: f64,
    /// Strong convexity of f; negative where it is not convex: its Hessian's smallest eigenvalue.
    pub mu_f: f64,
    /// The same of g.
    pub mu_g: f64,
}

/// What a solver will ask for, so that everything is allocated before the first iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Samples of an outer batch, at most.
    pub batch_x: usize,
    /// Samples of an inner batch, at most.
    pub batch_y: usize,
    /// Inner steps of an outer iteration that will be differentiated through, at most.
    pub tape: usize,
    /// Samples of a product with second derivatives, at most; 0 if there will be none.
    pub products: usize,
    /// Whether gradients will be asked for by themselves.
    pub gradients: bool,
}

/// How much memory a problem will need, told before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of the state of one replica.
    pub state: u64,
    /// Replicas of a group.
    pub replicas: usize,
    /// Bytes of a group's state.
    pub group: u64,
    /// Bytes of the loop's scratch space.
    pub scratch: u64,
}

/// A bilevel problem as mathematics: derivatives on flat slices. The sample functions are averaged over `batch`, rows of
/// S at the inner level and of [`Table::Validation`] at the outer; repeated rows count repeatedly. Where training samples
/// are replaced, the copies stand behind S in its table, too: in rows `m2..2 m2`, each in the place of its original.
pub trait Oracle: Sync {
    /// The type of its parameters.
    type Real: Real;

    /// Lengths of the variables.
    fn dims(&self) -> Dims;
    /// The initial point.
    fn start(&self) -> Iterate<Self::Real>;
    /// Whether inner steps start at a y that depends on x, which [`Oracle::begin`] and [`Oracle::pull_start`] then say.
    const STARTS_AT_X: bool = false;
    /// Puts y where inner steps start, given x.
    fn begin(&self, _at: &mut Iterate<Self::Real>) {}
    /// `out += (d y_0 / d x)' lambda`.
    fn pull_start(&self, _lambda: &[Self::Real], _out: &mut [Self::Real]) {}
    /// Words of `work` that the other methods need.
    fn work_words(&self) -> usize;
    /// `out = d_y g`, of length y.
    fn inner_grad(
        &self,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        out: &mut [Self::Real],
        work: &mut [Self::Real],
    );
    /// `out = d_z g`, of length z: of problems that have a z.
    fn dual_grad(
        &self,
        _at: &Iterate<Self::Real>,
        _batch: &[u32],
        out: &mut [Self::Real],
        _work: &mut [Self::Real],
    ) {
        assert!(out.is_empty(), "a problem with z has a gradient in z");
    }
    /// `gx = d_x f` and `gy = d_y f`.
    fn outer_grads(
        &self,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        gx: &mut [Self::Real],
        gy: &mut [Self::Real],
        work: &mut [Self::Real],
    );
    /// `out = d_yy g v`, of length y.
    fn inner_hvp(
        &self,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        v: &[Self::Real],
        out: &mut [Self::Real],
        work: &mut [Self::Real],
    );
    /// `out = d_x d_y g v`, of length x.
    fn cross_vp(
        &self,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        v: &[Self::Real],
        out: &mut [Self::Real],
        work: &mut [Self::Real],
    );
    /// The inner objective g.
    fn inner_value(&self, at: &Iterate<Self::Real>, batch: &[u32]) -> f64;
    /// Mean outer loss and error over `rows` of `table`.
    fn metrics(&self, at: &Iterate<Self::Real>, table: Table, rows: &[u32]) -> Metrics;
    /// The instructions that its steps use.
    fn simd(&self) -> Simd {
        Simd::soft()
    }
    /// Its constants, where they are known.
    fn constants(&self) -> Option<Constants> {
        None
    }
}

/// A validation sample that a batch has in another replica's stead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Where it stands in the batch.
    pub position: usize,
    /// The replica.
    pub lane: usize,
    /// Its row of [`Table::Validation`].
    pub row: u32,
}

/// An outer batch of a group of replicas.
#[derive(Debug, Clone, Copy)]
pub struct OuterBatch<'a> {
    /// Rows of [`Table::Validation`], which all replicas have but for those below.
    pub rows: &'a [u32],
    /// What single replicas have instead, by position; at most one at each. None in a group of one: its rows are its own.
    pub replaced: &'a [Replaced],
}

/// A bilevel problem as the solvers' loop sees it: fused operations on scratch space that is made once.
///
/// A problem whose state is small steps [`Problem::REPLICAS`] replicas together, each a SIMD lane; a group of them is an
/// [`Iterate`] of its own layout. Every replica has the bits that it would have in any other company.
pub trait Problem: Sync {
    /// The type of its parameters.
    type Real: Real;
    /// Scratch space, the tape of inner steps included.
    type Scratch;
    /// Replicas of a group: 1, or [`crate::kernel::LANES`], which then alternate in `x` (`[component][replica]`).
    const REPLICAS: usize;

    /// Lengths of the variables.
    fn dims(&self) -> Dims;
    /// The initial point.
    fn start(&self) -> Iterate<Self::Real>;
    /// The same of a group.
    fn group_dims(&self) -> Dims {
        self.dims()
    }
    /// Makes `state` one of a group's replicas.
    fn put(&self, state: &Iterate<Self::Real>, _lane: usize, group: &mut Iterate<Self::Real>) {
        group.copy_from(state);
    }
    /// Copies one of a group's replicas to `state`.
    fn get(&self, group: &Iterate<Self::Real>, _lane: usize, state: &mut Iterate<Self::Real>) {
        state.copy_from(group);
    }
    /// Puts y where inner steps start, if that depends on x.
    fn begin(&self, _group: &mut Iterate<Self::Real>) {}
    /// Scratch space for a solver of this shape.
    fn scratch(&self, shape: Shape) -> Self::Scratch;
    /// Bytes that [`Problem::scratch`] allocates, about.
    fn scratch_bytes(&self, shape: Shape) -> u64;
    /// `y -= eta d_y g(x, y; batch)` in each replica of the group; remembers at `slot` of the tape what the unrolled
    /// direction will need, if there is a tape.
    fn inner_step(
        &self,
        scratch: &mut Self::Scratch,
        group: &mut Iterate<Self::Real>,
        batch: &[u32],
        eta: f64,
        slot: usize,
    );
    /// The outer direction of each replica, into `out`: the derivative of f through the first `steps` inner steps of the
    /// tape; without any, the partial derivative in x.
    fn direction(
        &self,
        scratch: &mut Self::Scratch,
        group: &Iterate<Self::Real>,
        batch: OuterBatch<'_>,
        steps: usize,
        out: &mut [Self::Real],
    );
    /// Mean outer loss and error over `rows` of `table`, at the state of one replica.
    fn evaluate(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<Self::Real>,
        table: Table,
        rows: &[u32],
    ) -> Metrics;
    /// g, at the state of one replica.
    fn inner_value(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<Self::Real>,
        batch: &[u32],
    ) -> f64;
    /// [`Problem::inner_value`] if that is at most `most`; else anything that is not.
    fn inner_value_within(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        _most: f64,
    ) -> f64 {
        self.inner_value(scratch, at, batch)
    }
    /// Prepares values of g along the line `y - eta d`, where [`Smooth::inner_grad`] was asked last, and on its batch; false if
    /// there is no short way to them. `at` is where that was.
    fn aim_line(
        &self,
        _: &mut Self::Scratch,
        _at: &Iterate<Self::Real>,
        _d: &[Self::Real],
    ) -> bool {
        false
    }
    /// g at a point of the line that was prepared, if that is at most `most`; else anything that is not. Never asked where
    /// [`Problem::aim_line`] is false.
    fn value_on_line(&self, _: &mut Self::Scratch, _eta: f64, _most: f64) -> f64 {
        f64::NAN
    }
}

/// What solvers that are not made of fused operations ask for, one replica at a time: gradients, and products with second
/// derivatives of g. All of them average over `batch`, as an [`Oracle`]'s do.
pub trait Smooth: Problem {
    /// `out = d_y g`.
    fn inner_grad(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        out: &mut [Self::Real],
    );
    /// `out = d_z g`: of problems that have a z.
    fn dual_grad(
        &self,
        _scratch: &mut Self::Scratch,
        _at: &Iterate<Self::Real>,
        _batch: &[u32],
        out: &mut [Self::Real],
    ) {
        assert!(out.is_empty(), "a problem with z has a gradient in z");
    }
    /// `gx = d_x f` and `gy = d_y f`.
    fn outer_grads(
        &self,
        scratch: &mut Self::Scratch,
        at: &Iterate<Self::Real>,
        batch: &[u32],
        gx: &mut [Self::Real],
        gy: &mut [Self::Real],
    );
    /// Prepares the products below: of the second derivatives of g there, on that batch.
    fn linearize(&self, scratch: &mut Self::Scratch, at: &Iterate<Self::Real>, batch: &[u32]);
    /// `out = d_yy g v` where g was linearized.
    fn inner_hvp(&self, scratch: &mut Self::Scratch, v: &[Self::Real], out: &mut [Self::Real]);
    /// `out = d_x d_y g v` where g was linearized.
    fn cross_vp(&self, scratch: &mut Self::Scratch, v: &[Self::Real], out: &mut [Self::Real]);
}
