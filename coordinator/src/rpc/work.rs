//! `WorkService`: what workers need. Each call has a file.

use bistable_common::wire::v1::{self, work_service_server::WorkService};
use tonic::{Request, Response, Status, Streaming};

use super::{Context, Responses, beat, data, report, session};

/// The service.
pub(crate) struct Work(pub Context);

#[tonic::async_trait]
impl WorkService for Work {
    type SessionStream = session::Letters;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let letters = session::open(&self.0, request.into_inner()).await?;
        Ok(Response::new(letters))
    }

    type BeatStream = Responses<v1::BeatResponse>;

    async fn beat(
        &self,
        request: Request<Streaming<v1::BeatRequest>>,
    ) -> Result<Response<Self::BeatStream>, Status> {
        Ok(Response::new(beat::answer(&self.0, request.into_inner())?))
    }

    async fn report(
        &self,
        request: Request<v1::ReportRequest>,
    ) -> Result<Response<v1::ReportResponse>, Status> {
        let answer = report::report(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn stat_data(
        &self,
        request: Request<v1::StatDataRequest>,
    ) -> Result<Response<v1::StatDataResponse>, Status> {
        let answer = data::stat(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    type FetchDataStream = Responses<v1::FetchDataResponse>;

    async fn fetch_data(
        &self,
        request: Request<v1::FetchDataRequest>,
    ) -> Result<Response<Self::FetchDataStream>, Status> {
        let stream = data::fetch(&self.0, request.into_inner()).await?;
        Ok(Response::new(stream))
    }

    async fn upload_data(
        &self,
        request: Request<Streaming<v1::UploadDataRequest>>,
    ) -> Result<Response<v1::UploadDataResponse>, Status> {
        let answer = data::upload(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
