//! Failed attempts, and putting back what was given up.

use std::collections::BTreeSet;

use bistable_common::ids::{SweepId, UnitId, UnitKey, WorkerId};
use rusqlite::{Connection, Row, named_params};

use super::results::{self, unit};
use crate::{
    board::{Complaint, Failure, Fate},
    store::{
        StoreError,
        words::{failure_kind, hosts},
    },
};

/// A result may have arrived since the board saw the failure: then there is nothing to record.
pub(super) fn record(db: &Connection, failure: &Failure) -> Result<(), StoreError> {
    let UnitId { sweep, key } = failure.unit;
    let hosts = serde_json::Value::from_iter(failure.hosts.iter().map(String::as_str));
    db.prepare_cached(
        "/* record_failure */
         INSERT INTO failures (sweep, cell, replicate, block, attempts, kind, error, log, worker, host, hosts,
                               quarantined)
         SELECT :sweep, :cell, :replicate, :block, :attempts, :kind, :error, :log, :worker, :host, :hosts,
                :quarantined
         WHERE NOT EXISTS (
             SELECT 1 FROM results
             WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block)
         ON CONFLICT (sweep, cell, replicate, block) DO UPDATE
         SET attempts = excluded.attempts, kind = excluded.kind, error = excluded.error, log = excluded.log,
             worker = excluded.worker, host = excluded.host, hosts = excluded.hosts,
             quarantined = excluded.quarantined",
    )?
    .execute(named_params! {
        ":sweep": sweep.0,
        ":cell": key.cell.0,
        ":replicate": key.replicate.0,
        ":block": key.block.0,
        ":attempts": failure.attempts,
        ":kind": failure.complaint.kind.name(),
        ":error": failure.complaint.error,
        ":log": failure.complaint.log,
        ":worker": failure.worker.0,
        ":host": failure.host,
        ":hosts": hosts.to_string(),
        ":quarantined": failure.fate == Fate::Quarantined,
    })?;
    Ok(())
}

pub(super) fn list(db: &Connection, sweep: SweepId) -> Result<Vec<Failure>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* failures */
         SELECT cell, replicate, block, attempts, kind, error, log, worker, host, hosts, quarantined
         FROM failures WHERE sweep = :sweep ORDER BY cell, replicate, block",
    )?;
    let rows = statement.query_map(named_params! { ":sweep": sweep.0 }, |row| {
        Ok(parse(row, sweep))
    })?;
    rows.map(|row| row?).collect()
}

fn parse(row: &Row<'_>, sweep: SweepId) -> Result<Failure, StoreError> {
    Ok(Failure {
        unit: UnitId {
            sweep,
            key: unit(row)?,
        },
        attempts: row.get(3)?,
        complaint: Complaint {
            kind: failure_kind(&row.get::<_, String>(4)?)?,
            error: row.get(5)?,
            log: row.get(6)?,
        },
        worker: WorkerId(row.get(7)?),
        host: row.get(8)?,
        hosts: hosts(&row.get::<_, String>(9)?)?,
        fate: match row.get(10)? {
            true => Fate::Quarantined,
            false => Fate::Retried,
        },
    })
}

pub(super) fn forget(db: &Connection, sweep: SweepId, unit: UnitKey) -> Result<(), StoreError> {
    db.prepare_cached(
        "/* forget_failures */
         DELETE FROM failures
         WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block",
    )?
    .execute(named_params! {
        ":sweep": sweep.0,
        ":cell": unit.cell.0,
        ":replicate": unit.replicate.0,
        ":block": unit.block.0,
    })?;
    Ok(())
}

pub(super) fn retry(
    db: &Connection,
    sweep: SweepId,
    units: &[UnitKey],
) -> Result<Vec<UnitKey>, StoreError> {
    let mut blocked: BTreeSet<UnitKey> = results::conflicts(db, sweep)?.into_iter().collect();
    blocked.extend(quarantined(db, sweep)?);
    let wanted: BTreeSet<&UnitKey> = units.iter().collect();
    blocked.retain(|unit| wanted.is_empty() || wanted.contains(unit));
    for unit in &blocked {
        results::forget(db, sweep, *unit)?;
        forget(db, sweep, *unit)?;
    }
    Ok(blocked.into_iter().collect())
}

fn quarantined(db: &Connection, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* quarantined */
         SELECT cell, replicate, block FROM failures WHERE sweep = :sweep AND quarantined = 1",
    )?;
    let units = statement.query_map(named_params! { ":sweep": sweep.0 }, unit)?;
    Ok(units.collect::<Result<_, _>>()?)
}
