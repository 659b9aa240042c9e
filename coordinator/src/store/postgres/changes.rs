//! What the board decided: leases, and what units cost.

use bistable_common::ids::{CellId, LeaseToken, Replicate, SweepId, WorkerId};
use tokio_postgres::Row;

use super::{
    failures,
    row::{bounded, bytes, get, number, text, time},
    session::Session,
};
use crate::{
    board::{Lease, Timestamp, UnitRange},
    store::{Change, StoreError},
};

pub(super) async fn apply(db: &Session, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            Change::SaveLease(lease) => save_lease(db, lease).await?,
            Change::ExtendLease(token, deadline) => extend_lease(db, *token, *deadline).await?,
            Change::DropLease(token) => drop_lease(db, *token).await?,
            Change::RecordFailure(failure) => failures::record(db, failure).await?,
            Change::SaveCost(sweep, cell, unit_us) => {
                save_cost(db, *sweep, *cell, *unit_us).await?;
            }
        }
    }
    Ok(())
}

/// Saving it twice is saving it once: it may be done again after a connection broke.
async fn save_lease(db: &Session, lease: &Lease) -> Result<(), StoreError> {
    db.execute(
        "/* save_lease */
         INSERT INTO leases (token, sweep, cell, replicate, first_block, end_block, attempt, worker, host,
                             deadline_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (token) DO NOTHING",
        &[
            &&lease.token.0[..],
            &&lease.sweep.0[..],
            &i64::from(lease.units.cell.0),
            &i64::from(lease.units.replicate.0),
            &i64::from(lease.units.blocks.start),
            &i64::from(lease.units.blocks.end),
            &i64::from(lease.attempt),
            &text(&lease.worker.0),
            &text(&lease.host),
            &bounded(lease.deadline.0),
        ],
    )
    .await?;
    Ok(())
}

async fn extend_lease(
    db: &Session,
    token: LeaseToken,
    deadline: Timestamp,
) -> Result<(), StoreError> {
    db.execute(
        "/* extend_lease */ UPDATE leases SET deadline_ms = $2 WHERE token = $1",
        &[&&token.0[..], &bounded(deadline.0)],
    )
    .await?;
    Ok(())
}

async fn drop_lease(db: &Session, token: LeaseToken) -> Result<(), StoreError> {
    db.execute(
        "/* drop_lease */ DELETE FROM leases WHERE token = $1",
        &[&&token.0[..]],
    )
    .await?;
    Ok(())
}

pub(super) async fn leases(db: &Session) -> Result<Vec<Lease>, StoreError> {
    let rows = db
        .query(
            "/* leases */
             SELECT token, sweep, cell, replicate, first_block, end_block, attempt, worker, host, deadline_ms
             FROM leases ORDER BY token",
            &[],
        )
        .await?;
    rows.iter().map(lease).collect()
}

fn lease(row: &Row) -> Result<Lease, StoreError> {
    Ok(Lease {
        token: LeaseToken(bytes(row, 0)?),
        sweep: SweepId(bytes(row, 1)?),
        units: UnitRange {
            cell: CellId(number(row, 2)?),
            replicate: Replicate(number(row, 3)?),
            blocks: number(row, 4)?..number(row, 5)?,
        },
        attempt: number(row, 6)?,
        worker: WorkerId(get(row, 7)?),
        host: get(row, 8)?,
        deadline: time(row, 9)?,
    })
}

/// A sweep that was deleted meanwhile has no costs.
async fn save_cost(
    db: &Session,
    sweep: SweepId,
    cell: CellId,
    unit_us: u64,
) -> Result<(), StoreError> {
    db.execute(
        "/* save_cost */
         INSERT INTO costs (sweep, cell, unit_us)
         SELECT $1, $2, $3 WHERE EXISTS (SELECT FROM sweeps WHERE id = $1)
         ON CONFLICT (sweep, cell) DO UPDATE SET unit_us = excluded.unit_us",
        &[&&sweep.0[..], &i64::from(cell.0), &bounded(unit_us)],
    )
    .await?;
    Ok(())
}

pub(super) async fn costs(db: &Session, sweep: SweepId) -> Result<Vec<(CellId, u64)>, StoreError> {
    let rows = db
        .query(
            "/* costs */ SELECT cell, unit_us FROM costs WHERE sweep = $1 ORDER BY cell",
            &[&&sweep.0[..]],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((CellId(number(row, 0)?), number(row, 1)?)))
        .collect()
}
