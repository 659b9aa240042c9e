//! Sweeps and their lives.

use bistable_common::{
    ids::{Hash, SweepId},
    sweep::Sweep,
};
use tokio_postgres::Row;

use super::{
    row::{bounded, get, hash, text, time},
    session::Session,
};
use crate::{
    board::{Priority, Timestamp},
    store::{Lifecycle, StoreError, StoredSweep, Submitted},
};

pub(super) async fn submit(
    db: &Session,
    sweep: &Sweep,
    numerics: Hash,
    priority: Option<Priority>,
    now: Timestamp,
) -> Result<Submitted, StoreError> {
    let id = sweep.id();
    let exists = binding(db, id).await?.is_some();
    if exists && !bind_numerics(db, id, numerics).await? {
        return Ok(Submitted::ForeignNumerics);
    }
    db.execute(
        "/* submit_sweep */
         INSERT INTO sweeps (id, name, canonical_json, lifecycle, numerics, submitted_at_ms, priority)
         VALUES ($1, $2, $3, 'running', $4, $5, coalesce($6, 0))
         ON CONFLICT (id) DO UPDATE
         SET name = excluded.name, canonical_json = excluded.canonical_json, lifecycle = 'running',
             priority = coalesce($6, sweeps.priority)",
        &[
            &&id.0[..],
            &text(sweep.name()),
            &sweep.to_canonical_json(),
            &&numerics.0[..],
            &bounded(now.0),
            &priority.map(|Priority(priority)| priority),
        ],
    )
    .await?;
    Ok(match exists {
        true => Submitted::Revived,
        false => Submitted::Inserted,
    })
}

pub(super) async fn bind_numerics(
    db: &Session,
    sweep: SweepId,
    numerics: Hash,
) -> Result<bool, StoreError> {
    match binding(db, sweep).await? {
        None => return Ok(false),
        Some((_, bound)) if bound == numerics => return Ok(true),
        Some(_) if has_results(db, sweep).await? => return Ok(false),
        Some(_) => {}
    }
    db.execute(
        "/* bind_numerics */ UPDATE sweeps SET numerics = $2 WHERE id = $1",
        &[&&sweep.0[..], &&numerics.0[..]],
    )
    .await?;
    Ok(true)
}

/// What decides whether a report of the sweep counts.
pub(super) async fn binding(
    db: &Session,
    sweep: SweepId,
) -> Result<Option<(Lifecycle, Hash)>, StoreError> {
    let row = db
        .query_opt(
            "/* binding */ SELECT lifecycle, numerics FROM sweeps WHERE id = $1",
            &[&&sweep.0[..]],
        )
        .await?;
    row.map(|row| Ok((lifecycle(&row, 0)?, hash(&row, 1)?)))
        .transpose()
}

async fn has_results(db: &Session, sweep: SweepId) -> Result<bool, StoreError> {
    let row = db
        .query_opt(
            "/* has_results */ SELECT FROM results WHERE sweep = $1 LIMIT 1",
            &[&&sweep.0[..]],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn find(db: &Session, sweep: SweepId) -> Result<Option<StoredSweep>, StoreError> {
    let row = db
        .query_opt(
            "/* sweep */
             SELECT canonical_json, lifecycle, numerics, submitted_at_ms, priority FROM sweeps WHERE id = $1",
            &[&&sweep.0[..]],
        )
        .await?;
    row.as_ref().map(parse).transpose()
}

pub(super) async fn list(db: &Session) -> Result<Vec<StoredSweep>, StoreError> {
    let rows = db
        .query(
            "/* sweeps */
             SELECT canonical_json, lifecycle, numerics, submitted_at_ms, priority FROM sweeps
             ORDER BY submitted_at_ms, number",
            &[],
        )
        .await?;
    rows.iter().map(parse).collect()
}

pub(super) async fn set_lifecycle(
    db: &Session,
    sweep: SweepId,
    lifecycle: Lifecycle,
) -> Result<bool, StoreError> {
    let changed = db
        .execute(
            "/* set_lifecycle */ UPDATE sweeps SET lifecycle = $2 WHERE id = $1",
            &[&&sweep.0[..], &name(lifecycle)],
        )
        .await?;
    Ok(changed == 1)
}

pub(super) async fn delete(db: &Session, sweep: SweepId) -> Result<bool, StoreError> {
    let deleted = db
        .execute(
            "/* delete_sweep */ DELETE FROM sweeps WHERE id = $1",
            &[&&sweep.0[..]],
        )
        .await?;
    Ok(deleted == 1)
}

fn parse(row: &Row) -> Result<StoredSweep, StoreError> {
    let canonical: &str = get(row, 0)?;
    Ok(StoredSweep {
        sweep: Sweep::from_canonical_json(canonical)
            .map_err(|error| StoreError::Damaged(error.to_string()))?,
        lifecycle: lifecycle(row, 1)?,
        numerics: hash(row, 2)?,
        submitted_at: time(row, 3)?,
        priority: Priority(get(row, 4)?),
    })
}

fn name(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Running => "running",
        Lifecycle::Paused => "paused",
        Lifecycle::Cancelled => "cancelled",
    }
}

fn lifecycle(row: &Row, column: usize) -> Result<Lifecycle, StoreError> {
    match get(row, column)? {
        "running" => Ok(Lifecycle::Running),
        "paused" => Ok(Lifecycle::Paused),
        "cancelled" => Ok(Lifecycle::Cancelled),
        other => Err(StoreError::Damaged(format!("lifecycle `{other}`"))),
    }
}
