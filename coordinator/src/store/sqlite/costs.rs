//! What units cost.

use bistable_common::ids::{CellId, SweepId};
use rusqlite::{Connection, named_params};

use crate::store::StoreError;

/// A sweep that was deleted meanwhile has no costs.
pub(super) fn save(
    db: &Connection,
    sweep: SweepId,
    cell: CellId,
    unit_us: u64,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "/* save_cost */
         INSERT INTO costs (sweep, cell, unit_us)
         SELECT :sweep, :cell, :unit_us WHERE EXISTS (SELECT 1 FROM sweeps WHERE id = :sweep)
         ON CONFLICT (sweep, cell) DO UPDATE SET unit_us = excluded.unit_us",
    )?
    .execute(named_params! {
        ":sweep": sweep.0,
        ":cell": cell.0,
        ":unit_us": i64::try_from(unit_us).unwrap_or(i64::MAX),
    })?;
    Ok(())
}

pub(super) fn list(db: &Connection, sweep: SweepId) -> Result<Vec<(CellId, u64)>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* costs */ SELECT cell, unit_us FROM costs WHERE sweep = :sweep ORDER BY cell",
    )?;
    let rows = statement.query_map(named_params! { ":sweep": sweep.0 }, |row| {
        Ok((CellId(row.get(0)?), row.get::<_, i64>(1)? as u64))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
