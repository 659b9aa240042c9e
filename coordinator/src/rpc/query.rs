//! Computing estimates from the store.

use std::{collections::BTreeSet, sync::Arc};

use bistable_common::{
    ids::{Block, CellId, Replicate, SweepId},
    sweep::{SolverName, Sweep},
    trajectory::{InvalidTrajectory, Trajectory},
    wire::v1,
};

use super::{Context, Error, estimate_wire::to_wire, troubles};
use crate::{
    dispatch::{DispatchError, wall_clock},
    estimate::{self, Query},
    store::{Store, StoreError, blocking},
};

impl Context {
    /// Estimates of a sweep as it stands. Dropped, it stops to compute them before the next run is read; a run of each
    /// computation is in memory at a time.
    pub(super) async fn estimates(
        &self,
        id: SweepId,
        query: Query,
    ) -> Result<v1::QueryEstimatesResponse, Error> {
        let known = self.view().known(id).await?;
        check_solvers(&known.sweep, &query)?;
        let permit = Arc::clone(&self.queries).acquire_owned().await;
        let permit = permit.map_err(|_| DispatchError::Stopping)?;
        let asker = Arc::new(());
        let asked = Arc::downgrade(&asker);
        let story = self.watchers.spans.story(&known);
        let began = wall_clock();
        let answer = blocking(&self.store, move |store| {
            // Held for as long as the work takes, whoever waits for it.
            let _permit = permit;
            let sweep = &known.sweep;
            let troubles = troubles::of(store, id)?;
            let conflicting = troubles.conflicting > 0;
            let runs = |cell, replicate| match asked.strong_count() {
                0 => Err(Error::Unasked),
                _ => trajectories(store, id, cell, replicate),
            };
            let report = estimate::report(sweep, &query, runs, conflicting)?;
            Ok(v1::QueryEstimatesResponse {
                units_quarantined: troubles.quarantined,
                units_conflicting: troubles.conflicting,
                troubles: troubles.first,
                ..to_wire(report, sweep)
            })
        })
        .await;
        drop(asker);
        if let (Some(story), Ok(_)) = (story, &answer) {
            story.tell(story.span("estimate", story.sweep(), began..wall_clock()));
        }
        answer
    }
}

/// A solver that the sweep does not have is a slip of the pen, and not a question with an empty answer.
pub(super) fn check_solvers(sweep: &Sweep, query: &Query) -> Result<(), Error> {
    let cells = 0..u32::try_from(sweep.facts().cells.len()).unwrap_or(u32::MAX);
    let names = cells.map(|cell| sweep.solver_name(CellId(cell)));
    let names: BTreeSet<&str> = names
        .flat_map(|SolverName { label, preset }| [label.as_str(), preset.as_str()])
        .collect();
    match query
        .solvers
        .iter()
        .find(|name| !names.contains(name.as_str()))
    {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<&str> = names.into_iter().collect();
            let why = format!(
                "the sweep has no solver `{unknown}`; it has {}",
                names.join(", ")
            );
            Err(Error::invalid("solvers", why))
        }
    }
}

/// The trajectories of a run, read.
pub(super) fn trajectories(
    store: &dyn Store,
    sweep: SweepId,
    cell: CellId,
    replicate: Replicate,
) -> Result<Vec<(Block, Trajectory)>, Error> {
    let damaged = |error: InvalidTrajectory| StoreError::Damaged(error.to_string());
    let rows = store.trajectories(sweep, cell, replicate)?;
    rows.into_iter()
        .map(|(block, bytes)| {
            let trajectory = Trajectory::decode(&bytes).map_err(damaged)?;
            Ok((block, trajectory))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bistable_common::ids::Hash;
    use tokio::{sync::watch, time::timeout};

    use super::*;
    use crate::{
        board::{Timestamp, fixture},
        dispatch::{Clock, Replica},
        guard::DataLimits,
        lead::Role,
        rpc::MAX_QUERIES,
        store::{Sqlite, slow::Slow},
    };

    const NUMERICS: Hash = Hash([7; 32]);

    #[tokio::test]
    async fn nothing_is_computed_for_one_who_has_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("store.db")).expect("a store");
        // Three runs.
        let sweep = fixture::sweep(32, 3, 1);
        let submitted = store.submit_sweep(&sweep, NUMERICS, None, Timestamp(1));
        submitted.expect("a sweep");
        let (store, word) = Slow::new(store);
        let slow = Arc::new(store);
        let store: Arc<dyn Store> = Arc::clone(&slow) as _;
        let (_role, roles) = watch::channel(Role::StandingBy { leader: None });
        let replica = Replica::new(Arc::clone(&store), NUMERICS, Clock::start(Timestamp(1)));
        let (watchers, limits) = (crate::monitor::Watchers::default(), DataLimits::default());
        let context = Context::new(roles, replica, store, NUMERICS, None, watchers, limits);

        let query = context.estimates(sweep.id(), Query::default());
        tokio::select! {
            _ = query => panic!("no answer without the runs"),
            () = slow.done_so.notified() => {}
        }
        // The first run is still being read, and counts.
        assert_eq!(context.queries.available_permits(), MAX_QUERIES - 1);
        word.send(()).expect("a store");
        // The second is not begun, so nobody has to be told to go on with it.
        let all = context.queries.acquire_many(MAX_QUERIES as u32);
        let all = timeout(Duration::from_secs(60), all).await;
        drop(all.expect("an end").expect("permits"));
    }
}
