//! Failed attempts, and putting back what was given up.

use std::collections::BTreeSet;

use bistable_common::ids::{SweepId, UnitId, UnitKey, WorkerId};
use tokio_postgres::Row;

use super::{
    results,
    row::{Units, get, number, text, unit},
    session::Session,
};
use crate::{
    board::{Complaint, Failure, Fate},
    store::{
        StoreError,
        words::{failure_kind, hosts},
    },
};

/// A result may have arrived since the board saw the failure: then there is nothing to record.
pub(super) async fn record(db: &Session, failure: &Failure) -> Result<(), StoreError> {
    let UnitId { sweep, key } = failure.unit;
    let hosts = serde_json::Value::from_iter(failure.hosts.iter().map(String::as_str));
    db.execute(
        "/* record_failure */
         INSERT INTO failures (sweep, cell, replicate, block, attempts, kind, error, log, worker, host, hosts,
                               quarantined)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
         WHERE NOT EXISTS (
             SELECT FROM results WHERE (sweep, cell, replicate, block) = ($1, $2, $3, $4))
         ON CONFLICT (sweep, cell, replicate, block) DO UPDATE
         SET attempts = excluded.attempts, kind = excluded.kind, error = excluded.error, log = excluded.log,
             worker = excluded.worker, host = excluded.host, hosts = excluded.hosts,
             quarantined = excluded.quarantined",
        &[
            &&sweep.0[..],
            &i64::from(key.cell.0),
            &i64::from(key.replicate.0),
            &i64::from(key.block.0),
            &i64::from(failure.attempts),
            &failure.complaint.kind.name(),
            &text(&failure.complaint.error),
            &text(&failure.complaint.log),
            &text(&failure.worker.0),
            &text(&failure.host),
            &hosts.to_string(),
            &(failure.fate == Fate::Quarantined),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(db: &Session, sweep: SweepId) -> Result<Vec<Failure>, StoreError> {
    let rows = db
        .query(
            "/* failures */
             SELECT cell, replicate, block, attempts, kind, error, log, worker, host, hosts, quarantined
             FROM failures WHERE sweep = $1 ORDER BY cell, replicate, block",
            &[&&sweep.0[..]],
        )
        .await?;
    rows.iter().map(|row| parse(row, sweep)).collect()
}

fn parse(row: &Row, sweep: SweepId) -> Result<Failure, StoreError> {
    Ok(Failure {
        unit: UnitId {
            sweep,
            key: unit(row)?,
        },
        attempts: number(row, 3)?,
        complaint: Complaint {
            kind: failure_kind(get(row, 4)?)?,
            error: get(row, 5)?,
            log: get(row, 6)?,
        },
        worker: WorkerId(get(row, 7)?),
        host: get(row, 8)?,
        hosts: hosts(get(row, 9)?)?,
        fate: match get(row, 10)? {
            true => Fate::Quarantined,
            false => Fate::Retried,
        },
    })
}

pub(super) async fn retry(
    db: &Session,
    sweep: SweepId,
    units: &[UnitKey],
) -> Result<BTreeSet<UnitKey>, StoreError> {
    let conflicts = results::conflicts(db, sweep).await?;
    let mut blocked = BTreeSet::from_iter(conflicts);
    blocked.extend(quarantined(db, sweep).await?);
    let wanted: BTreeSet<&UnitKey> = units.iter().collect();
    blocked.retain(|unit| wanted.is_empty() || wanted.contains(unit));
    let columns = blocked.iter().copied().collect();
    results::forget(db, sweep, &columns).await?;
    forget(db, sweep, &columns).await?;
    Ok(blocked)
}

async fn quarantined(db: &Session, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
    let rows = db
        .query(
            "/* quarantined */
             SELECT cell, replicate, block FROM failures WHERE sweep = $1 AND quarantined",
            &[&&sweep.0[..]],
        )
        .await?;
    rows.iter().map(unit).collect()
}

async fn forget(db: &Session, sweep: SweepId, units: &Units) -> Result<(), StoreError> {
    db.execute(
        "/* forget_failures */
         DELETE FROM failures f
         USING unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS u (cell, replicate, block)
         WHERE (f.sweep, f.cell, f.replicate, f.block) = ($1, u.cell, u.replicate, u.block)",
        &[
            &&sweep.0[..],
            &units.cells,
            &units.replicates,
            &units.blocks,
        ],
    )
    .await?;
    Ok(())
}
