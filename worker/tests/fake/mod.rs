//! A coordinator that does nothing by itself: it shows the test what workers say, and says what the test tells it to.

use std::{future::Future, net::SocketAddr, time::Duration};

use bistable_common::wire::{
    PROTOCOL,
    v1::{
        self, session_request, session_response,
        work_service_server::{WorkService, WorkServiceServer},
    },
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = ReceiverStream<Result<T, Status>>;

/// A test that hangs has failed.
pub async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    let minute = Duration::from_secs(60);
    timeout(minute, awaited).await.expect("an end")
}

/// A running fake.
pub struct Fake {
    pub address: SocketAddr,
    sessions: mpsc::Receiver<Session>,
    beats: mpsc::Receiver<Beat>,
    reports: mpsc::Receiver<Report>,
    server: JoinHandle<()>,
}

/// A session that a worker opened.
pub struct Session {
    pub hello: v1::Hello,
    outbound: mpsc::Sender<Result<v1::SessionResponse, Status>>,
    inbound: Streaming<v1::SessionRequest>,
}

/// A heartbeat stream that a worker opened.
pub struct Beat {
    pub outbound: mpsc::Sender<Result<v1::BeatResponse, Status>>,
    inbound: Streaming<v1::BeatRequest>,
}

/// A call that waits for its answer.
pub struct Report {
    pub request: v1::ReportRequest,
    answer: oneshot::Sender<Result<v1::ReportResponse, Status>>,
}

impl Fake {
    pub async fn start() -> Self {
        Self::with_data(Vec::new()).await
    }

    /// One that has `data`, and calls it by every hash.
    pub async fn with_data(data: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (session, sessions) = mpsc::channel(16);
        let (beat, beats) = mpsc::channel(16);
        let (report, reports) = mpsc::channel(16);
        let service = WorkServiceServer::new(Service {
            session,
            beat,
            report,
            data,
        });
        let server = tokio::spawn(async move {
            let _ = Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await;
        });
        Self {
            address,
            sessions,
            beats,
            reports,
            server,
        }
    }

    /// The next session, which waits to be welcomed.
    pub async fn knock(&mut self) -> Session {
        soon(self.sessions.recv()).await.expect("a session")
    }

    /// The next session, welcomed.
    pub async fn session(&mut self) -> Session {
        self.session_beating(10).await
    }

    /// The next session, welcomed, with so much time between beats.
    pub async fn session_beating(&mut self, beat_interval_ms: u32) -> Session {
        let session = self.knock().await;
        session.welcome(beat_interval_ms).await;
        session
    }

    pub async fn beat(&mut self) -> Beat {
        soon(self.beats.recv()).await.expect("a heartbeat stream")
    }

    pub async fn report(&mut self) -> Report {
        soon(self.reports.recv()).await.expect("a report")
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Session {
    pub async fn say(&self, message: session_response::Message) {
        let response = v1::SessionResponse {
            message: Some(message),
        };
        self.outbound.send(Ok(response)).await.expect("a listener");
    }

    /// Welcomes the worker, with so much time between beats.
    pub async fn welcome(&self, beat_interval_ms: u32) {
        self.say_welcome(beat_interval_ms, PROTOCOL).await;
    }

    /// Welcomes the worker in another version of the protocol; the first said nothing of it.
    pub async fn welcome_in(&self, protocol: u32) {
        let said = if protocol == 1 { 0 } else { protocol };
        self.say_welcome(10, said).await;
    }

    async fn say_welcome(&self, beat_interval_ms: u32, protocol: u32) {
        let welcome = v1::Welcome {
            beat_interval_ms,
            protocol,
            build: String::new(),
        };
        self.say(session_response::Message::Welcome(welcome)).await;
    }

    pub async fn refuse(self, status: Status) {
        self.outbound.send(Err(status)).await.expect("a listener");
    }

    /// What the worker says next, credit apart.
    pub async fn hear(&mut self) -> Option<session_request::Message> {
        loop {
            match self.next().await {
                Some(session_request::Message::Credit(_)) => {}
                other => return other,
            }
        }
    }

    /// What the worker says next.
    pub async fn next(&mut self) -> Option<session_request::Message> {
        let message = soon(self.inbound.message()).await;
        message.ok()?.and_then(|m| m.message)
    }
}

impl Beat {
    /// The next beat.
    pub async fn next(&mut self) -> v1::BeatRequest {
        let beat = soon(self.inbound.message()).await;
        beat.expect("a stream").expect("a beat")
    }
}

impl Report {
    /// Acknowledges every unit.
    pub fn accept(self) {
        let outcomes = vec![v1::Outcome::Accepted as i32; self.request.units.len()];
        let _ = self.answer.send(Ok(v1::ReportResponse { outcomes }));
    }

    pub fn refuse(self, status: Status) {
        let _ = self.answer.send(Err(status));
    }

    /// The blocks it reports.
    pub fn blocks(&self) -> Vec<u32> {
        let block = |unit: &v1::UnitReport| unit.unit.as_ref().expect("a unit").block;
        self.request.units.iter().map(block).collect()
    }
}

struct Service {
    session: mpsc::Sender<Session>,
    beat: mpsc::Sender<Beat>,
    report: mpsc::Sender<Report>,
    data: Vec<u8>,
}

fn gone<T>(_: T) -> Status {
    Status::unavailable("the test is over")
}

#[tonic::async_trait]
impl WorkService for Service {
    type SessionStream = Answers<v1::SessionResponse>;
    type BeatStream = Answers<v1::BeatResponse>;
    type FetchDataStream = Answers<v1::FetchDataResponse>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Answer<Self::SessionStream> {
        let mut inbound = request.into_inner();
        let first = inbound.message().await?.and_then(|m| m.message);
        let Some(session_request::Message::Hello(hello)) = first else {
            return Err(Status::invalid_argument("no hello"));
        };
        let (outbound, responses) = mpsc::channel(16);
        let session = Session {
            hello,
            outbound,
            inbound,
        };
        self.session.send(session).await.map_err(gone)?;
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn beat(&self, request: Request<Streaming<v1::BeatRequest>>) -> Answer<Self::BeatStream> {
        let (outbound, responses) = mpsc::channel(16);
        let inbound = request.into_inner();
        let beat = Beat { outbound, inbound };
        self.beat.send(beat).await.map_err(gone)?;
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn report(&self, request: Request<v1::ReportRequest>) -> Answer<v1::ReportResponse> {
        let (answer, answered) = oneshot::channel();
        let request = request.into_inner();
        let report = Report { request, answer };
        self.report.send(report).await.map_err(gone)?;
        answered.await.map_err(gone)?.map(Response::new)
    }

    async fn stat_data(&self, _: Request<v1::StatDataRequest>) -> Answer<v1::StatDataResponse> {
        Err(Status::unimplemented("no data here"))
    }

    async fn fetch_data(&self, _: Request<v1::FetchDataRequest>) -> Answer<Self::FetchDataStream> {
        if self.data.is_empty() {
            return Err(Status::not_found("no data here"));
        }
        let (pieces, responses) = mpsc::channel(16);
        for chunk in self.data.chunks(self.data.len().div_ceil(8)) {
            let piece = v1::FetchDataResponse {
                total_bytes: self.data.len() as u64,
                chunk: chunk.to_vec().into(),
            };
            pieces.send(Ok(piece)).await.map_err(gone)?;
        }
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn upload_data(
        &self,
        _: Request<Streaming<v1::UploadDataRequest>>,
    ) -> Answer<v1::UploadDataResponse> {
        Err(Status::unimplemented("no data here"))
    }
}
