//! Computing estimates from the store.

use bistable_common::{
    ids::{Block, CellId, Replicate, SweepId},
    trajectory::{InvalidTrajectory, Trajectory},
    wire::v1,
};

use super::{Context, Error, estimate_wire::to_wire};
use crate::{
    dispatch::DispatchError,
    estimate::{self, Query},
    store::{Store, StoreError, blocking},
};

impl Context {
    /// Estimates of a sweep as it stands.
    pub(super) async fn estimates(
        &self,
        id: SweepId,
        query: Query,
    ) -> Result<v1::QueryEstimatesResponse, Error> {
        let known = self.view().known(id).await?;
        let permit = self.queries.acquire().await;
        let _permit = permit.map_err(|_| DispatchError::Stopping)?;
        blocking(&self.store, move |store| {
            let sweep = &known.sweep;
            let conflicting = !store.conflicts(id)?.is_empty();
            let runs = |cell, replicate| trajectories(store, id, cell, replicate);
            let report = estimate::report(sweep, &query, runs, conflicting)?;
            Ok(to_wire(report, sweep))
        })
        .await
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
