//! The command line of a worker, shared by `bistable-worker` and `bistable worker`.

mod duration;
mod log;

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use tokio::{signal, sync::oneshot};

pub use self::log::{LogArgs, LogFormat, complain, say};
use crate::{
    kernel::{Simd, SimdMode},
    link::{self, Address, Credentials, LinkConfig, LinkError, Machine, Tally},
    monitor::Monitor,
    unit::Mode,
};

/// Of its grace, the time that a worker keeps for handing in.
const HAND_IN: Duration = Duration::from_secs(5);

/// What a worker can be told.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Coordinators to work for, as host:port, http://host:port or https://host:port
    ///
    /// Several are separated by commas; the worker stays with whichever leads. One that is away is waited for.
    #[arg(
        long,
        value_name = "URL[,URL...]",
        env = "BISTABLE_COORDINATOR",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:7431"
    )]
    pub coordinator: Vec<Address>,

    /// What it shows and whom it trusts.
    #[command(flatten)]
    pub credentials: Credentials,

    /// Threads to compute on [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    /// Where data sets are cached [default: ~/.cache/bistable]
    ///
    /// Files are named by the hash of their content and can be deleted at any time. The default follows
    /// XDG_CACHE_HOME.
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// Rerun every experiment from scratch instead of forking it from the base run
    ///
    /// The results are the same to the last bit; it is slower, and there to prove that.
    #[arg(long)]
    pub naive: bool,

    /// Which instructions to compute with.
    #[command(flatten)]
    pub simd: SimdArgs,

    /// How long leaving may take
    ///
    /// Told to end, the worker finishes the units that it is at work on if they take no longer, hands back the rest, and
    /// leaves. Told a second time it ends at once.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "20s")]
    pub grace: Duration,

    /// Leave before the worker has run for this long, such as 3h50m, 30m or 90s
    ///
    /// For batch systems with a time limit: give a little less than theirs. No lease is taken that would, as far as is
    /// known, not be done in time.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_runtime: Option<Duration>,

    /// Where to serve /metrics, /livez and /readyz.
    #[command(flatten)]
    pub monitor: MonitorArgs,
}

/// Where a daemon can be watched.
#[derive(Debug, Clone, Copy, Args)]
pub struct MonitorArgs {
    /// Serve /metrics (for Prometheus), /livez and /readyz there, by plain HTTP [default: nowhere]
    ///
    /// Whoever can reach it can read how many units, workers and hosts there are, and change nothing. Counters begin at
    /// zero with the process.
    #[arg(long, value_name = "ADDR", env = "BISTABLE_MONITOR")]
    pub monitor: Option<SocketAddr>,
}

/// Which instructions to compute with.
#[derive(Debug, Clone, Copy, Args)]
pub struct SimdArgs {
    /// Instructions to compute with
    ///
    /// The results are the same to the last bit with any; this is there to prove that.
    #[arg(long, value_name = "SET", value_enum, default_value_t)]
    pub simd: SimdMode,
}

impl TryFrom<WorkerArgs> for LinkConfig {
    type Error = LinkError;

    fn try_from(args: WorkerArgs) -> Result<Self, LinkError> {
        let WorkerArgs {
            coordinator,
            credentials,
            threads,
            cache_dir,
            naive,
            simd,
            grace,
            max_runtime,
            monitor: _,
        } = args;
        credentials.check(&coordinator)?;
        let hand_in = HAND_IN.min(grace / 2);
        Ok(Self {
            threads: threads.map_or(0, usize::from),
            cache_dir,
            mode: mode(naive),
            finish: grace - hand_in,
            hand_in,
            max_runtime,
            surroundings: Arc::new(Machine { credentials }),
            ..Self::new(coordinator, Simd::new(simd.simd)?)
        })
    }
}

/// The mode that `--naive` stands for.
pub fn mode(naive: bool) -> Mode {
    if naive { Mode::Naive } else { Mode::Forked }
}

/// How a worker ended that could work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It handed in what it had.
    Politely,
    /// It was told to end a second time.
    AtOnce,
}

/// Works until the process is told to end, or told twice.
pub async fn work(args: WorkerArgs) -> Result<Ended, LinkError> {
    let (once, twice) = signals()?;
    let tally = Tally::default();
    let _monitor = watch(args.monitor, &tally).await?;
    let config = LinkConfig {
        tally,
        ..args.try_into()?
    };
    tokio::select! {
        ended = link::run(config, resolved(once)) => ended.map(|()| Ended::Politely),
        () = resolved(twice) => Ok(Ended::AtOnce),
    }
}

/// Serves what is to be known of the worker, if anyone wants to know.
async fn watch(args: MonitorArgs, tally: &Tally) -> Result<Option<Monitor>, LinkError> {
    let Some(addr) = args.monitor else {
        return Ok(None);
    };
    let monitor = Monitor::start(addr, Arc::new(tally.clone())).await;
    monitor
        .map(Some)
        .map_err(|error| LinkError::Monitor { addr, error })
}

/// Resolved when the process is told to end, and when it is told again.
fn signals() -> io::Result<(oneshot::Receiver<()>, oneshot::Receiver<()>)> {
    let (tell_once, once) = oneshot::channel();
    let (tell_twice, twice) = oneshot::channel();
    let first = asked_to_end()?;
    tokio::spawn(async move {
        first.await;
        let second = asked_to_end();
        // If nobody waits any more, the process ends anyway.
        let _ = tell_once.send(());
        if let Ok(second) = second {
            second.await;
            let _ = tell_twice.send(());
        }
    });
    Ok((once, twice))
}

async fn resolved(told: oneshot::Receiver<()>) {
    if told.await.is_err() {
        std::future::pending().await
    }
}

/// Resolves when the process is told to end: by SIGINT (Ctrl-C) or, on Unix, SIGTERM. From the call on, the signals do
/// nothing else.
#[cfg(unix)]
pub fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves when the process is told to end by Ctrl-C.
#[cfg(not(unix))]
pub fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = signal::ctrl_c().await;
    })
}
