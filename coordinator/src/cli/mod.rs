//! The command line: one file a command. A command makes a value, `output` shows it; progress and errors go to stderr.

mod catalog;
mod check;
mod cost;
mod data;
mod document;
mod export;
mod failure;
mod list;
mod local;
mod output;
mod problems;
mod progress;
mod remote;
pub mod render;
mod results;
mod retry;
mod run;
mod serve;
mod solvers;
mod status;
mod steer;
mod submit;
mod traces;
pub mod trajectory_rows;
mod watch;

use std::process::ExitCode;

use bistable_worker::cli::{Ended, LogArgs, WorkerArgs, work};
use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use self::{
    check::CheckArgs, data::DataArgs, export::ExportArgs, failure::Failure, list::ListArgs,
    problems::ProblemsArgs, results::ResultsArgs, retry::RetryArgs, run::RunArgs, serve::ServeArgs,
    solvers::SolversArgs, steer::SteerArgs, submit::SubmitArgs, watch::WatchArgs,
};

/// Measure the stability of bilevel optimizers
///
/// Bistable measures how far a bilevel optimizer's parameters move when one validation sample is replaced, and how that
/// predicts its generalization gap, over a grid of m1, K and T. `bistable run` does everything on this machine; `serve`,
/// `worker` and the other commands do the same on many.
///
/// Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "bistable", version, propagate_version = true)]
#[command(after_help = "Examples:
  bistable run                               the bundled quickstart, here
  bistable run sweep.toml --json             a sweep of yours, for a program
  bistable solvers                           the algorithms that it may name
  bistable serve                             a coordinator
  bistable worker                            a worker for it, in another terminal
  bistable submit sweep.toml                 start a sweep there
  bistable watch 3fa1 && bistable results 3fa1")]
struct Cli {
    #[command(flatten)]
    log: LogArgs,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(RunArgs),
    Check(CheckArgs),
    Solvers(SolversArgs),
    Problems(ProblemsArgs),
    Data(DataArgs),
    Serve(ServeArgs),
    /// Compute units for a coordinator
    ///
    /// The worker leases units, runs them on threads of its own, and keeps every result until the coordinator has
    /// acknowledged it. It needs no files: data sets come from the coordinator too. On SIGINT or SIGTERM it finishes or
    /// hands back what it has, and leaves; on a second one it ends at once.
    Worker(WorkerArgs),
    Submit(SubmitArgs),
    List(ListArgs),
    Watch(WatchArgs),
    Results(ResultsArgs),
    Export(ExportArgs),
    Retry(RetryArgs),
    /// Stop leasing units of a sweep; running units finish and count
    Pause(SteerArgs),
    /// Undo a pause
    Resume(SteerArgs),
    /// End a sweep; its results stay
    ///
    /// Submitting the same document again revives it.
    Cancel(SteerArgs),
    /// End a sweep and forget its results
    Delete(SteerArgs),
}

impl Command {
    /// A daemon says what it does; a command says only what is wrong.
    fn log_level(&self) -> LevelFilter {
        match self {
            Self::Serve(_) | Self::Worker(_) => LevelFilter::INFO,
            _ => LevelFilter::WARN,
        }
    }

    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Run(args) => run::run(args).await,
            Self::Check(args) => check::run(&args),
            Self::Solvers(args) => solvers::run(&args),
            Self::Problems(args) => problems::run(&args),
            Self::Data(args) => data::run(&args),
            Self::Serve(args) => serve::run(args).await,
            Self::Worker(args) => match work(args).await? {
                Ended::Politely => Ok(()),
                Ended::AtOnce => Err(Failure::Interrupted),
            },
            Self::Submit(args) => submit::run(args).await,
            Self::List(args) => list::run(args).await,
            Self::Watch(args) => watch::run(args).await,
            Self::Results(args) => results::run(args).await,
            Self::Export(args) => export::run(args).await,
            Self::Retry(args) => retry::run(args).await,
            Self::Pause(args) => steer::pause(args).await,
            Self::Resume(args) => steer::resume(args).await,
            Self::Cancel(args) => steer::cancel(args).await,
            Self::Delete(args) => steer::delete(args).await,
        }
    }
}

/// Runs the command that the process was started with.
#[tokio::main]
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.start(cli.command.log_level());
    match cli.command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
