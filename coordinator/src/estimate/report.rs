//! The pass over a sweep's trajectories: each is read once, reduced, and dropped.

use bistable_common::{
    ids::{Block, CellId, Replicate},
    plan::Plan,
    sweep::Sweep,
    trajectory::{Digest, Trajectory},
};

use super::{
    Query, Report,
    group::groups,
    replicate::{Run, missing, reduce},
};

/// Estimates what `query` asks about `sweep`.
///
/// `runs` returns the stored units of a (cell, replicate) in the order of blocks, as many as there are; it is asked in
/// plan order, and no longer about cells outside the query once the digest is known to be absent. `conflicting` says
/// that some unit has two different results; `runs` must leave such units out.
///
/// # Errors
/// Whatever `runs` returns.
pub fn report<E>(
    sweep: &Sweep,
    query: &Query,
    mut runs: impl FnMut(CellId, Replicate) -> Result<Vec<(Block, Trajectory)>, E>,
    conflicting: bool,
) -> Result<Report, E> {
    let facts = sweep.facts();
    let plan = Plan::new(facts);
    let mut digest = (!conflicting).then(|| Digest::new(facts));
    let mut reduced: Vec<Vec<Run>> = vec![Vec::new(); facts.cells.len()];
    for (id, replicate) in plan.runs() {
        let wanted = query.wants_cell(sweep, id);
        if !wanted && digest.is_none() {
            continue;
        }
        let units = runs(id, replicate)?;
        let missing = missing(&plan, id, &units);
        if missing > 0 {
            digest = None;
            reduced[id.0 as usize].push(Run::Partial { missing });
            continue;
        }
        let cell = sweep.cell(id);
        let units: Vec<Trajectory> = units.into_iter().map(|(_, unit)| unit).collect();
        digest =
            digest.and_then(|mut sum| sum.run(id, replicate, &cell.ks, &units).ok().map(|()| sum));
        if wanted {
            let whole = reduce(facts, cell, replicate, &units);
            reduced[id.0 as usize].push(Run::Whole(whole));
        }
    }
    let confidence = query.confidence.unwrap_or(sweep.confidence());
    Ok(Report {
        digest: digest.map(Digest::finish),
        confidence,
        estimates: groups(sweep, query)
            .iter()
            .map(|group| group.estimate(sweep, query, confidence, &reduced))
            .collect(),
    })
}
