//! Results: the first one of a unit stays, others are compared with it.

use std::collections::HashMap;

use bistable_common::ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey, WorkerId};
use rusqlite::{Connection, Row, named_params};

use super::{failures, sweeps::binding};
use crate::{
    board::{Timestamp, UnitRange},
    store::{Lifecycle, MAX_RIVALS, Outcome, Rival, StoreError, UnitResult},
};

pub(super) fn record(
    db: &Connection,
    results: &[UnitResult],
    now: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let mut bindings = HashMap::new();
    results
        .iter()
        .map(|result| {
            let sweep = result.unit.sweep;
            let bound = match bindings.get(&sweep) {
                Some(bound) => *bound,
                None => *bindings.entry(sweep).or_insert(binding(db, sweep)?),
            };
            match bound {
                Some((Lifecycle::Running | Lifecycle::Paused, numerics))
                    if numerics == result.numerics =>
                {
                    record_one(db, result, now)
                }
                _ => Ok(Outcome::Stale),
            }
        })
        .collect()
}

fn record_one(db: &Connection, result: &UnitResult, now: Timestamp) -> Result<Outcome, StoreError> {
    if insert(db, result, now)? {
        failures::forget(db, result.unit.sweep, result.unit.key)?;
        return Ok(Outcome::Accepted);
    }
    if stored(db, result)? == result.trajectory {
        return Ok(Outcome::Duplicate);
    }
    keep_conflict(db, result, now)?;
    Ok(Outcome::Conflicting)
}

fn insert(db: &Connection, result: &UnitResult, now: Timestamp) -> Result<bool, StoreError> {
    let inserted = db
        .prepare_cached(
            "/* record */
             INSERT INTO results (sweep, cell, replicate, block, trajectory, numerics, build, worker,
                                  compute_us, reported_at_ms)
             VALUES (:sweep, :cell, :replicate, :block, :trajectory, :numerics, :build, :worker,
                     :compute_us, :now)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":sweep": result.unit.sweep.0,
            ":cell": result.unit.key.cell.0,
            ":replicate": result.unit.key.replicate.0,
            ":block": result.unit.key.block.0,
            ":trajectory": result.trajectory,
            ":numerics": result.numerics.0,
            ":build": result.build,
            ":worker": result.worker.0,
            ":compute_us": i64::try_from(result.compute_us).unwrap_or(i64::MAX),
            ":now": now.0 as i64,
        })?;
    Ok(inserted == 1)
}

fn stored(db: &Connection, result: &UnitResult) -> Result<Vec<u8>, StoreError> {
    Ok(db
        .prepare_cached(
            "/* stored */
             SELECT trajectory FROM results
             WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block",
        )?
        .query_row(
            named_params! {
                ":sweep": result.unit.sweep.0,
                ":cell": result.unit.key.cell.0,
                ":replicate": result.unit.key.replicate.0,
                ":block": result.unit.key.block.0,
            },
            |row| row.get(0),
        )?)
}

fn keep_conflict(db: &Connection, result: &UnitResult, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached(
        "/* keep_conflict */
         INSERT INTO conflicts (sweep, cell, replicate, block, trajectory_hash, trajectory, build, worker,
                                reported_at_ms)
         SELECT :sweep, :cell, :replicate, :block, :hash, :trajectory, :build, :worker, :now
         WHERE :most > (
             SELECT count(*) FROM conflicts
             WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block)
         ON CONFLICT DO NOTHING",
    )?
    .execute(named_params! {
        ":sweep": result.unit.sweep.0,
        ":cell": result.unit.key.cell.0,
        ":replicate": result.unit.key.replicate.0,
        ":block": result.unit.key.block.0,
        ":most": MAX_RIVALS,
        ":hash": Hash::of(&result.trajectory).0,
        ":trajectory": result.trajectory,
        ":build": result.build,
        ":worker": result.worker.0,
        ":now": now.0 as i64,
    })?;
    Ok(())
}

pub(super) fn has_results(db: &Connection, sweep: SweepId) -> Result<bool, StoreError> {
    Ok(db.query_row(
        "/* has_results */ SELECT EXISTS (SELECT 1 FROM results WHERE sweep = :sweep)",
        named_params! { ":sweep": sweep.0 },
        |row| row.get(0),
    )?)
}

pub(super) fn done(db: &Connection, sweep: SweepId) -> Result<Vec<UnitRange>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* done */
         SELECT cell, replicate, block FROM results r
         WHERE sweep = :sweep AND NOT EXISTS (
             SELECT 1 FROM conflicts c
             WHERE (c.sweep, c.cell, c.replicate, c.block) = (r.sweep, r.cell, r.replicate, r.block))
         ORDER BY cell, replicate, block",
    )?;
    let units = statement.query_map(named_params! { ":sweep": sweep.0 }, unit)?;
    Ok(UnitRange::fold(units)?)
}

pub(super) fn conflicts(db: &Connection, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* conflicts */
         SELECT DISTINCT cell, replicate, block FROM conflicts WHERE sweep = :sweep
         ORDER BY cell, replicate, block",
    )?;
    let units = statement.query_map(named_params! { ":sweep": sweep.0 }, unit)?;
    Ok(units.collect::<Result<_, _>>()?)
}

pub(super) fn rivals(db: &Connection, unit: UnitId) -> Result<Vec<Rival>, StoreError> {
    let UnitId { sweep, key } = unit;
    let mut statement = db.prepare_cached(
        "/* rivals */
         SELECT 0 AS later, trajectory, build, worker, reported_at_ms FROM results
         WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block
         UNION ALL
         SELECT 1, trajectory, build, worker, reported_at_ms FROM conflicts
         WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND block = :block
         ORDER BY later, reported_at_ms",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":sweep": sweep.0,
            ":cell": key.cell.0,
            ":replicate": key.replicate.0,
            ":block": key.block.0,
        },
        |row| {
            Ok(Rival {
                trajectory: Hash::of(row.get_ref(1)?.as_blob()?),
                build: row.get(2)?,
                worker: WorkerId(row.get(3)?),
                reported_at: Timestamp(row.get::<_, i64>(4)? as u64),
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets every result of a unit.
pub(super) fn forget(db: &Connection, sweep: SweepId, unit: UnitKey) -> Result<(), StoreError> {
    // Conflicts go with the result that they differ from.
    db.prepare_cached(
        "/* forget_results */
         DELETE FROM results
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

pub(super) fn trajectories(
    db: &Connection,
    sweep: SweepId,
    cell: CellId,
    replicate: Replicate,
) -> Result<Vec<(Block, Vec<u8>)>, StoreError> {
    let mut statement = db.prepare_cached(
        "/* trajectories */
         SELECT block, trajectory FROM results r
         WHERE sweep = :sweep AND cell = :cell AND replicate = :replicate AND NOT EXISTS (
             SELECT 1 FROM conflicts c
             WHERE (c.sweep, c.cell, c.replicate, c.block) = (r.sweep, r.cell, r.replicate, r.block))
         ORDER BY block",
    )?;
    let rows = statement.query_map(
        named_params! { ":sweep": sweep.0, ":cell": cell.0, ":replicate": replicate.0 },
        |row| Ok((Block(row.get(0)?), row.get(1)?)),
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the leading columns cell, replicate, block.
pub(super) fn unit(row: &Row<'_>) -> rusqlite::Result<UnitKey> {
    Ok(UnitKey {
        cell: CellId(row.get(0)?),
        replicate: Replicate(row.get(1)?),
        block: Block(row.get(2)?),
    })
}
