//! `bistable-worker`: a worker and nothing else, for nodes that only compute.

use std::process::ExitCode;

use bistable_worker::cli::{self, Ended, LogArgs, WorkerArgs};
use clap::Parser;
use tracing_subscriber::filter::LevelFilter;

/// What shells say of a process that was interrupted.
const INTERRUPTED: u8 = 130;

/// Compute units for a Bistable coordinator
///
/// The worker leases units from a coordinator, runs them on threads of its own, and keeps every result until the
/// coordinator has acknowledged it. It needs no files: data sets come from the coordinator too. It outlives a
/// coordinator that restarts. On SIGINT or SIGTERM it finishes or hands back what it has, and leaves; on a second one it
/// ends at once.
#[derive(Debug, Parser)]
#[command(
    name = "bistable-worker",
    version,
    after_help = "Example:\n  bistable-worker --coordinator node1:7431,node2:7431 --threads 8"
)]
struct Cli {
    #[command(flatten)]
    args: WorkerArgs,

    #[command(flatten)]
    log: LogArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.start(LevelFilter::INFO);
    match cli::work(cli.args).await {
        Ok(Ended::Politely) => ExitCode::SUCCESS,
        Ok(Ended::AtOnce) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            cli::complain(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}
