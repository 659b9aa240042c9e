//! What a problem that is composed from its oracle takes, told before there is one.

use super::{Dims, Footprint, Shape};

/// Multiply-adds of an operation on a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Whatever the batch.
    pub per_call: f64,
    /// For each of its samples.
    pub per_sample: f64,
}

/// Multiply-adds that an exponential takes, about.
pub(super) const EXPONENTIAL: f64 = 20.0;

impl Work {
    /// None.
    pub const NONE: Self = Self {
        per_call: 0.0,
        per_sample: 0.0,
    };

    /// On a batch of so many samples.
    pub fn on(&self, samples: f64) -> f64 {
        self.per_call + samples * self.per_sample
    }
}

/// A problem's dimensions and what its derivatives take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Lengths of the variables.
    pub dims: Dims,
    /// Bytes of a parameter.
    pub scalar: usize,
    /// Words of an oracle's `work`.
    pub work: usize,
    /// Bytes of a sample in memory.
    pub sample: f64,
    /// A gradient.
    pub gradient: Work,
    /// A product with second derivatives.
    pub product: Work,
    /// A gradient in z, if there is one.
    pub dual: Work,
    /// The outer objective at one sample, by itself.
    pub value: f64,
}

impl Size {
    /// What [`Plain`](super::Plain) allocates.
    pub fn footprint(&self, shape: Shape) -> Footprint {
        let bytes = |words: usize| (words * self.scalar) as u64;
        let state = bytes(self.dims.all());
        Footprint {
            state,
            replicas: 1,
            group: state,
            scratch: bytes(scratch_words(self.dims, self.work, shape)),
        }
    }
}

/// Words of the scratch space of [`Plain`](super::Plain).
pub(super) fn scratch_words(dims: Dims, work: usize, shape: Shape) -> usize {
    (shape.tape + 4) * dims.y + 3 * dims.x + 2 * dims.z + work
}
