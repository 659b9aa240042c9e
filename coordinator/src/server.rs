//! The coordinator as a server: store, dispatcher and services behind one address.

mod incoming;
mod line;
mod places;
mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bistable_common::{
    ids::Hash,
    wire::{
        DESCRIPTORS,
        v1::{
            result_service_server::ResultServiceServer, sweep_service_server::SweepServiceServer,
            work_service_server::WorkServiceServer,
        },
    },
};
use bistable_worker::{data::Dataset, kernel::Simd, tls::TlsFileError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, Router};
use tower::layer::util::{Identity, Stack};

pub use self::tls::TlsFiles;
use self::{places::Places, tls::Tls};
use crate::{
    board::Terms,
    dispatch::{Clock, Replica},
    guard::{self, Guard},
    lead::{Lead, Mandate, Role},
    machine::{Machine, ThisMachine},
    monitor::{Counts, Inside, Watchers},
    rpc::{self, Context, MAX_MESSAGE_BYTES},
    spans::Spans,
    store::{Store, StoreError, TERM, blocking},
};
pub use crate::{
    dispatch::Backlog,
    guard::{
        CALLS_PER_SECOND, CONNECTIONS, CONNECTIONS_PER_ADDRESS, DATA_BYTES, DataLimits, Doors,
        STORED_DATA_BYTES, TokensError,
    },
};

/// How long calls may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a coordinator that starts waits for a term whose leader may have died.
const ELECTION: Duration = TERM.saturating_add(Duration::from_secs(2));

/// How often a silent connection is asked whether it is still there, and how long it may take to answer: this finds a
/// machine that vanished without closing its sockets.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Bytes that a peer may send before it hears that they were read: a report is on its way as a whole.
const WINDOW: u32 = 4 << 20;

/// Calls and streams on a connection at a time; a client waits with one more.
const MAX_STREAMS: u32 = 200;

/// What a coordinator needs to know.
pub struct Config {
    /// Where to listen; port 0 chooses one.
    pub listen: SocketAddr,
    /// Where others reach this coordinator, as a URL; by default the address that it listens on.
    pub advertise: Option<String>,
    /// With what it speaks TLS, if it does.
    pub tls: Option<TlsFiles>,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Fingerprint of the numerics that workers must have: this build's own.
    pub numerics: Hash,
    /// The data set that documents call bundled; it is put into the store.
    pub bundled: Option<Arc<Dataset>>,
    /// What workers are held to.
    pub terms: Terms,
    /// What becomes of the sweeps that an earlier life left unfinished.
    pub backlog: Backlog,
    /// Who is let in.
    pub doors: Doors,
    /// Who is told of what is done.
    pub spans: Spans,
}

impl Config {
    /// The defaults for a store: this build's numerics, the bundled data set, a beat a second, eight seconds' patience with
    /// silent workers, ten seconds' with those of an earlier life. Computes the fingerprint, which takes a moment.
    pub fn new(listen: SocketAddr, store: Arc<dyn Store>) -> Self {
        Self {
            listen,
            advertise: None,
            tls: None,
            store,
            numerics: bistable_worker::unit::fingerprint(Simd::any()),
            bundled: Some(Dataset::bundled()),
            terms: Terms {
                beat_interval: Duration::from_secs(1),
                lease_timeout: Duration::from_secs(8),
                grace: Duration::from_secs(10),
            },
            backlog: Backlog::GoesOn,
            doors: Doors::default(),
            spans: Spans::default(),
        }
    }
}

impl Config {
    /// Whether callers must show who they are, by a token or a certificate.
    fn asks_who_calls(&self) -> bool {
        let certificates = self.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
        self.doors.tokens.is_some() || certificates.is_some()
    }
}

/// Why a coordinator did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {error}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Whoever can reach the address could do everything.
    #[error(
        "{0} can be reached from elsewhere, and whoever reaches it could do everything. Give callers tokens (--tokens DIR), or \
         certificates (--tls-client-ca FILE); or say --insecure, if everyone on that network is trusted"
    )]
    Open(SocketAddr),
    /// The tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// A file for TLS is missing or wrong.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random numbers.
    #[error("no random numbers from the system: {0}")]
    Random(String),
    /// The compiled protocol cannot be offered for reflection.
    #[error("the protocol's descriptors: {0}")]
    Reflection(String),
}

/// A coordinator that serves.
pub struct Server {
    addr: SocketAddr,
    store: Arc<dyn Store>,
    lead: Lead,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    numerics: Hash,
    counts: Counts,
}

/// Starts a coordinator; it serves when this returns.
pub async fn start(config: Config) -> Result<Server, ServerError> {
    let tls = config.tls.clone().map(Tls::start).transpose()?;
    let listen = config.listen;
    if !(guard::is_loopback(listen) || config.asks_who_calls() || config.doors.insecure) {
        return Err(ServerError::Open(listen));
    }
    let places = Places::new(
        config.doors.connections,
        config.doors.connections_per_address,
    );
    let refused = |error| ServerError::Listen {
        addr: listen,
        error,
    };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    let counts = Counts::default();
    let incoming = incoming::connections(listener, tls, places, counts.clone());
    start_on(config, (addr, incoming), Arc::new(ThisMachine), counts).await
}

