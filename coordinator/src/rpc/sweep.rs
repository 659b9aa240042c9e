//! `SweepService`: the life of sweeps.

use bistable_common::{
    sweep::{Format, Source, Sweep, parse},
    wire::v1::{self, sweep_service_server::SweepService},
};
use tonic::{Request, Response, Status};

use super::{
    Context, Error, Responses, catalog::Stored, error::sweep_id, responses, retry::retry, watch,
};
use crate::{
    board::Priority,
    dispatch::Steering,
    spans::Submission,
    store::{Store, blocking},
};

/// The longest name of a document: every mistake in it repeats it.
const MAX_ORIGIN_BYTES: usize = 4096;

/// The service.
pub(crate) struct Sweeps(pub Context);

impl Sweeps {
    async fn steer(&self, id: &str, steering: Steering) -> Result<Option<v1::SweepStatus>, Error> {
        let id = sweep_id(id)?;
        let status = self.0.leading()?.dispatch.steer(id, steering).await?;
        Ok(Some(status.into()))
    }

    async fn read(&self, request: v1::SubmitSweepRequest) -> Result<Sweep, Error> {
        let v1::SubmitSweepRequest {
            document,
            format,
            origin,
            priority: _,
        } = request;
        let format = match v1::DocumentFormat::try_from(format) {
            Ok(v1::DocumentFormat::Toml) => Format::Toml,
            Ok(v1::DocumentFormat::Json) => Format::Json,
            Ok(v1::DocumentFormat::Unspecified) | Err(_) => {
                return Err(Error::invalid("format", "say whether it is TOML or JSON"));
            }
        };
        if origin.len() > MAX_ORIGIN_BYTES {
            return Err(Error::invalid("origin", "more than 4096 bytes"));
        }
        let bundled = self.0.bundled.clone();
        let read = move |store: &dyn Store| {
            let catalog = Stored::new(store, bundled);
            let source = Source {
                name: &origin,
                text: &document,
                format,
            };
            parse(&source, &catalog).map_err(|error| match catalog.failed() {
                Some(failed) => failed.into(),
                None if catalog.missing().is_some() => Error::Precondition(error.render()),
                None => Error::Invalid(error.render()),
            })
        };
        blocking(&self.0.store, read).await
    }
}

#[tonic::async_trait]
impl SweepService for Sweeps {
    async fn submit_sweep(
        &self,
        request: Request<v1::SubmitSweepRequest>,
    ) -> Result<Response<v1::SubmitSweepResponse>, Status> {
        let dispatch = self.0.leading()?.dispatch;
        let mut submission = Submission::begins(&self.0.watchers.spans);
        let request = request.into_inner();
        let priority = request.priority.map(Priority);
        let sweep = self.read(request).await?;
        submission.checked();
        let submitted = dispatch.submit(sweep, priority).await;
        let (status, existed) = submitted.map_err(Error::from)?;
        submission.planned(&status, existed);
        Ok(Response::new(v1::SubmitSweepResponse {
            sweep: Some(status.into()),
            existed: existed.0,
        }))
    }

    async fn get_sweep(
        &self,
        request: Request<v1::GetSweepRequest>,
    ) -> Result<Response<v1::GetSweepResponse>, Status> {
        let v1::GetSweepRequest { id } = request.into_inner();
        let status = self.0.view().status(sweep_id(&id)?).await;
        let status = status.map_err(Error::from)?;
        Ok(Response::new(v1::GetSweepResponse {
            canonical_json: status.known.canonical_json.clone(),
            sweep: Some(status.into()),
        }))
    }

    async fn list_sweeps(
        &self,
        _: Request<v1::ListSweepsRequest>,
    ) -> Result<Response<v1::ListSweepsResponse>, Status> {
        let sweeps = self.0.view().list().await.map_err(Error::from)?;
        Ok(Response::new(v1::ListSweepsResponse {
            sweeps: sweeps.into_iter().map(Into::into).collect(),
        }))
    }

    type WatchSweepStream = Responses<v1::WatchSweepResponse>;

    async fn watch_sweep(
        &self,
        request: Request<v1::WatchSweepRequest>,
    ) -> Result<Response<Self::WatchSweepStream>, Status> {
        let v1::WatchSweepRequest { id } = request.into_inner();
        let id = sweep_id(&id)?;
        self.0.view().status(id).await.map_err(Error::from)?;
        let (sink, stream) = responses();
        tokio::spawn(watch::sweep(self.0.clone(), id, sink));
        Ok(Response::new(stream))
    }

    async fn pause_sweep(
        &self,
        request: Request<v1::PauseSweepRequest>,
    ) -> Result<Response<v1::PauseSweepResponse>, Status> {
        let v1::PauseSweepRequest { id } = request.into_inner();
        let sweep = self.steer(&id, Steering::Pause).await?;
        Ok(Response::new(v1::PauseSweepResponse { sweep }))
    }

    async fn resume_sweep(
        &self,
        request: Request<v1::ResumeSweepRequest>,
    ) -> Result<Response<v1::ResumeSweepResponse>, Status> {
        let v1::ResumeSweepRequest { id } = request.into_inner();
        let sweep = self.steer(&id, Steering::Resume).await?;
        Ok(Response::new(v1::ResumeSweepResponse { sweep }))
    }

    async fn cancel_sweep(
        &self,
        request: Request<v1::CancelSweepRequest>,
    ) -> Result<Response<v1::CancelSweepResponse>, Status> {
        let v1::CancelSweepRequest { id } = request.into_inner();
        let sweep = self.steer(&id, Steering::Cancel).await?;
        Ok(Response::new(v1::CancelSweepResponse { sweep }))
    }

    async fn retry_sweep(
        &self,
        request: Request<v1::RetrySweepRequest>,
    ) -> Result<Response<v1::RetrySweepResponse>, Status> {
        let v1::RetrySweepRequest { id, units } = request.into_inner();
        let answer = retry(&self.0, sweep_id(&id)?, units).await?;
        Ok(Response::new(answer))
    }

    async fn delete_sweep(
        &self,
        request: Request<v1::DeleteSweepRequest>,
    ) -> Result<Response<v1::DeleteSweepResponse>, Status> {
        let v1::DeleteSweepRequest { id } = request.into_inner();
        let id = sweep_id(&id)?;
        let dispatch = self.0.leading()?.dispatch;
        dispatch.delete(id).await.map_err(Error::from)?;
        Ok(Response::new(v1::DeleteSweepResponse {}))
    }
}
