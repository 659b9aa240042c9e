//! Sweeps and their lives.

use bistable_common::{
    ids::{Hash, SweepId},
    sweep::Sweep,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::results::has_results;
use crate::{
    board::{Priority, Timestamp},
    store::{Lifecycle, StoreError, StoredSweep, Submitted},
};

const COLUMNS: &str = "canonical_json, lifecycle, numerics, submitted_at_ms, priority";

pub(super) fn submit(
    db: &Connection,
    sweep: &Sweep,
    numerics: Hash,
    priority: Option<Priority>,
    now: Timestamp,
) -> Result<Submitted, StoreError> {
    let id = sweep.id();
    let exists = binding(db, id)?.is_some();
    if exists && !bind_numerics(db, id, numerics)? {
        return Ok(Submitted::ForeignNumerics);
    }
    db.prepare_cached(
        "/* submit_sweep */
         INSERT INTO sweeps (id, name, canonical_json, lifecycle, numerics, submitted_at_ms, priority)
         VALUES (:id, :name, :canonical_json, 'running', :numerics, :now, coalesce(:priority, 0))
         ON CONFLICT (id) DO UPDATE
         SET name = excluded.name, canonical_json = excluded.canonical_json, lifecycle = 'running',
             priority = coalesce(:priority, priority)",
    )?
    .execute(named_params! {
        ":id": id.0,
        ":name": sweep.name(),
        ":canonical_json": sweep.to_canonical_json(),
        ":numerics": numerics.0,
        ":now": now.0 as i64,
        ":priority": priority.map(|Priority(priority)| priority),
    })?;
    Ok(match exists {
        true => Submitted::Revived,
        false => Submitted::Inserted,
    })
}

pub(super) fn bind_numerics(
    db: &Connection,
    sweep: SweepId,
    numerics: Hash,
) -> Result<bool, StoreError> {
    match binding(db, sweep)? {
        None => return Ok(false),
        Some((_, bound)) if bound == numerics => return Ok(true),
        Some(_) if has_results(db, sweep)? => return Ok(false),
        Some(_) => {}
    }
    db.execute(
        "/* bind_numerics */ UPDATE sweeps SET numerics = :numerics WHERE id = :id",
        named_params! { ":id": sweep.0, ":numerics": numerics.0 },
    )?;
    Ok(true)
}

/// What decides whether a report of the sweep counts.
pub(super) fn binding(
    db: &Connection,
    sweep: SweepId,
) -> Result<Option<(Lifecycle, Hash)>, StoreError> {
    let row = db
        .prepare_cached("/* binding */ SELECT lifecycle, numerics FROM sweeps WHERE id = :id")?
        .query_row(named_params! { ":id": sweep.0 }, |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?))
        })
        .optional()?;
    row.map(|(lifecycle, numerics)| Ok((parse_lifecycle(&lifecycle)?, Hash(numerics))))
        .transpose()
}

pub(super) fn get(db: &Connection, sweep: SweepId) -> Result<Option<StoredSweep>, StoreError> {
    db.prepare_cached(&format!(
        "/* sweep */ SELECT {COLUMNS} FROM sweeps WHERE id = :id"
    ))?
    .query_row(named_params! { ":id": sweep.0 }, |row| Ok(parse(row)))
    .optional()?
    .transpose()
}

pub(super) fn list(db: &Connection) -> Result<Vec<StoredSweep>, StoreError> {
    db.prepare_cached(&format!(
        "/* sweeps */ SELECT {COLUMNS} FROM sweeps ORDER BY submitted_at_ms, rowid"
    ))?
    .query_map([], |row| Ok(parse(row)))?
    .map(|row| row?)
    .collect()
}

pub(super) fn set_lifecycle(
    db: &Connection,
    sweep: SweepId,
    lifecycle: Lifecycle,
) -> Result<bool, StoreError> {
    let changed = db.execute(
        "/* set_lifecycle */ UPDATE sweeps SET lifecycle = :lifecycle WHERE id = :id",
        named_params! { ":id": sweep.0, ":lifecycle": lifecycle_text(lifecycle) },
    )?;
    Ok(changed == 1)
}

pub(super) fn delete(db: &Connection, sweep: SweepId) -> Result<bool, StoreError> {
    let deleted = db.execute(
        "/* delete_sweep */ DELETE FROM sweeps WHERE id = :id",
        named_params! { ":id": sweep.0 },
    )?;
    Ok(deleted == 1)
}

fn parse(row: &Row<'_>) -> Result<StoredSweep, StoreError> {
    let canonical: String = row.get(0)?;
    let lifecycle: String = row.get(1)?;
    Ok(StoredSweep {
        sweep: Sweep::from_canonical_json(&canonical)
            .map_err(|error| StoreError::Damaged(error.to_string()))?,
        lifecycle: parse_lifecycle(&lifecycle)?,
        numerics: Hash(row.get(2)?),
        submitted_at: Timestamp(row.get::<_, i64>(3)? as u64),
        priority: Priority(row.get(4)?),
    })
}

fn lifecycle_text(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Running => "running",
        Lifecycle::Paused => "paused",
        Lifecycle::Cancelled => "cancelled",
    }
}

fn parse_lifecycle(text: &str) -> Result<Lifecycle, StoreError> {
    match text {
        "running" => Ok(Lifecycle::Running),
        "paused" => Ok(Lifecycle::Paused),
        "cancelled" => Ok(Lifecycle::Cancelled),
        other => Err(StoreError::Damaged(format!("lifecycle `{other}`"))),
    }
}
