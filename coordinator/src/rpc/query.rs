//! Computing estimates from the store.

use std::collections::BTreeSet;

use bistable_common::{
    ids::{Block, CellId, Replicate, SweepId},
    sweep::{SolverName, Sweep},
    trajectory::{InvalidTrajectory, Trajectory},
    wire::v1,
};

use super::{Context, Error, estimate_wire::to_wire, troubles};
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
        check_solvers(&known.sweep, &query)?;
        let permit = self.queries.acquire().await;
        let _permit = permit.map_err(|_| DispatchError::Stopping)?;
        blocking(&self.store, move |store| {
            let sweep = &known.sweep;
            let troubles = troubles::of(store, id)?;
            let conflicting = troubles.conflicting > 0;
            let runs = |cell, replicate| trajectories(store, id, cell, replicate);
            let report = estimate::report(sweep, &query, runs, conflicting)?;
            Ok(v1::QueryEstimatesResponse {
                units_quarantined: troubles.quarantined,
                units_conflicting: troubles.conflicting,
                troubles: troubles.first,
                ..to_wire(report, sweep)
            })
        })
        .await
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
