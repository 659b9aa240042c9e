//! A lease as the worker understands it.

use std::ops::Range;

use bistable_common::{
    ids::{Block, CellId, InvalidId, LeaseToken, Replicate, SweepId, UnitId, UnitKey},
    plan::Plan,
    sweep::Sweep,
    wire::v1,
};

/// A range of adjacent units of one cell and replicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lease {
    pub token: LeaseToken,
    pub sweep: SweepId,
    pub cell: CellId,
    pub replicate: Replicate,
    pub blocks: Range<u32>,
}

/// A message that is not a lease of units that exist.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidLease {
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error("a lease of blocks {0:?}, which is no range")]
    Blocks(Range<u32>),
    #[error("a lease of units that sweep {0} does not have")]
    Foreign(SweepId),
}

impl Lease {
    /// The unit of `block`.
    pub fn unit(&self, block: u32) -> UnitId {
        UnitId {
            sweep: self.sweep,
            key: UnitKey {
                cell: self.cell,
                replicate: self.replicate,
                block: Block(block),
            },
        }
    }

    /// Refuses units that `sweep` does not have, before any numerics see them.
    pub fn check_against(&self, sweep: &Sweep) -> Result<(), InvalidLease> {
        let plan = Plan::new(sweep.facts());
        let last = self.unit(self.blocks.end - 1).key;
        if plan.contains(last) {
            Ok(())
        } else {
            Err(InvalidLease::Foreign(self.sweep))
        }
    }
}

impl TryFrom<v1::Lease> for Lease {
    type Error = InvalidLease;

    fn try_from(message: v1::Lease) -> Result<Self, InvalidLease> {
        let v1::Lease {
            token,
            sweep,
            cell,
            replicate,
            first_block,
            end_block,
            attempt: _,
        } = message;
        let blocks = first_block..end_block;
        if blocks.is_empty() {
            return Err(InvalidLease::Blocks(blocks));
        }
        Ok(Self {
            token: LeaseToken::try_from(&token[..])?,
            sweep: sweep.parse()?,
            cell: CellId(cell),
            replicate: Replicate(replicate),
            blocks,
        })
    }
}
