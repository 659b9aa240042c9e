//! The client that the commands share: it finds a coordinator that answers, and turns refusals into sentences.

mod leader;
mod upload;

use std::{fmt, time::Duration};

use bistable_common::wire::v1::{
    self, result_service_client::ResultServiceClient, sweep_service_client::SweepServiceClient,
    work_service_client::WorkServiceClient,
};
use bistable_worker::link::{Address, Credentials, InvalidCredentials, Wire};
use tonic::{Code, Status, Streaming};

/// Answers grow with the grid, far beyond gRPC's usual limit.
const MAX_ANSWER_BYTES: usize = 1 << 30;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a command got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What it should show or trust is not there.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// Nobody listens at any of the addresses.
    #[error("{}", unreachable(.0))]
    Unreachable(Vec<(Address, String)>),
    /// The coordinator said no.
    #[error("{}", sentence(.0))]
    Refused(Status),
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

fn unreachable(tried: &[(Address, String)]) -> String {
    let tried: String = tried
        .iter()
        .map(|(address, reason)| format!("\n  {address}: {reason}"))
        .collect();
    format!(
        "no coordinator answers; tried:{tried}\n\
         start one with `bistable serve`, or name one with --coordinator or BISTABLE_COORDINATOR"
    )
}

fn sentence(status: &Status) -> String {
    let message = status.message();
    match status.code() {
        Code::Unavailable => format!("the coordinator is not available: {message}"),
        Code::Unimplemented => format!("the coordinator cannot do that: {message}"),
        Code::Internal | Code::Unknown => format!("the coordinator failed: {message}"),
        _ => message.to_owned(),
    }
}

/// A connection to a coordinator, and to another one when that cannot answer. What only a leader can do finds the leader.
#[derive(Clone)]
pub struct Client {
    address: Address,
    /// Every coordinator that was named.
    addresses: Vec<Address>,
    credentials: Credentials,
    sweeps: SweepServiceClient<Wire>,
    results: ResultServiceClient<Wire>,
    work: WorkServiceClient<Wire>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.address)
    }
}

impl Client {
    /// Connects to the first of `addresses` that answers.
    ///
    /// # Errors
    /// If none does.
    pub async fn connect(
        addresses: &[Address],
        credentials: &Credentials,
    ) -> Result<Self, ClientError> {
        credentials.check(addresses)?;
        let mut tried = Vec::new();
        for address in addresses {
            match reach(address, credentials).await {
                Ok(channel) => {
                    let (known, credentials) = (addresses.to_vec(), credentials.clone());
                    return Ok(Self::over(address.clone(), known, credentials, channel));
                }
                Err(reason) => tried.push((address.clone(), reason)),
            }
        }
        Err(ClientError::Unreachable(tried))
    }

    fn over(
        address: Address,
        addresses: Vec<Address>,
        credentials: Credentials,
        wire: Wire,
    ) -> Self {
        let results = ResultServiceClient::new(wire.clone());
        Self {
            address,
            addresses,
            credentials,
            sweeps: SweepServiceClient::new(wire.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            results: results.max_decoding_message_size(MAX_ANSWER_BYTES),
            work: WorkServiceClient::new(wire),
        }
    }

    /// Who answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Submits a document.
    pub async fn submit(
        &mut self,
        request: v1::SubmitSweepRequest,
    ) -> Result<v1::SubmitSweepResponse, ClientError> {
        let submitted =
            self.insist(async |client| client.sweeps.submit_sweep(request.clone()).await);
        Ok(submitted.await?.into_inner())
    }

    /// All sweeps, oldest first.
    pub async fn list(&mut self) -> Result<Vec<v1::SweepStatus>, ClientError> {
        let request = v1::ListSweepsRequest {};
        let listed = self.insist(async |client| client.sweeps.list_sweeps(request).await);
        Ok(listed.await?.into_inner().sweeps)
    }

    /// A sweep: its status, and its canonical form.
    pub async fn sweep(&mut self, id: String) -> Result<v1::GetSweepResponse, ClientError> {
        let request = v1::GetSweepRequest { id };
        let found = self.insist(async |client| client.sweeps.get_sweep(request.clone()).await);
        Ok(found.await?.into_inner())
    }

    /// A sweep's status, now and whenever it changes.
    pub async fn watch(
        &mut self,
        id: String,
    ) -> Result<Streaming<v1::WatchSweepResponse>, ClientError> {
        let request = v1::WatchSweepRequest { id };
        let watched = self.insist(async |client| client.sweeps.watch_sweep(request.clone()).await);
        Ok(watched.await?.into_inner())
    }

    /// Stops leasing units of a sweep.
    pub async fn pause(&mut self, id: String) -> Result<v1::SweepStatus, ClientError> {
        let request = v1::PauseSweepRequest { id };
        let paused = self.insist(async |client| client.sweeps.pause_sweep(request.clone()).await);
        Ok(paused.await?.into_inner().sweep.unwrap_or_default())
    }

    /// Undoes a pause.
    pub async fn resume(&mut self, id: String) -> Result<v1::SweepStatus, ClientError> {
        let request = v1::ResumeSweepRequest { id };
        let resumed = self.insist(async |client| client.sweeps.resume_sweep(request.clone()).await);
        Ok(resumed.await?.into_inner().sweep.unwrap_or_default())
    }

    /// Ends a sweep; its results stay.
    pub async fn cancel(&mut self, id: String) -> Result<v1::SweepStatus, ClientError> {
        let request = v1::CancelSweepRequest { id };
        let cancelled =
            self.insist(async |client| client.sweeps.cancel_sweep(request.clone()).await);
        Ok(cancelled.await?.into_inner().sweep.unwrap_or_default())
    }

    /// Puts units back that are in trouble: these, or all.
    pub async fn retry(
        &mut self,
        id: String,
        units: Vec<v1::SweepUnit>,
    ) -> Result<v1::RetrySweepResponse, ClientError> {
        let request = v1::RetrySweepRequest { id, units };
        let retried = self.insist(async |client| client.sweeps.retry_sweep(request.clone()).await);
        Ok(retried.await?.into_inner())
    }

    /// Ends a sweep and forgets its results.
    pub async fn delete(&mut self, id: String) -> Result<(), ClientError> {
        let request = v1::DeleteSweepRequest { id };
        let deleted = self.insist(async |client| client.sweeps.delete_sweep(request.clone()).await);
        deleted.await?;
        Ok(())
    }

    /// Estimates.
    pub async fn estimates(
        &mut self,
        query: v1::QueryEstimatesRequest,
    ) -> Result<v1::QueryEstimatesResponse, ClientError> {
        let told = self.insist(async |client| client.results.query_estimates(query.clone()).await);
        Ok(told.await?.into_inner())
    }

    /// Raw trajectories, unit by unit.
    pub async fn trajectories(
        &mut self,
        id: String,
    ) -> Result<Streaming<v1::StreamTrajectoriesResponse>, ClientError> {
        let request = v1::StreamTrajectoriesRequest {
            id,
            ..Default::default()
        };
        let streamed =
            self.insist(async |client| client.results.stream_trajectories(request.clone()).await);
        Ok(streamed.await?.into_inner())
    }
}

/// A connection to `address`, or why there is none.
async fn reach(address: &Address, credentials: &Credentials) -> Result<Wire, String> {
    match tokio::time::timeout(CONNECT_TIMEOUT, credentials.connect(address)).await {
        Ok(Ok(wire)) => Ok(wire),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}
