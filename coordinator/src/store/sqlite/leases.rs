//! What the board decided: leases and failures.

use bistable_common::ids::{CellId, LeaseToken, Replicate, SweepId, UnitId, WorkerId};
use rusqlite::{Connection, Row, named_params};

use super::results::unit;
use crate::{
    board::{Failure, Fate, Lease, Timestamp, UnitRange},
    store::{Change, StoreError},
};

pub(super) fn apply(db: &Connection, changes: &[Change]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|change| match change {
        Change::SaveLease(lease) => save(db, lease),
        Change::ExtendLease(token, deadline) => extend(db, *token, *deadline),
        Change::DropLease(token) => remove(db, *token),
        Change::RecordFailure(failure) => record_failure(db, failure),
    })
}

fn save(db: &Connection, lease: &Lease) -> Result<(), StoreError> {
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

fn extend(db: &Connection, token: LeaseToken, deadline: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached(
        "/* extend_lease */ UPDATE leases SET deadline_ms = :deadline WHERE token = :token",
    )?
    .execute(named_params! { ":token": token.0, ":deadline": deadline.0 as i64 })?;
    Ok(())
}

fn remove(db: &Connection, token: LeaseToken) -> Result<(), StoreError> {
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

/// A result may have arrived since the board saw the failure: then there is nothing to record.
fn record_failure(db: &Connection, failure: &Failure) -> Result<(), StoreError> {
    let UnitId { sweep, key } = failure.unit;
    db.prepare_cached(
        "/* record_failure */
         INSERT INTO failures (sweep, cell, replicate, block, attempts, error, worker, host, quarantined)
         SELECT :sweep, :cell, :replicate, :block, :attempts, :error, :worker, :host, :quarantined
         WHERE NOT EXISTS (
             SELECT 1 FROM results
             WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block)
         ON CONFLICT (sweep, cell, replicate, block) DO UPDATE
         SET attempts = excluded.attempts, error = excluded.error, worker = excluded.worker,
             host = excluded.host, quarantined = excluded.quarantined",
    )?
    .execute(named_params! {
        ":sweep": sweep.0,
        ":cell": key.cell.0,
        ":replicate": key.replicate.0,
        ":block": key.block.0,
        ":attempts": failure.attempts,
        ":error": failure.error,
        ":worker": failure.worker.0,
        ":host": failure.host,
        ":quarantined": failure.fate == Fate::Quarantined,
    })?;
    Ok(())
}

pub(super) fn failures(db: &Connection, sweep: SweepId) -> Result<Vec<Failure>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* failures */
         SELECT cell, replicate, block, attempts, error, worker, host, quarantined FROM failures
         WHERE sweep = :sweep ORDER BY cell, replicate, block",
    )?;
    let rows = statement.query_map(named_params! { ":sweep": sweep.0 }, |row| {
        Ok(Failure {
            unit: UnitId {
                sweep,
                key: unit(row)?,
            },
            attempts: row.get(3)?,
            error: row.get(4)?,
            worker: WorkerId(row.get(5)?),
            host: row.get(6)?,
            fate: match row.get(7)? {
                true => Fate::Quarantined,
                false => Fate::Retried,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
