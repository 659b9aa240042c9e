//! What the link runs: the numerics behind a trait, so that the link can be tested without them.

use std::sync::atomic::AtomicBool;

use bistable_common::{
    ids::{Block, Hash},
    trajectory::Trajectory,
};

use crate::{
    kernel::Simd,
    unit::{self, RunError, Work},
};

/// Runs units and vouches for their bits.
pub trait Runner: Send + Sync + 'static {
    /// The self-test fingerprint of the numerics. Called once, on a thread where it may take its time.
    fn fingerprint(&self) -> Hash;

    /// Runs `work`, as [`unit::run`] does.
    fn run(
        &self,
        work: &Work,
        stop: &AtomicBool,
        done: &mut dyn FnMut(Block, Trajectory),
    ) -> Result<(), RunError>;
}

/// The numerics of this crate, on some instructions.
#[derive(Debug, Clone, Copy)]
pub struct Numerics(pub Simd);

impl Runner for Numerics {
    fn fingerprint(&self) -> Hash {
        unit::fingerprint(self.0)
    }

    fn run(
        &self,
        work: &Work,
        stop: &AtomicBool,
        done: &mut dyn FnMut(Block, Trajectory),
    ) -> Result<(), RunError> {
        unit::run(work, self.0, stop, done)
    }
}
