//! The numerics' one entry: a range of adjacent units of one (cell, replicate) in, their trajectories out.

mod dispatch;
mod fingerprint;

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicBool},
};

use bistable_common::{
    ids::{Block, CellId, Replicate},
    spec::Precision,
    sweep::Sweep,
    trajectory::Trajectory,
};

use self::dispatch::Job;
use crate::{data::Dataset, kernel::Simd, setting::Setting, solver::Stopped};

pub use crate::setting::Mode;
pub use fingerprint::fingerprint;

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

impl Work {
    /// Where it is done, with these instructions.
    pub(crate) fn setting(&self, simd: Simd) -> Setting<'_> {
        Setting {
            facts: self.sweep.facts(),
            cell: self.cell,
            replicate: self.replicate,
            mode: self.mode,
            simd,
        }
    }
}

/// Why units were not run to their end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// `stop` was set.
    #[error("stopped on request")]
    Stopped,
    /// The data set is not the one that the sweep was checked against.
    #[error("the sweep's data set is missing or too small for its samples")]
    Data,
    /// The run would need more memory than a worker gives it.
    #[error("a run of this cell needs {} GiB for its states and tape; take fewer K, a smaller T or smaller batches", needed >> 30)]
    Memory {
        /// Bytes.
        needed: u64,
    },
    /// The problem cannot compute on this data set.
    #[error("the sweep's data set does not fit its problem: {0}")]
    Unfit(String),
    /// The problem is not computed in this precision.
    #[error("`quadratic` is computed in f64 only")]
    Precision,
}

impl From<Stopped> for RunError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

/// Runs `work` with these instructions, giving each unit to `done` as soon as it is finished, in the order of blocks. `stop`
/// is read before every inner step.
pub fn run(
    work: &Work,
    simd: Simd,
    stop: &AtomicBool,
    done: &mut dyn FnMut(Block, Trajectory),
) -> Result<(), RunError> {
    let mut job = Job {
        setting: work.setting(simd),
        data: work.data.as_deref(),
        blocks: work.blocks.clone(),
        stop,
        done,
    };
    match work.sweep.facts().precision {
        Precision::F32 => dispatch::run::<f32>(&mut job),
        Precision::F64 => dispatch::run::<f64>(&mut job),
    }
}
