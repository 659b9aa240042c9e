//! Where numerics stand: one (cell, replicate) of a sweep, and how it is computed.

use bistable_common::{
    draw::{Key, Level, Purpose, Sampler},
    ids::{CellId, Replicate},
    sweep::{Cell, Facts},
};

use crate::kernel::Simd;

/// One (cell, replicate) of a sweep.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The sweep's facts.
    pub facts: &'a Facts,
    /// Index of the cell.
    pub cell: CellId,
    /// The replicate.
    pub replicate: Replicate,
    /// Forked or naive.
    pub mode: Mode,
    /// The instructions in use.
    pub simd: Simd,
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

impl<'a> Setting<'a> {
    /// The cell itself.
    pub fn cell(&self) -> &'a Cell {
        &self.facts.cells[self.cell.0 as usize]
    }

    /// The replicate's draws for a purpose.
    pub(crate) fn key(&self, purpose: Purpose) -> Key {
        Key::new(self.facts.seed, self.replicate, purpose)
    }

    /// Its batches of a level.
    pub(crate) fn sampler(&self, level: Level) -> Sampler {
        Sampler::new(self.facts.seed, self.replicate, self.cell(), level)
    }
}
