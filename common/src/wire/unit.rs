//! Units on the wire.

use super::v1;
use crate::ids::{Block, CellId, InvalidId, Replicate, UnitId, UnitKey};

/// A message that names no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUnit {
    /// The field is absent.
    #[error("no unit is named")]
    Missing,
    /// The sweep's identifier is not one.
    #[error(transparent)]
    Sweep(#[from] InvalidId),
}

impl From<UnitId> for v1::UnitId {
    fn from(unit: UnitId) -> Self {
        let UnitId {
            sweep,
            key:
                UnitKey {
                    cell,
                    replicate,
                    block,
                },
        } = unit;
        Self {
            sweep: sweep.to_string(),
            cell: cell.0,
            replicate: replicate.0,
            block: block.0,
        }
    }
}

impl TryFrom<v1::UnitId> for UnitId {
    type Error = InvalidUnit;

    fn try_from(message: v1::UnitId) -> Result<Self, InvalidUnit> {
        let v1::UnitId {
            sweep,
            cell,
            replicate,
            block,
        } = message;
        Ok(Self {
            sweep: sweep.parse()?,
            key: UnitKey {
                cell: CellId(cell),
                replicate: Replicate(replicate),
                block: Block(block),
            },
        })
    }
}

impl TryFrom<Option<v1::UnitId>> for UnitId {
    type Error = InvalidUnit;

    fn try_from(message: Option<v1::UnitId>) -> Result<Self, InvalidUnit> {
        message.ok_or(InvalidUnit::Missing)?.try_into()
    }
}
