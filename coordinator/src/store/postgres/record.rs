//! Recording results: the first one of a unit stays, others are compared with it. A batch takes a handful of statements,
//! however many results it has.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use bistable_common::ids::{Hash, SweepId, UnitId};
use tokio_postgres::Row;

use super::{
    row::{Units, bounded, bytes, get, text, unit},
    session::Session,
    sweeps::binding,
};
use crate::{
    board::Timestamp,
    store::{Lifecycle, MAX_RIVALS, Outcome, StoreError, UnitResult},
};

/// Bytes of trajectories in a statement, roughly at most: the server takes no message of a gigabyte.
const PORTION: usize = 32 << 20;

pub(super) async fn record(
    db: &Session,
    results: &[UnitResult],
    now: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let bound = bindings(db, results).await?;
    let counts = |result: &&UnitResult| {
        matches!(bound.get(&result.unit.sweep),
            Some((Lifecycle::Running | Lifecycle::Paused, numerics)) if *numerics == result.numerics)
    };
    let mut first = BTreeMap::new();
    for result in results.iter().filter(counts) {
        first.entry(result.unit).or_insert(result);
    }
    let firsts: Vec<&UnitResult> = first.into_values().collect();
    let mut inserted = BTreeSet::new();
    for portion in portions(&firsts) {
        inserted.extend(insert(db, portion, now).await?);
    }
    let later: BTreeSet<UnitId> = results
        .iter()
        .filter(counts)
        .filter(|result| !is_among(&firsts, result) || !inserted.contains(&result.unit))
        .map(|result| result.unit)
        .collect();
    let stored = stored(db, &later).await?;
    let mut conflicts = Vec::new();
    let outcomes = results.iter().map(|result| {
        if !counts(&result) {
            Outcome::Stale
        } else if inserted.remove(&result.unit) {
            Outcome::Accepted
        } else if stored.get(&result.unit) == Some(&result.trajectory) {
            Outcome::Duplicate
        } else {
            conflicts.push(result);
            Outcome::Conflicting
        }
    });
    let outcomes = outcomes.collect();
    for portion in portions(&conflicts) {
        keep_conflicts(db, portion, now).await?;
    }
    Ok(outcomes)
}

/// Cuts results so that each portion fits into a statement.
fn portions<'a, 'b>(results: &'b [&'a UnitResult]) -> impl Iterator<Item = &'b [&'a UnitResult]> {
    let mut rest = results;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|result| {
            bytes += result.trajectory.len();
            bytes <= PORTION
        });
        // One that is too large by itself is tried all the same.
        let count = fits.count().max(1).min(rest.len());
        let (portion, later) = rest.split_at(count);
        rest = later;
        (count > 0).then_some(portion)
    })
}

/// Whether it is this very result, not an equal one, that stands for its unit.
fn is_among(firsts: &[&UnitResult], result: &UnitResult) -> bool {
    firsts
        .binary_search_by_key(&result.unit, |first| first.unit)
        .is_ok_and(|index| std::ptr::eq(firsts[index], result))
}

/// What decides about the reports of each sweep.
async fn bindings(
    db: &Session,
    results: &[UnitResult],
) -> Result<HashMap<SweepId, (Lifecycle, Hash)>, StoreError> {
    let sweeps: BTreeSet<SweepId> = results.iter().map(|result| result.unit.sweep).collect();
    let mut bound = HashMap::new();
    for sweep in sweeps {
        if let Some(binding) = binding(db, sweep).await? {
            bound.insert(sweep, binding);
        }
    }
    Ok(bound)
}

/// Results as columns.
struct Columns<'a> {
    sweeps: Vec<&'a [u8]>,
    units: Units,
    trajectories: Vec<&'a [u8]>,
    builds: Vec<Cow<'a, str>>,
    workers: Vec<Cow<'a, str>>,
}

