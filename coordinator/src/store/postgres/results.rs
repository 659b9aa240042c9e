//! Reading and forgetting results.

use bistable_common::ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey, WorkerId};

use super::{
    row::{Units, get, number, time, unit},
    session::Session,
};
use crate::{
    board::UnitRange,
    store::{Rival, StoreError},
};

/// The database folds the units into ranges: a million of them would take longer to send than to find.
pub(super) async fn done(db: &Session, sweep: SweepId) -> Result<Vec<UnitRange>, StoreError> {
    let rows = db
        .query(
            "/* done */
             SELECT cell, replicate, min(block), max(block) + 1
             FROM (SELECT cell, replicate, block,
                          block - row_number() OVER (PARTITION BY cell, replicate ORDER BY block) AS gap
                   FROM results r
                   WHERE sweep = $1 AND NOT EXISTS (
                       SELECT FROM conflicts c
                       WHERE (c.sweep, c.cell, c.replicate, c.block) = (r.sweep, r.cell, r.replicate, r.block))
                  ) AS numbered
             GROUP BY cell, replicate, gap ORDER BY cell, replicate, min(block)",
            &[&&sweep.0[..]],
        )
        .await?;
    let range = |row| {
        Ok(UnitRange {
            cell: CellId(number(row, 0)?),
            replicate: Replicate(number(row, 1)?),
            blocks: number(row, 2)?..number(row, 3)?,
        })
    };
    rows.iter().map(range).collect()
}

pub(super) async fn conflicts(db: &Session, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
    let rows = db
        .query(
            "/* conflicts */
             SELECT DISTINCT cell, replicate, block FROM conflicts WHERE sweep = $1
             ORDER BY cell, replicate, block",
            &[&&sweep.0[..]],
        )
        .await?;
    rows.iter().map(unit).collect()
}

pub(super) async fn rivals(db: &Session, unit: UnitId) -> Result<Vec<Rival>, StoreError> {
    let UnitId { sweep, key } = unit;
    let rows = db
        .query(
            "/* rivals */
             SELECT 0 AS later, trajectory, build, worker, reported_at_ms FROM results
             WHERE (sweep, cell, replicate, block) = ($1, $2, $3, $4)
             UNION ALL
             SELECT 1, trajectory, build, worker, reported_at_ms FROM conflicts
             WHERE (sweep, cell, replicate, block) = ($1, $2, $3, $4)
             ORDER BY later, reported_at_ms",
            &[
                &&sweep.0[..],
                &i64::from(key.cell.0),
                &i64::from(key.replicate.0),
                &i64::from(key.block.0),
            ],
        )
        .await?;
    let rival = |row| {
        Ok(Rival {
            trajectory: Hash::of(get(row, 1)?),
            build: get(row, 2)?,
            worker: WorkerId(get(row, 3)?),
            reported_at: time(row, 4)?,
        })
    };
    rows.iter().map(rival).collect()
}

/// Forgets every result of the units. Conflicts go with the result that they differ from.
pub(super) async fn forget(db: &Session, sweep: SweepId, units: &Units) -> Result<(), StoreError> {
    db.execute(
        "/* forget_results */
         DELETE FROM results r
         USING unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS u (cell, replicate, block)
         WHERE (r.sweep, r.cell, r.replicate, r.block) = ($1, u.cell, u.replicate, u.block)",
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

pub(super) async fn trajectories(
    db: &Session,
    sweep: SweepId,
    cell: CellId,
    replicate: Replicate,
) -> Result<Vec<(Block, Vec<u8>)>, StoreError> {
    let rows = db
        .query(
            "/* trajectories */
             SELECT block, trajectory FROM results r
             WHERE sweep = $1 AND cell = $2 AND replicate = $3 AND NOT EXISTS (
                 SELECT FROM conflicts c
                 WHERE (c.sweep, c.cell, c.replicate, c.block) = (r.sweep, r.cell, r.replicate, r.block))
             ORDER BY block",
            &[
                &&sweep.0[..],
                &i64::from(cell.0),
                &i64::from(replicate.0),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((Block(number(row, 0)?), get(row, 1)?)))
        .collect()
}
