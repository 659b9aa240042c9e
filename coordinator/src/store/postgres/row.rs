//! Between the domain's values and PostgreSQL's, which have no unsigned integers, and texts without NUL.

use std::borrow::Cow;

use bistable_common::ids::{Block, CellId, Hash, Replicate, UnitKey};
use tokio_postgres::{Row, types::FromSql};

use super::error::PostgresError;
use crate::{board::Timestamp, store::StoreError};

/// The largest number there is, for one that is larger: a time or a cost that nobody will ever compare.
pub(super) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A text that PostgreSQL takes. Texts come from workers, which may say anything.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Reads a column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column)
        .map_err(|error| PostgresError::from(error).into())
}

/// Reads a column that this program only ever filled from a number of a smaller type.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T, StoreError> {
    let number: i64 = get(row, column)?;
    T::try_from(number).map_err(|_| StoreError::Damaged(format!("the number {number}")))
}

/// Reads a column of identifying bytes.
pub(super) fn bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = get(row, column)?;
    let damaged = |_| StoreError::Damaged(format!("{} bytes instead of {N}", bytes.len()));
    bytes.try_into().map_err(damaged)
}

/// Reads a hash.
pub(super) fn hash(row: &Row, column: usize) -> Result<Hash, StoreError> {
    Ok(Hash(bytes(row, column)?))
}

/// Reads a time.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp(number(row, column)?))
}

/// Reads the leading columns cell, replicate, block.
pub(super) fn unit(row: &Row) -> Result<UnitKey, StoreError> {
    Ok(UnitKey {
        cell: CellId(number(row, 0)?),
        replicate: Replicate(number(row, 1)?),
        block: Block(number(row, 2)?),
    })
}

/// Units as three columns, for a statement that takes many.
#[derive(Default)]
pub(super) struct Units {
    pub cells: Vec<i64>,
    pub replicates: Vec<i64>,
    pub blocks: Vec<i64>,
}

impl FromIterator<UnitKey> for Units {
    fn from_iter<I: IntoIterator<Item = UnitKey>>(units: I) -> Self {
        let mut columns = Self::default();
        for unit in units {
            columns.cells.push(unit.cell.0.into());
            columns.replicates.push(unit.replicate.0.into());
            columns.blocks.push(unit.block.0.into());
        }
        columns
    }
}
