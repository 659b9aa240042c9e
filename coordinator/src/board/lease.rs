//! What is leased, to whom, and until when.

use std::ops::Range;

use bistable_common::ids::{Block, CellId, LeaseToken, Replicate, SweepId, UnitKey, WorkerId};

use super::Timestamp;

/// Adjacent units of one (cell, replicate), which share a base run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRange {
    /// The cell.
    pub cell: CellId,
    /// The replicate.
    pub replicate: Replicate,
    /// The blocks; not empty.
    pub blocks: Range<u32>,
}

impl UnitRange {
    /// Its units, in the order in which a worker runs them.
    pub fn units(&self) -> impl Iterator<Item = UnitKey> + use<> {
        let (cell, replicate) = (self.cell, self.replicate);
        self.blocks.clone().map(move |block| UnitKey {
            cell,
            replicate,
            block: Block(block),
        })
    }

    /// Folds units in ascending order into ranges.
    pub fn fold<E>(
        units: impl IntoIterator<Item = Result<UnitKey, E>>,
    ) -> Result<Vec<UnitRange>, E> {
        let mut ranges: Vec<UnitRange> = Vec::new();
        for unit in units {
            let unit = unit?;
            let block = unit.block.0;
            match ranges.last_mut() {
                Some(last)
                    if (last.cell, last.replicate) == (unit.cell, unit.replicate)
                        && last.blocks.end == block =>
                {
                    last.blocks.end = block + 1;
                }
                _ => ranges.push(UnitRange {
                    cell: unit.cell,
                    replicate: unit.replicate,
                    blocks: block..block + 1,
                }),
            }
        }
        Ok(ranges)
    }
}

/// A lease: it fences its own operations by its token, never the results computed under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The fence.
    pub token: LeaseToken,
    /// The sweep.
    pub sweep: SweepId,
    /// The units.
    pub units: UnitRange,
    /// One more than the failed attempts of the unit that failed most.
    pub attempt: u32,
    /// Who works on it.
    pub worker: WorkerId,
    /// Where, for people.
    pub host: String,
    /// When it is lost unless a beat names it.
    pub deadline: Timestamp,
}
