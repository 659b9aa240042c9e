//! The worker's side of the protocol: it leases, computes on threads of its own, beats and reports.
//!
//! Each concern is a task: the connector keeps a session, a heart beats beside it, the reporter hands results in, the
//! threads compute. They tell the [`desk`](self) what happened, which alone decides. All channels are bounded; what
//! waits, waits in front of a full one.

mod address;
mod backoff;
mod bearer;
mod beat;
mod cache;
mod clock;
mod compute;
mod connector;
mod credentials;
mod data;
mod desk;
mod dial;
mod event;
#[cfg(test)]
mod fuzz;
mod identity;
mod lease;
mod paced;
mod report;
mod runner;
mod search;
mod slots;
mod surroundings;
mod tally;

use std::{
    future::Future, io, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration,
};

use bistable_common::{
    ids::Hash,
    wire::v1::{self, work_service_client::WorkServiceClient},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

pub use address::{Address, DEFAULT_PORT, InvalidAddress, leader_of, pushback_of};
pub use bearer::{Bearer, Unusable, Wire};
pub use credentials::{Credentials, InvalidCredentials, NoConnection};
pub use identity::host_name;
pub use runner::{Numerics, Runner};
pub use surroundings::{Machine, Name, Pace, Place, Surroundings};
pub use tally::Tally;

use self::{
    cache::Cache,
    connector::Connector,
    data::Data,
    desk::{Desk, Parts, Verdict},
    event::Event,
    report::Reporter,
    slots::Slots,
};
use crate::{
    kernel::{Simd, Unavailable},
    unit::Mode,
};

type Client = WorkServiceClient<Wire>;

/// Results that wait for the reporter. Threads wait in front of a full queue.
const OUTPUTS: usize = 512;
const EVENTS: usize = 1024;
/// How long a leaving worker tries to have its results acknowledged and its leases handed back, unless told otherwise.
const HAND_IN: Duration = Duration::from_secs(10);
/// How long it then waits for the coordinator to have heard everything.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a worker works.
#[derive(Clone)]
pub struct LinkConfig {
    /// The coordinators, any of which may be the one that leads. Not empty.
    pub coordinators: Vec<Address>,
    /// Leases it works on at once, a thread each; 0 means one a core.
    pub threads: usize,
    /// Where data sets are cached; `None` means the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// How experiments get their prefix.
    pub mode: Mode,
    /// What runs the units.
    pub runner: Arc<dyn Runner>,
    /// How long a leaving worker goes on with the units that it is at work on.
    pub finish: Duration,
    /// How long it then tries to have its results acknowledged and its leases handed back.
    pub hand_in: Duration,
    /// How long it works at most, leaving included.
    pub max_runtime: Option<Duration>,
    /// What it finds around it.
    pub surroundings: Arc<dyn Surroundings>,
    /// Where it counts what it does.
    pub tally: Tally,
}

impl LinkConfig {
    /// A worker for `coordinators` with everything as usual, on these instructions.
    pub fn new(coordinators: Vec<Address>, simd: Simd) -> Self {
        Self {
            coordinators,
            threads: 0,
            cache_dir: None,
            mode: Mode::Forked,
            runner: Arc::new(Numerics(simd)),
            finish: Duration::ZERO,
            hand_in: HAND_IN,
            max_runtime: None,
            surroundings: Arc::new(Machine::default()),
            tally: Tally::default(),
        }
    }

    fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// When the worker starts to leave by itself.
    fn until(&self) -> Result<Option<Instant>, LinkError> {
        let leaving = self.finish + self.hand_in;
        match self.max_runtime {
            Some(limit) if limit <= leaving => Err(LinkError::NoTime { limit, leaving }),
            Some(limit) => Ok(Instant::now().checked_add(limit - leaving)),
            None => Ok(None),
        }
    }
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The instructions that were asked for are not there.
    #[error(transparent)]
    Simd(#[from] Unavailable),
    /// What it should show or trust is not there.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// There is nobody to work for.
    #[error("no coordinator is named")]
    Nowhere,
    /// A coordinator will never take this worker.
    #[error("{address} refuses this worker: {reason}")]
    Refused {
        /// Which one.
        address: String,
        /// Its words.
        reason: String,
    },
    /// It would have to leave before it came.
    #[error(
        "a worker that may run for {limit:?} and takes {leaving:?} to leave has no time to work; raise --max-runtime, or lower --grace"
    )]
    NoTime {
        /// How long it may run.
        limit: Duration,
        /// How long leaving may take.
        leaving: Duration,
    },
    /// There is no way to watch it.
    #[error("cannot serve the monitor on {addr}: {error}")]
    Monitor {
        /// Where it was to be.
        addr: SocketAddr,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// The operating system gives no thread.
    #[error("starting a thread failed: {0}")]
    Threads(#[from] io::Error),
    /// The numerics' self-test failed.
    #[error("the self-test of the numerics failed: {0}")]
    SelfTest(String),
}

/// Works until `shutdown` resolves, then stops, hands in what is done, hands back what is not, and returns. Returns
/// earlier only if it can never work; a coordinator that is away is waited for.
pub async fn run(config: LinkConfig, shutdown: impl Future<Output = ()>) -> Result<(), LinkError> {
    if config.coordinators.is_empty() {
        return Err(LinkError::Nowhere);
    }
    let until = config.until()?;
    let mut shutdown = pin!(async {
        tokio::select! {
            biased;
            () = shutdown => tracing::info!("told to end"),
            () = time_up(until) => tracing::info!("the time for this worker is up"),
        }
    });
    let (finish, hand_in) = (config.finish, config.hand_in);
    let hello = tokio::select! {
        biased;
        hello = hello(&config) => hello?,
        () = &mut shutdown => return Ok(()),
    };
    let (mut desk, mut events, _tasks) = set_up(config, hello, until)?;
    loop {
        let event = tokio::select! {
            // A burst of messages must not keep anyone from leaving.
            biased;
            () = &mut shutdown => break,
            event = events.recv() => event,
        };
        let Some(event) = event else { break };
        if let Verdict::Failed(error) = desk.handle(event) {
            return Err(error);
        }
    }
    leave(desk, events, finish, hand_in).await
}

async fn time_up(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Who this worker says it is.
async fn hello(config: &LinkConfig) -> Result<v1::Hello, LinkError> {
    let runner = config.runner.clone();
    let place = config.surroundings.place();
    let numerics = place
        .run(move || runner.fingerprint())
        .await
        .map_err(|error| LinkError::SelfTest(error.to_string()))?;
    let name = config.surroundings.name();
    Ok(identity::hello(name, config.threads(), numerics))
}

/// Starts every task. They end with the set.
fn set_up(
    config: LinkConfig,
    hello: v1::Hello,
    until: Option<Instant>,
) -> Result<(Desk, mpsc::Receiver<Event>, JoinSet<()>), LinkError> {
    let threads = config.threads();
    let (events, inbox) = mpsc::channel(EVENTS);
    let (outputs, produced) = mpsc::channel(OUTPUTS);
    let (tokens, held) = watch::channel(Vec::new());
    let (clients, client) = watch::channel(None);
    let tally = config.tally;
    let numerics = Hash::try_from(hello.numerics.as_ref()).ok();
    tally.begin(numerics, threads, &events);
    let surroundings = config.surroundings;
    let slots = Slots::start(
        &surroundings.place(),
        threads,
        &config.runner,
        (&outputs, &events),
        &tally,
    )?;
    let mut tasks = JoinSet::new();
    tasks.spawn(
        Reporter {
            surroundings: Arc::clone(&surroundings),
            outputs: produced,
            clients: client.clone(),
            events: events.clone(),
            sender: identity::sender(&hello),
            tally: tally.clone(),
        }
        .run(),
    );
    tasks.spawn(
        Connector {
            surroundings: Arc::clone(&surroundings),
            addresses: config.coordinators,
            hello,
            until,
            tokens: held,
            events: events.clone(),
        }
        .run(),
    );
    let desk = Desk::new(Parts {
        threads,
        mode: config.mode,
        slots,
        data: Arc::new(Data::new(
            surroundings,
            Cache::new(config.cache_dir),
            client,
            tally.clone(),
        )),
        events,
        tokens,
        clients,
        tally,
    });
    Ok((desk, inbox, tasks))
}

/// Lets the threads finish what they are at or stop, and the reporter report, then says goodbye.
async fn leave(
    mut desk: Desk,
    mut events: mpsc::Receiver<Event>,
    finish: Duration,
    hand_in: Duration,
) -> Result<(), LinkError> {
    let mut done = desk.drain();
    if !done && !finish.is_zero() {
        let finished = timeout(finish, settle(&mut desk, &mut events)).await;
        done = finished.is_ok();
    }
    if !done {
        done = desk.stop_all()
            || timeout(hand_in, settle(&mut desk, &mut events))
                .await
                .is_ok();
    }
    if !done {
        tracing::warn!("left before everything was acknowledged; it will be computed again");
    }
    if desk.hang_up() {
        let closed = async { while !matches!(events.recv().await, Some(Event::Down) | None) {} };
        let _ = timeout(FAREWELL, closed).await;
    }
    Ok(())
}

/// Waits until nothing is in hand.
async fn settle(desk: &mut Desk, events: &mut mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        if !matches!(desk.handle(event), Verdict::Stay) {
            return;
        }
    }
}
