//! `ResultService`: estimates and trajectories.

use std::{collections::BTreeSet, time::Duration};

use bistable_common::{
    ids::{CellId, Replicate, SweepId, UnitId, UnitKey},
    wire::v1::{self, result_service_server::ResultService},
};
use tonic::{Request, Response, Status};

use super::{
    Context, Error, Responses, Sink,
    error::sweep_id,
    estimate_wire::query_from_wire,
    fail,
    query::trajectories,
    responses,
    watch::{Next, next},
};
use crate::{dispatch::DispatchError, estimate::Query, store::blocking};

/// How long at least between two computations for one watcher.
const ESTIMATE_EVERY: Duration = Duration::from_secs(1);

/// The service.
pub(crate) struct Results(pub Context);

#[tonic::async_trait]
impl ResultService for Results {
    async fn query_estimates(
        &self,
        request: Request<v1::QueryEstimatesRequest>,
    ) -> Result<Response<v1::QueryEstimatesResponse>, Status> {
        let (id, query) = query_from_wire(request.into_inner())?;
        Ok(Response::new(self.0.estimates(id, query).await?))
    }

    type WatchEstimatesStream = Responses<v1::WatchEstimatesResponse>;

    async fn watch_estimates(
        &self,
        request: Request<v1::WatchEstimatesRequest>,
    ) -> Result<Response<Self::WatchEstimatesStream>, Status> {
        let v1::WatchEstimatesRequest { query } = request.into_inner();
        let query = query.ok_or_else(|| Error::invalid("query", "it is missing"))?;
        let (id, query) = query_from_wire(query)?;
        self.0.view().known(id).await?;
        let (sink, stream) = responses();
        let context = self.0.clone();
        tokio::spawn(async move {
            if let Err(error) = watch(&context, id, query, &sink).await {
                fail(&sink, error).await;
            }
        });
        Ok(Response::new(stream))
    }

    type StreamTrajectoriesStream = Responses<v1::StreamTrajectoriesResponse>;

    async fn stream_trajectories(
        &self,
        request: Request<v1::StreamTrajectoriesRequest>,
    ) -> Result<Response<Self::StreamTrajectoriesStream>, Status> {
        let v1::StreamTrajectoriesRequest {
            id,
            cells,
            replicates,
        } = request.into_inner();
        let id = sweep_id(&id)?;
        self.0.view().known(id).await?;
        let filter = Filter {
            cells: cells.into_iter().map(CellId).collect(),
            replicates: replicates.into_iter().map(Replicate).collect(),
        };
        let (sink, stream) = responses();
        let context = self.0.clone();
        tokio::spawn(async move {
            if let Err(error) = export(&context, id, filter, &sink).await {
                fail(&sink, error).await;
            }
        });
        Ok(Response::new(stream))
    }
}

/// Sends estimates until the sweep is settled, gone, or nobody looks.
async fn watch(
    context: &Context,
    id: SweepId,
    query: Query,
    sink: &Sink<v1::WatchEstimatesResponse>,
) -> Result<(), Error> {
    let mut last = None;
    loop {
        let view = context.view();
        let changes = view.changes();
        let settled = match view.status(id).await {
            Ok(status) => status.progress.state.is_settled(),
            Err(DispatchError::Unknown(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        drop(view);
        let estimates = tokio::select! {
            estimates = context.estimates(id, query.clone()) => Some(estimates?),
            () = sink.closed() => return Ok(()),
        };
        if last != estimates {
            last.clone_from(&estimates);
            let look = v1::WatchEstimatesResponse { estimates };
            if sink.send(Ok(look)).await.is_err() {
                return Ok(());
            }
        }
        if settled {
            return Ok(());
        }
        if let Next::Stop = next(changes, sink, ESTIMATE_EVERY).await {
            return Ok(());
        }
    }
}

/// Which runs are wanted; empty sets mean all.
struct Filter {
    cells: BTreeSet<CellId>,
    replicates: BTreeSet<Replicate>,
}

impl Filter {
    fn wants(&self, cell: CellId, replicate: Replicate) -> bool {
        (self.cells.is_empty() || self.cells.contains(&cell))
            && (self.replicates.is_empty() || self.replicates.contains(&replicate))
    }
}

/// Sends trajectories, a run in memory at a time, as fast as they are read.
async fn export(
    context: &Context,
    id: SweepId,
    filter: Filter,
    sink: &Sink<v1::StreamTrajectoriesResponse>,
) -> Result<(), Error> {
    let known = context.view().known(id).await?;
    let runs = known.plan.runs();
    for (cell, replicate) in runs.filter(|(cell, replicate)| filter.wants(*cell, *replicate)) {
        let read = move |store: &dyn crate::store::Store| trajectories(store, id, cell, replicate);
        for (block, trajectory) in blocking(&context.store, read).await? {
            let key = UnitKey {
                cell,
                replicate,
                block,
            };
            let unit = UnitId { sweep: id, key };
            let ks = &known.sweep.cell(cell).ks;
            let message = v1::StreamTrajectoriesResponse::new(unit, ks, trajectory);
            if sink.send(Ok(message)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