impl<'a> Columns<'a> {
    fn of(results: &[&'a UnitResult]) -> Self {
        Self {
            sweeps: results.iter().map(|r| &r.unit.sweep.0[..]).collect(),
            units: results.iter().map(|r| r.unit.key).collect(),
            trajectories: results.iter().map(|r| &r.trajectory[..]).collect(),
            builds: results.iter().map(|r| text(&r.build)).collect(),
            workers: results.iter().map(|r| text(&r.worker.0)).collect(),
        }
    }
}

/// Inserts results of different units, and forgets the failures of those that were the first; returns these.
async fn insert(
    db: &Session,
    results: &[&UnitResult],
    now: Timestamp,
) -> Result<BTreeSet<UnitId>, StoreError> {
    let columns = Columns::of(results);
    let numerics: Vec<&[u8]> = results.iter().map(|r| &r.numerics.0[..]).collect();
    let costs: Vec<i64> = results.iter().map(|r| bounded(r.compute_us)).collect();
    let rows = db
        .query(
            "/* record */
             WITH inserted AS (
                 INSERT INTO results (sweep, cell, replicate, block, trajectory, numerics, build, worker,
                                      compute_us, reported_at_ms)
                 SELECT sweep, cell, replicate, block, trajectory, numerics, build, worker, compute_us, $10
                 FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[],
                             $7::text[], $8::text[], $9::bigint[])
                     AS n (sweep, cell, replicate, block, trajectory, numerics, build, worker, compute_us)
                 ON CONFLICT DO NOTHING
                 RETURNING sweep, cell, replicate, block
             ), healed AS (
                 DELETE FROM failures f USING inserted i
                 WHERE (f.sweep, f.cell, f.replicate, f.block) = (i.sweep, i.cell, i.replicate, i.block)
             )
             SELECT cell, replicate, block, sweep FROM inserted",
            &[
                &columns.sweeps,
                &columns.units.cells,
                &columns.units.replicates,
                &columns.units.blocks,
                &columns.trajectories,
                &numerics,
                &columns.builds,
                &columns.workers,
                &costs,
                &bounded(now.0),
            ],
        )
        .await?;
    rows.iter().map(unit_id).collect()
}

fn unit_id(row: &Row) -> Result<UnitId, StoreError> {
    Ok(UnitId {
        sweep: SweepId(bytes(row, 3)?),
        key: unit(row)?,
    })
}

/// The trajectories of units that have one.
async fn stored(
    db: &Session,
    units: &BTreeSet<UnitId>,
) -> Result<HashMap<UnitId, Vec<u8>>, StoreError> {
    if units.is_empty() {
        return Ok(HashMap::new());
    }
    let sweeps: Vec<&[u8]> = units.iter().map(|unit| &unit.sweep.0[..]).collect();
    let keys: Units = units.iter().map(|unit| unit.key).collect();
    let rows = db
        .query(
            "/* stored */
             SELECT r.cell, r.replicate, r.block, r.sweep, r.trajectory
             FROM results r JOIN unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[])
                 AS u (sweep, cell, replicate, block)
             ON (r.sweep, r.cell, r.replicate, r.block) = (u.sweep, u.cell, u.replicate, u.block)",
            &[&sweeps, &keys.cells, &keys.replicates, &keys.blocks],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((unit_id(row)?, get(row, 4)?)))
        .collect()
}

async fn keep_conflicts(
    db: &Session,
    results: &[&UnitResult],
    now: Timestamp,
) -> Result<(), StoreError> {
    let columns = Columns::of(results);
    let hashes: Vec<Hash> = results.iter().map(|r| Hash::of(&r.trajectory)).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
    db.execute(
        "/* keep_conflicts */
         INSERT INTO conflicts (sweep, cell, replicate, block, trajectory, trajectory_hash, build, worker,
                                reported_at_ms)
         SELECT sweep, cell, replicate, block, trajectory, trajectory_hash, build, worker, $9
         FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::text[],
                     $8::text[])
             AS n (sweep, cell, replicate, block, trajectory, trajectory_hash, build, worker)
         WHERE $10 > (
             SELECT count(*) FROM conflicts c
             WHERE (c.sweep, c.cell, c.replicate, c.block) = (n.sweep, n.cell, n.replicate, n.block))
         ON CONFLICT DO NOTHING",
        &[
            &columns.sweeps,
            &columns.units.cells,
            &columns.units.replicates,
            &columns.units.blocks,
            &columns.trajectories,
            &hashes,
            &columns.builds,
            &columns.workers,
            &bounded(now.0),
            &i64::from(MAX_RIVALS),
        ],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bistable_common::ids::{Block, CellId, Replicate, UnitKey, WorkerId};

    use super::*;

    fn result(bytes: usize) -> UnitResult {
        let key = UnitKey {
            cell: CellId(0),
            replicate: Replicate(0),
            block: Block(0),
        };
        UnitResult {
            unit: UnitId {
                sweep: SweepId([1; 8]),
                key,
            },
            trajectory: vec![0; bytes],
            numerics: Hash([7; 32]),
            build: String::new(),
            worker: WorkerId(String::new()),
            compute_us: 0,
        }
    }

    #[test]
    fn portions_are_all_there_and_none_is_too_large() {
        let sizes = [1, PORTION - 1, 1, PORTION + 1, 2, 3].map(result);
        let results: Vec<_> = sizes.iter().collect();
        let counts: Vec<_> = portions(&results).map(<[_]>::len).collect();
        assert_eq!(counts, [2, 1, 1, 2]);
        assert_eq!(portions(&[]).count(), 0);
    }
}
