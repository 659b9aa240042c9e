//! The numerics' one entry: a range of adjacent units of one (cell, replicate) in, their trajectories out.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicBool},
};

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate},
    sweep::Sweep,
    trajectory::Trajectory,
};

use crate::data::Dataset;

/// What a lease asks for.
#[derive(Clone)]
pub struct Work {
    /// The sweep.
    pub sweep: Arc<Sweep>,
    /// Its data set, if its problem needs one.
    pub data: Option<Arc<Dataset>>,
    /// The cell.
    pub cell: CellId,
    /// The replicate.
    pub replicate: Replicate,
    /// The blocks.
    pub blocks: Range<u32>,
    /// Whether every experiment is rerun from scratch, to prove that forking changes nothing.
    pub mode: Mode,
}

/// How experiments get their prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// From the base run, forked where it first reads the replaced sample.
    #[default]
    Forked,
    /// From scratch.
    Naive,
}

/// Why units were not run to their end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// `stop` was set.
    #[error("stopped on request")]
    Stopped,
    /// The work does not fit the data, which no checked sweep can cause.
    #[error("{0}")]
    Unfit(String),
}

/// Runs `work`, giving each unit to `done` as soon as it is finished, in the order of blocks. `stop` is read once an
/// outer iteration. Allocates everything before the first iteration.
pub fn run(
    _work: &Work,
    _stop: &AtomicBool,
    _done: &mut dyn FnMut(Block, Trajectory),
) -> Result<(), RunError> {
    unimplemented!()
}

/// The self-test fingerprint of this build's numerics on this machine: a hash over the trajectories of small fixed sweeps.
/// Equal fingerprints mean that results may stand in one sweep.
pub fn fingerprint() -> Hash {
    unimplemented!()
}
