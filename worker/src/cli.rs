//! The command line of a worker, shared by `bistable-worker` and `bistable worker`.

use std::{
    future::Future,
    io::{IsTerminal, stderr},
    path::PathBuf,
};

use clap::Args;
use tokio::signal;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{
    kernel::{Simd, SimdMode, Unavailable},
    link::{self, Address, LinkConfig, LinkError},
    unit::Mode,
};

/// What a worker can be told.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Coordinators to work for, as host:port or http://host:port
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
    type Error = Unavailable;

    fn try_from(args: WorkerArgs) -> Result<Self, Unavailable> {
        let WorkerArgs {
            coordinator,
            threads,
            cache_dir,
            naive,
            simd,
        } = args;
        Ok(Self {
            threads: threads.map_or(0, usize::from),
            cache_dir,
            mode: mode(naive),
            ..Self::new(coordinator, Simd::new(simd.simd)?)
        })
    }
}

/// The mode that `--naive` stands for.
pub fn mode(naive: bool) -> Mode {
    if naive { Mode::Naive } else { Mode::Forked }
}

/// Works until the process is told to end.
pub async fn work(args: WorkerArgs) -> Result<(), LinkError> {
    let asked = asked_to_end()?;
    link::run(args.try_into()?, asked).await
}

/// Resolves when the process is told to end: by SIGINT (Ctrl-C) or, on Unix, SIGTERM. From the call on, the signals do
/// nothing else.
#[cfg(unix)]
pub fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
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
pub fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = signal::ctrl_c().await;
    })
}

/// Writes the log to stderr: messages of `level` and worse, unless RUST_LOG says otherwise.
pub fn log_to_stderr(level: LevelFilter) {
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_target(false);
    // A terminal gets colours unless NO_COLOR says otherwise, a file never.
    if stderr().is_terminal() {
        log.init();
    } else {
        log.with_ansi(false).init();
    }
}
