//! How a sweep is cut into units: arithmetic on the facts, in a stable order, without storage.

use std::ops::Range;

use crate::{
    ids::{Block, CellId, Replicate, UnitKey},
    sweep::{Cell, Facts, Indices},
};

/// Positions of the index order in a unit.
pub const BLOCK: u32 = 16;

/// A sweep's units: cells in order, in each the replicates, in each the blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    replicates: u32,
    /// Positions of each cell.
    positions: Vec<u32>,
}

impl Plan {
    /// The plan of a sweep.
    pub fn new(facts: &Facts) -> Self {
        Self {
            replicates: facts.replicates,
            positions: facts
                .cells
                .iter()
                .map(|cell| positions(facts, cell))
                .collect(),
        }
    }

    /// Number of cells.
    pub fn cells(&self) -> u32 {
        self.positions.len() as u32
    }

    /// Number of replicates.
    pub fn replicates(&self) -> u32 {
        self.replicates
    }

    /// Blocks of each replicate of `cell`; at least 1, since block 0 also carries the base run's curve.
    pub fn blocks(&self, cell: CellId) -> u32 {
        self.positions[cell.0 as usize].div_ceil(BLOCK).max(1)
    }

    /// Units in all.
    pub fn units(&self) -> u64 {
        let per_replicate: u64 = (0..self.cells())
            .map(|cell| u64::from(self.blocks(CellId(cell))))
            .sum();
        per_replicate * u64::from(self.replicates)
    }

    /// Experiments in all: replaced indices over all cells and replicates. With a number of indices, an upper bound:
    /// a run may draw fewer.
    pub fn experiments(&self) -> u64 {
        self.positions.iter().map(|&n| u64::from(n)).sum::<u64>() * u64::from(self.replicates)
    }

    /// The positions of `block` in the index order of `cell` (which may turn out shorter than planned).
    pub fn positions(&self, cell: CellId, block: Block) -> Range<u32> {
        let end = self.positions[cell.0 as usize];
        let first = block.0.saturating_mul(BLOCK).min(end);
        first..first.saturating_add(BLOCK).min(end)
    }

    /// Whether `unit` is one of the plan's.
    pub fn contains(&self, unit: UnitKey) -> bool {
        unit.cell.0 < self.cells()
            && unit.replicate.0 < self.replicates
            && unit.block.0 < self.blocks(unit.cell)
    }

    /// Every (cell, replicate), in order.
    pub fn runs(&self) -> impl Iterator<Item = (CellId, Replicate)> + '_ {
        (0..self.cells())
            .flat_map(|cell| (0..self.replicates).map(move |r| (CellId(cell), Replicate(r))))
    }
}

/// Positions of the index order of a cell, at most: the samples that are replaced, one a run.
pub fn positions(facts: &Facts, cell: &Cell) -> u32 {
    let samples = facts.replace.samples(cell);
    match facts.indices {
        Indices::All => samples,
        Indices::Count(count) => count.min(samples),
    }
}
