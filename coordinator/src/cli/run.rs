//! `bistable run`: everything here. Coordinator, worker and store in one process, until the sweep is complete.

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
};

use bistable_common::wire::v1::{self, SweepState};
use bistable_worker::{
    cli::{SimdArgs, asked_to_end, mode, say},
    kernel::Simd,
    link::{LinkConfig, LinkError},
};
use clap::Args;

use super::{
    document::{Document, Prepared},
    failure::Failure,
    local::{Local, StoreArgs, patiently},
    output,
    progress::Progress,
    render,
    results::{with_newline, write_plots},
    status::{Status, name_of},
    submit::submit,
    traces::TraceArgs,
    watch::follow,
};
use crate::{client::Client, store::StoreAddress};

/// Run a sweep on this machine
///
/// Starts a coordinator and a worker in this process, keeps results in one SQLite file (or in a PostgreSQL database that no
/// other coordinator leads), shows progress on stderr, and prints a table, the plots' names and the digest on stdout.
/// Interrupted and run again it goes on where it stopped, and ends with the same digest. Without FILE it runs the
/// quickstart that comes with Bistable, in under a minute.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable run
  bistable run sweep.toml --threads 4
  bistable run sweep.toml --data-dir ~/mnist --store results.sqlite --json > results.json")]
pub(super) struct RunArgs {
    /// The sweep document (TOML or JSON), or - for stdin [default: the quickstart]
    file: Option<PathBuf>,

    #[command(flatten)]
    place: StoreArgs,

    /// Threads to compute on [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Run on this folder of IDX files, or LIBSVM or CSV file, instead of the data that the document names
    #[arg(long, visible_alias = "data", value_name = "PATH")]
    data_dir: Option<PathBuf>,

    /// Rerun every experiment from scratch instead of forking it from the base run
    ///
    /// The results are the same to the last bit; it is slower, and there to prove that.
    #[arg(long)]
    naive: bool,

    #[command(flatten)]
    simd: SimdArgs,

    #[command(flatten)]
    traces: TraceArgs,

    /// Print JSON on stdout, for programs
    #[arg(long)]
    json: bool,

    /// Also write the estimates to this file as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Where plots are written
    #[arg(long, value_name = "DIR", default_value = "./bistable-plots")]
    plots: PathBuf,

    /// Write no plots
    #[arg(long, conflicts_with = "plots")]
    no_plots: bool,
}

/// Runs the command.
pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    let document = match &args.file {
        Some(file) => Document::read(file)?,
        None => Document::quickstart(),
    };
    let prepared = document.prepare(args.data_dir.as_deref())?;
    let asked = asked_to_end().map_err(|error| Failure::Other(error.to_string()))?;
    let mut asked = pin!(asked);
    let link = LinkConfig {
        threads: args.threads.map_or(0, usize::from),
        mode: mode(args.naive),
        ..LinkConfig::new(
            Vec::new(),
            Simd::new(args.simd.simd).map_err(LinkError::from)?,
        )
    };
    let traces = args.traces.start()?;
    let mut local = Local::start(args.place.store.clone(), traces.spans.clone(), link).await?;
    let mut client = local.client().await?;
    let result = tokio::select! {
        result = measure(&mut client, prepared) => result,
        () = &mut asked => Err(Failure::Interrupted),
        failure = local.failed() => Err(failure),
    };
    if matches!(result, Err(Failure::Interrupted)) {
        say(format_args!(
            "interrupted; what is done is in {}; run the same command again to go on",
            shown(&args.place.store)
        ));
    }
    drop(client);
    let stopped = patiently(local.stop()).await;
    traces.close().await;
    let response = result?;
    stopped?;
    deliver(&args, &response)
}

/// A store's address, without its password.
fn shown(store: &str) -> String {
    let address = store.parse::<StoreAddress>();
    address.map_or_else(|_| "the store".to_owned(), |address| address.to_string())
}

/// Submits, waits, and asks for the estimates.
async fn measure(
    client: &mut Client,
    prepared: Prepared,
) -> Result<v1::QueryEstimatesResponse, Failure> {
    let submitted = submit(client, prepared).await?;
    let id = submitted.sweep.unwrap_or_default().id;
    let mut progress = Progress::new();
    let last = follow(client, id.clone(), |status| {
        progress.show(status);
        Ok(())
    })
    .await;
    progress.clear();
    let last = last?;
    if last.state() != SweepState::Complete {
        return Err(unfinished(last));
    }
    let query = v1::QueryEstimatesRequest {
        id,
        ..Default::default()
    };
    Ok(client.estimates(query).await?)
}

fn unfinished(last: v1::SweepStatus) -> Failure {
    let state = name_of(last.state());
    let trouble = Status::from(last).trouble().unwrap_or_default();
    Failure::Other(format!("the sweep is {state}: {trouble}"))
}

fn deliver(args: &RunArgs, response: &v1::QueryEstimatesResponse) -> Result<(), Failure> {
    let text = if args.json {
        render::json(response)
    } else {
        render::table(response)
    };
    output::print(&with_newline(text))?;
    if let Some(file) = &args.csv {
        write_csv(file, response)?;
    }
    if args.no_plots {
        return Ok(());
    }
    write_plots(&args.plots, response, !args.json)
}

fn write_csv(file: &Path, response: &v1::QueryEstimatesResponse) -> Result<(), Failure> {
    fs::write(file, with_newline(render::csv(response)))
        .map_err(|error| Failure::file("write", file, &error))
}
