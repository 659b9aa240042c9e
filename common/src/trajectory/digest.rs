//! The digest: one hash over a sweep's facts, for anyone to reproduce.

use super::{Experiment, Trajectory, bytes::Writer};
use crate::{
    ids::{CellId, Hash, Replicate},
    sweep::Facts,
};

/// Units of one (cell, replicate) that disagree about their common base run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the units of cell {}, replicate {} disagree about their base run", cell.0, replicate.0)]
pub struct InconsistentBase {
    /// The cell.
    pub cell: CellId,
    /// The replicate.
    pub replicate: Replicate,
}

/// Hashes a sweep's facts: a scheme version, the canonical sweep's hash, then every (cell, replicate) in order: the base
/// run's stop, states and curve, and the experiments by index, all as little-endian words.
pub struct Digest {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Digest {
    /// Begins the digest of a sweep.
    pub fn new(facts: &Facts) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("bistable v1 digest");
        hasher.update(&u64::from(facts.scheme).to_le_bytes());
        hasher.update(&facts.hash().0);
        Self {
            hasher,
            buffer: Vec::new(),
        }
    }

    /// Adds one (cell, replicate). They come in plan order; `units` are all of its units, in the order of blocks, and
    /// `ks` the cell's K.
    pub fn run(
        &mut self,
        cell: CellId,
        replicate: Replicate,
        ks: &[u64],
        units: &[Trajectory],
    ) -> Result<(), InconsistentBase> {
        let inconsistent = InconsistentBase { cell, replicate };
        let first = units.first().ok_or(inconsistent)?;
        if units.iter().any(|unit| {
            (unit.base_stop, &unit.base_states) != (first.base_stop, &first.base_states)
        }) {
            return Err(inconsistent);
        }
        self.buffer.clear();
        let mut writer = Writer(&mut self.buffer);
        writer.int(u64::from(cell.0));
        writer.int(u64::from(replicate.0));
        writer.stop(first.base_stop);
        for state in &first.base_states {
            writer.0.extend_from_slice(state);
        }
        first
            .curve
            .iter()
            .for_each(|point| writer.curve_point(point));
        let mut experiments: Vec<&Experiment> =
            units.iter().flat_map(|unit| &unit.experiments).collect();
        experiments.sort_by_key(|experiment| experiment.index);
        for experiment in experiments {
            writer.experiment_head(experiment);
            for (k, record) in ks.iter().zip(&experiment.records) {
                writer.int(*k);
                writer.record(record);
            }
        }
        self.hasher
            .update(&(self.buffer.len() as u64).to_le_bytes());
        self.hasher.update(&self.buffer);
        Ok(())
    }

    /// The digest.
    pub fn finish(self) -> Hash {
        Hash(*self.hasher.finalize().as_bytes())
    }
}