/// Starts a coordinator that serves whoever comes in at `addr`.
pub(crate) async fn start_on<IO>(
    config: Config,
    (addr, incoming): (
        SocketAddr,
        impl Stream<Item = io::Result<IO>> + Send + 'static,
    ),
    machine: Arc<dyn Machine>,
    counts: Counts,
) -> Result<Server, ServerError>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let Config {
        listen: _,
        advertise,
        tls,
        store,
        numerics,
        bundled,
        terms,
        backlog,
        doors,
        spans,
    } = config;
    let guard = Guard::start(&doors, counts.clone()).await?;
    let clock = Clock::start(machine.time());
    let watchers = Watchers {
        counts: counts.clone(),
        spans,
    };
    let mandate = Mandate {
        numerics,
        bundled: bundled.clone(),
        terms,
        backlog,
        machine,
        watchers: watchers.clone(),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = advertise.unwrap_or_else(|| format!("{scheme}://{addr}"));
    let lead = Lead::start(Arc::clone(&store), url, mandate).await?;
    let replica = Replica::new(Arc::clone(&store), numerics, clock);
    let shared = Arc::clone(&store);
    let context = Context::new(
        lead.roles(),
        replica,
        shared,
        numerics,
        bundled,
        watchers,
        doors.data,
    );
    let router = router(context, guard).await?;
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(serve(router, incoming, stopped));
    tracing::info!(%addr, "serving");
    Ok(Server {
        addr,
        store,
        lead,
        stop,
        serving,
        numerics,
        counts,
    })
}

impl Server {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What can be watched of it.
    pub fn inside(&self) -> Inside {
        Inside {
            roles: self.lead.roles(),
            store: Arc::clone(&self.store),
            numerics: self.numerics,
            counts: self.counts.clone(),
        }
    }

    /// Waits until this coordinator leads; the address of the one that does instead, if there is one that lives.
    pub async fn leading(&self) -> Result<(), Option<String>> {
        let mut roles = self.lead.roles();
        let leads = roles.wait_for(|role| matches!(role, Role::Leading(_)));
        if let Ok(Ok(_)) = tokio::time::timeout(ELECTION, leads).await {
            return Ok(());
        }
        match &*self.lead.roles().borrow() {
            Role::Leading(_) => Ok(()),
            Role::StandingBy { leader } => Err(leader.clone()),
        }
    }

    /// Returns when this coordinator has lost the lead; the address of the one that has it now, if there is one soon.
    pub async fn deposed(&self) -> Option<String> {
        let mut roles = self.lead.roles();
        let stands_by = |role: &Role| matches!(role, Role::StandingBy { .. });
        if roles.wait_for(stands_by).await.is_err() {
            // It was not deposed: it has ended.
            return std::future::pending().await;
        }
        let settled = |role: &Role| !matches!(role, Role::StandingBy { leader: None });
        match tokio::time::timeout(ELECTION, roles.wait_for(settled)).await {
            Ok(Ok(role)) => match &*role {
                Role::StandingBy { leader } => leader.clone(),
                Role::Leading(_) => None,
            },
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Stops politely: sessions end, another coordinator may lead, calls under way are answered, what was reported is
    /// stored.
    pub async fn shutdown(mut self) -> Result<(), StoreError> {
        let tasks = self.lead.leave().await;
        let _ = self.stop.send(());
        if tokio::time::timeout(DRAIN, &mut self.serving)
            .await
            .is_err()
        {
            tracing::warn!("some calls did not end in time");
            self.serving.abort();
        }
        if let Some(tasks) = tasks
            && tokio::time::timeout(DRAIN, tasks.drain()).await.is_err()
        {
            tracing::warn!("some reports were not answered in time");
        }
        blocking(&self.store, |store| store.flush()).await
    }
}

async fn serve<IO>(
    router: Router<Stack<Guard, Identity>>,
    incoming: impl Stream<Item = io::Result<IO>>,
    stopped: oneshot::Receiver<()>,
) where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let stopped = async {
        // Dropping the server without stopping it stops it too.
        let _ = stopped.await;
    };
    if let Err(error) = router.serve_with_incoming_shutdown(incoming, stopped).await {
        tracing::error!(%error, "the server failed");
    }
}

async fn router(
    context: Context,
    guard: Guard,
) -> Result<Router<Stack<Guard, Identity>>, ServerError> {
    let sweeps = SweepServiceServer::new(rpc::Sweeps(context.clone()));
    let work = WorkServiceServer::new(rpc::Work(context.clone()));
    let results = ResultServiceServer::new(rpc::Results(context));
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<SweepServiceServer<rpc::Sweeps>>()
        .await;
    health.set_serving::<WorkServiceServer<rpc::Work>>().await;
    health
        .set_serving::<ResultServiceServer<rpc::Results>>()
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| ServerError::Reflection(error.to_string()))?;
    Ok(tonic::transport::Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .layer(guard)
        .add_service(sweeps.max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(work.max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(results.max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(health_service)
        .add_service(reflection))
}
