//! What is leased out.

use bistable_common::ids::{CellId, LeaseToken, Replicate, SweepId, WorkerId};
use rusqlite::{Connection, Row, named_params};

use crate::{
    board::{Lease, Timestamp, UnitRange},
    store::StoreError,
};

pub(super) fn save(db: &Connection, lease: &Lease) -> Result<(), StoreError> {
    db.prepare_cached(
        "/* save_lease */
         INSERT INTO leases (token, sweep, cell, replicate, first_block, end_block, attempt, worker, host,
                             deadline_ms)
         VALUES (:token, :sweep, :cell, :replicate, :first_block, :end_block, :attempt, :worker, :host,
                 :deadline)",
    )?
    .execute(named_params! {
        ":token": lease.token.0,
        ":sweep": lease.sweep.0,
        ":cell": lease.units.cell.0,
        ":replicate": lease.units.replicate.0,
        ":first_block": lease.units.blocks.start,
        ":end_block": lease.units.blocks.end,
        ":attempt": lease.attempt,
        ":worker": lease.worker.0,
        ":host": lease.host,
        ":deadline": lease.deadline.0 as i64,
    })?;
    Ok(())
}

pub(super) fn extend(
    db: &Connection,
    token: LeaseToken,
    deadline: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "/* extend_lease */ UPDATE leases SET deadline_ms = :deadline WHERE token = :token",
    )?
    .execute(named_params! { ":token": token.0, ":deadline": deadline.0 as i64 })?;
    Ok(())
}

pub(super) fn remove(db: &Connection, token: LeaseToken) -> Result<(), StoreError> {
    db.prepare_cached("/* drop_lease */ DELETE FROM leases WHERE token = :token")?
        .execute(named_params! { ":token": token.0 })?;
    Ok(())
}

pub(super) fn list(db: &Connection) -> Result<Vec<Lease>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* leases */
         SELECT token, sweep, cell, replicate, first_block, end_block, attempt, worker, host, deadline_ms
         FROM leases ORDER BY token",
    )?;
    let rows = statement.query_map([], lease)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Lease> {
    Ok(Lease {
        token: LeaseToken(row.get(0)?),
        sweep: SweepId(row.get(1)?),
        units: UnitRange {
            cell: CellId(row.get(2)?),
            replicate: Replicate(row.get(3)?),
            blocks: row.get(4)?..row.get(5)?,
        },
        attempt: row.get(6)?,
        worker: WorkerId(row.get(7)?),
        host: row.get(8)?,
        deadline: Timestamp(row.get::<_, i64>(9)? as u64),
    })
}
