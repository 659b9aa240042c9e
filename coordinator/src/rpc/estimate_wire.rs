//! Stands in for the conversions of estimates: replace this file by the real one.
#![allow(missing_docs, clippy::result_large_err)]

use bistable_common::{ids::SweepId, sweep::Sweep, wire::v1};
use tonic::Status;

use crate::estimate::{Query, Report};

pub fn query_from_wire(request: v1::QueryEstimatesRequest) -> Result<(SweepId, Query), Status> {
    let id = request
        .id
        .parse()
        .map_err(|error| Status::invalid_argument(format!("id: {error}")))?;
    Ok((id, Query::default()))
}

pub fn to_wire(report: Report, sweep: &Sweep) -> v1::QueryEstimatesResponse {
    v1::QueryEstimatesResponse {
        digest: report.digest.map(|digest| digest.to_string()),
        id: sweep.id().to_string(),
        name: sweep.name().to_owned(),
        confidence: report.confidence,
        estimates: vec![],
    }
}
