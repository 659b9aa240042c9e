//! Reports: read, checked, recorded, answered when they are durable.

use bistable_common::{
    ids::{Hash, UnitId, WorkerId},
    trajectory::Trajectory,
    wire::v1,
};

use super::{Context, Error, orders::Orders, shape::Expected};
use crate::{
    dispatch::{DispatchError, Recorded, Registry, wall_clock},
    spans::Followed,
    store::{Store, UnitResult, blocking},
};

/// Units in a report, at most.
pub(crate) const MAX_UNITS: usize = 1024;

/// The longest description of a build or name of a worker that is kept.
const MAX_TEXT_BYTES: usize = 256;

/// Records a batch of results. One that no unit can have refuses the whole batch, before any is recorded.
pub(super) async fn report(
    context: &Context,
    request: v1::ReportRequest,
) -> Result<v1::ReportResponse, Error> {
    let (dispatch, orders) = (context.leading()?.dispatch, context.orders.clone());
    let recorder = dispatch.recorder().clone();
    // Decoding megabytes would keep other calls waiting.
    let registry = dispatch.registry().clone();
    let (spans, arrived) = (context.watchers.spans.clone(), wall_clock());
    let read = move |_: &dyn Store| {
        let followed = Followed::of(&spans, &registry, &request, arrived);
        Ok::<_, Error>((read(&registry, &orders, request)?, followed))
    };
    let (results, followed) = blocking(&context.store, read).await?;
    let Recorded { outcomes, commit } = recorder.record(results).await?;
    for unit in followed {
        unit.stored(&outcomes, &commit);
    }
    Ok(v1::ReportResponse {
        outcomes: outcomes
            .into_iter()
            .map(|outcome| v1::Outcome::from(outcome).into())
            .collect(),
    })
}

pub(super) fn read(
    registry: &Registry,
    orders: &Orders,
    request: v1::ReportRequest,
) -> Result<Vec<UnitResult>, Error> {
    let v1::ReportRequest {
        worker,
        numerics,
        build,
        units,
        sent_us: _,
    } = request;
    if units.len() > MAX_UNITS {
        return Err(Error::invalid("units", "more than 1024 in one report"));
    }
    if worker.len() > MAX_TEXT_BYTES || build.len() > MAX_TEXT_BYTES {
        return Err(Error::invalid("worker, build", "more than 256 bytes"));
    }
    let numerics = Hash::try_from(numerics.as_ref());
    let numerics = numerics.map_err(|error| Error::invalid("numerics", error))?;
    units
        .into_iter()
        .map(|unit| {
            let v1::UnitReport {
                unit,
                token: _,
                trajectory,
                compute_us,
                computed_us: _,
            } = unit;
            let unit = UnitId::try_from(unit)?;
            check(registry, orders, unit, &trajectory)?;
            Ok(UnitResult {
                unit,
                trajectory: trajectory.into(),
                numerics,
                build: build.clone(),
                worker: WorkerId(worker.clone()),
                compute_us,
            })
        })
        .collect()
}

/// Checks that the trajectory can be the unit's. One of an unknown sweep need not be: it is stale whatever it holds.
fn check(registry: &Registry, orders: &Orders, unit: UnitId, bytes: &[u8]) -> Result<(), Error> {
    let Some(known) = registry.get(unit.sweep) else {
        tracing::debug!("{}", DispatchError::Unknown(unit.sweep));
        return Ok(());
    };
    let refuse = |why: &dyn std::fmt::Display| {
        tracing::warn!(?unit, "a trajectory is refused: {why}");
        Error::invalid("units.trajectory", format!("{unit:?}: {why}"))
    };
    let trajectory = Trajectory::decode(bytes).map_err(|error| refuse(&error))?;
    let expected = Expected {
        sweep: &known.sweep,
        plan: &known.plan,
        orders,
    };
    expected
        .check(unit.key, &trajectory)
        .map_err(|error| refuse(&error))
}
