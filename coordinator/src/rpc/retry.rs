//! Putting back units that were given up or have results that differ.

use bistable_common::{
    ids::{Block, CellId, Replicate, SweepId, UnitKey},
    wire::v1,
};

use super::{Context, Error};
use crate::dispatch::DispatchError;

/// Units that can be named in one call.
const MAX_UNITS: usize = 65_536;

pub(super) async fn retry(
    context: &Context,
    id: SweepId,
    units: Vec<v1::SweepUnit>,
) -> Result<v1::RetrySweepResponse, Error> {
    let dispatch = context.leading()?.dispatch;
    let known = dispatch.registry().get(id);
    let known = known.ok_or(DispatchError::Unknown(id))?;
    if units.len() > MAX_UNITS {
        return Err(Error::invalid("units", "more than 65536 in one call"));
    }
    let units: Vec<UnitKey> = units.into_iter().map(key).collect();
    if let Some(unknown) = units.iter().find(|unit| !known.plan.contains(**unit)) {
        let UnitKey {
            cell,
            replicate,
            block,
        } = unknown;
        return Err(Error::invalid(
            "units",
            format!(
                "sweep {id} has no unit {}/{}/{}",
                cell.0, replicate.0, block.0
            ),
        ));
    }
    let retried = dispatch.recorder().retry(id, units).await?;
    let status = dispatch.status(id).await?;
    Ok(v1::RetrySweepResponse {
        sweep: Some(status.into()),
        units: retried.into_iter().map(message).collect(),
    })
}

fn key(unit: v1::SweepUnit) -> UnitKey {
    let v1::SweepUnit {
        cell,
        replicate,
        block,
    } = unit;
    UnitKey {
        cell: CellId(cell),
        replicate: Replicate(replicate),
        block: Block(block),
    }
}

fn message(unit: UnitKey) -> v1::SweepUnit {
    v1::SweepUnit {
        cell: unit.cell.0,
        replicate: unit.replicate.0,
        block: unit.block.0,
    }
}
