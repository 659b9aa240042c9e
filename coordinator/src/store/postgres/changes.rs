//! What the board decided: leases, and what units cost.

use std::collections::BTreeMap;

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

/// Whether a change is about units, whose results are written beside it.
pub(super) fn is_about_units(change: &Change) -> bool {
    match change {
        Change::RecordFailure(_) => true,
        Change::SaveLease(_)
        | Change::ExtendLease(..)
        | Change::DropLease(_)
        | Change::SaveCost(..) => false,
    }
}

/// A statement a kind of change, and a failure, however many there are. Which kind is first is all the order that they need:
/// a lease is saved once, extended while it is there, and dropped for good.
pub(super) async fn apply(db: &Session, changes: &[Change]) -> Result<(), StoreError> {
    let (mut saved, mut dropped) = (Vec::new(), Vec::new());
    let (mut extended, mut costs) = (BTreeMap::new(), BTreeMap::new());
    for change in changes {
        match change {
            Change::SaveLease(lease) => saved.push(lease),
            // Of several the last one counts.
            Change::ExtendLease(token, deadline) => drop(extended.insert(*token, *deadline)),
            Change::DropLease(token) => dropped.push(&token.0[..]),
            Change::RecordFailure(failure) => failures::record(db, failure).await?,
            Change::SaveCost(sweep, cell, us) => drop(costs.insert((*sweep, *cell), *us)),
        }
    }
    save_leases(db, &saved).await?;
    extend_leases(db, &extended).await?;
    drop_leases(db, &dropped).await?;
    save_costs(db, &costs).await
}

/// Saving them twice is saving them once: it may be done again after a connection broke.
async fn save_leases(db: &Session, leases: &[&Lease]) -> Result<(), StoreError> {
    if leases.is_empty() {
        return Ok(());
    }
    let tokens: Vec<&[u8]> = leases.iter().map(|lease| &lease.token.0[..]).collect();
    let sweeps: Vec<&[u8]> = leases.iter().map(|lease| &lease.sweep.0[..]).collect();
    let workers: Vec<_> = leases.iter().map(|lease| text(&lease.worker.0)).collect();
    let hosts: Vec<_> = leases.iter().map(|lease| text(&lease.host)).collect();
    let numbers = |of: fn(&Lease) -> i64| leases.iter().map(|lease| of(lease)).collect::<Vec<_>>();
    db.execute(
        "/* save_leases */
         INSERT INTO leases (token, sweep, cell, replicate, first_block, end_block, attempt, worker, host,
                             deadline_ms)
         SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                              $7::bigint[], $8::text[], $9::text[], $10::bigint[])
         ON CONFLICT (token) DO NOTHING",
        &[
            &tokens,
            &sweeps,
            &numbers(|lease| lease.units.cell.0.into()),
            &numbers(|lease| lease.units.replicate.0.into()),
            &numbers(|lease| lease.units.blocks.start.into()),
            &numbers(|lease| lease.units.blocks.end.into()),
            &numbers(|lease| lease.attempt.into()),
            &workers,
            &hosts,
            &numbers(|lease| bounded(lease.deadline.0)),
        ],
    )
    .await?;
    Ok(())
}

async fn extend_leases(
    db: &Session,
    deadlines: &BTreeMap<LeaseToken, Timestamp>,
) -> Result<(), StoreError> {
    if deadlines.is_empty() {
        return Ok(());
    }
    let tokens: Vec<&[u8]> = deadlines.keys().map(|token| &token.0[..]).collect();
    let deadlines: Vec<i64> = deadlines.values().map(|time| bounded(time.0)).collect();
    db.execute(
        "/* extend_leases */
         UPDATE leases l SET deadline_ms = u.deadline_ms
         FROM unnest($1::bytea[], $2::bigint[]) AS u (token, deadline_ms) WHERE l.token = u.token",
        &[&tokens, &deadlines],
    )
    .await?;
    Ok(())
}

async fn drop_leases(db: &Session, tokens: &[&[u8]]) -> Result<(), StoreError> {
    if tokens.is_empty() {
        return Ok(());
    }
    db.execute(
        "/* drop_leases */ DELETE FROM leases WHERE token = ANY ($1::bytea[])",
        &[&tokens],
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
async fn save_costs(
    db: &Session,
    costs: &BTreeMap<(SweepId, CellId), u64>,
) -> Result<(), StoreError> {
    if costs.is_empty() {
        return Ok(());
    }
    let sweeps: Vec<&[u8]> = costs.keys().map(|(sweep, _)| &sweep.0[..]).collect();
    let cells: Vec<i64> = costs.keys().map(|(_, cell)| cell.0.into()).collect();
    let costs: Vec<i64> = costs.values().map(|us| bounded(*us)).collect();
    db.execute(
        "/* save_costs */
         INSERT INTO costs (sweep, cell, unit_us)
         SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS u (sweep, cell, unit_us)
         WHERE EXISTS (SELECT FROM sweeps WHERE id = u.sweep)
         ON CONFLICT (sweep, cell) DO UPDATE SET unit_us = excluded.unit_us",
        &[&sweeps, &cells, &costs],
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
