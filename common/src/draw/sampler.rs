//! Batches of indices: which samples a solver reads, and when.

use super::{Key, Purpose};
use crate::{
    ids::Replicate,
    spec::{Batch, Sampling},
    sweep::Cell,
};

/// What a batch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Validation samples.
    Outer,
    /// Training samples of inner steps.
    Inner,
    /// Training samples of the implicit direction's products with `d_yy g`.
    Curvature,
    /// Training samples of its product with `d_x d_y g`.
    Cross,
}

/// How batches come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Draws {
    /// Each is everything.
    None,
    Uniform,
    Epoch,
}

/// Draws the batches of one level. What it holds are constants and a memo of the current epoch; a batch is a function
/// of (round, sub-step) alone.
pub struct Sampler {
    key: Key,
    draws: Draws,
    samples: u32,
    batch: u32,
    steps_per_round: u32,
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl Sampler {
    /// The sampler of `level` in `cell`, for `replicate`.
    pub fn new(master_seed: u64, replicate: Replicate, cell: &Cell, level: Level) -> Self {
        let solver = &cell.solver;
        // A solver without products draws no batch for them.
        let batch_v = (solver.direction.implicit()).map_or(Batch::ALL, |implicit| implicit.batch_v);
        let (purpose, samples, batch, steps_per_round) = match level {
            Level::Outer => (Purpose::Outer, cell.m1, solver.batch_x, 1),
            Level::Inner => {
                let steps = solver.inner_batches();
                (Purpose::Inner, cell.m2, solver.batch_y, steps)
            }
            Level::Curvature => (Purpose::Curvature, cell.m2, batch_v, 1),
            Level::Cross => (Purpose::Cross, cell.m2, batch_v, 1),
        };
        let draws = match (batch, level) {
            (Batch::Full(_), _) => Draws::None,
            (Batch::Of(_), Level::Curvature | Level::Cross) => Draws::Uniform,
            (Batch::Of(_), Level::Outer | Level::Inner) => match solver.sampling {
                Sampling::Uniform => Draws::Uniform,
                Sampling::Epoch => Draws::Epoch,
            },
        };
        Self {
            key: Key::new(master_seed, replicate, purpose),
            draws,
            samples,
            batch: batch.size(samples),
            steps_per_round,
            epoch: None,
            order: Vec::with_capacity(match draws {
                Draws::Uniform | Draws::None => 0,
                Draws::Epoch => samples as usize,
            }),
        }
    }

    /// Samples of a batch.
    pub fn size(&self) -> u32 {
        self.batch
    }

    /// Samples that are drawn from.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Replaces `out` by the batch of `sub_step` (below the level's steps a round) in `round`.
    pub fn batch(&mut self, round: u64, sub_step: u32, out: &mut Vec<u32>) {
        self.batch_of(self.batch, round, sub_step, out);
    }

    /// The same with another size, where batches are drawn uniformly. Of two batches of one sub-step, the smaller is the
    /// larger one's beginning.
    pub fn batch_of(&mut self, size: u32, round: u64, sub_step: u32, out: &mut Vec<u32>) {
        out.clear();
        match self.draws {
            Draws::None => out.extend(0..self.samples),
            Draws::Uniform => {
                let mut stream = self.key.stream(round, u64::from(sub_step));
                out.extend((0..size).map(|_| stream.below(self.samples)));
            }
            Draws::Epoch => {
                let step = round * u64::from(self.steps_per_round) + u64::from(sub_step);
                let batches = u64::from(self.samples.div_ceil(self.batch));
                self.shuffle(step / batches);
                let first = (step % batches) as usize * self.batch as usize;
                let end = (first + self.batch as usize).min(self.samples as usize);
                out.extend_from_slice(&self.order[first..end]);
            }
        }
    }

    fn shuffle(&mut self, epoch: u64) {
        if self.epoch != Some(epoch) {
            self.key
                .stream(epoch, 0)
                .permutation(self.samples, &mut self.order);
            self.epoch = Some(epoch);
        }
    }
}
