//! `bistable export`: raw trajectories, as many as there are, unit by unit.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use bistable_common::{sweep::Sweep, wire::v1};
use clap::{Args, ValueEnum};

use super::{
    failure::Failure,
    output,
    remote::Target,
    trajectory_rows::{Format, TrajectoryRows, What},
};

/// Write the raw trajectories of a sweep
///
/// One row for each cell, replicate, replaced index and K, with the cell's solver, m1, m2, T, step and batch sizes; or, with
/// --what curves, the curves of the base runs. Nothing is averaged. Rows come by cell, replicate and block; the indices of a
/// replicate come in the order that it drew for them. dx2 and dy2 (and dz2 of minimax problems) are squared distances;
/// an index that was never drawn has no first_drawn, and distances of exactly 0.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable export 3fa1 --format csv --output distances.csv
  bistable export 3fa1 --format jsonl | jq -c 'select(.K == 1000)'
  bistable export 3fa1 --what curves --output curves.csv")]
pub(super) struct ExportArgs {
    #[command(flatten)]
    target: Target,

    /// How rows are written
    #[arg(long, value_enum, default_value = "csv")]
    format: FormatName,

    /// Which rows are written
    #[arg(long, value_enum, default_value = "distances")]
    what: WhatName,

    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// Comma-separated values with a header
    Csv,
    /// A JSON object a line
    Jsonl,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhatName {
    /// Distances and losses of every experiment at every K
    Distances,
    /// Losses and errors of every base run
    Curves,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Csv => Self::Csv,
            FormatName::Jsonl => Self::JsonLines,
        }
    }
}

impl From<WhatName> for What {
    fn from(name: WhatName) -> Self {
        match name {
            WhatName::Distances => Self::Distances,
            WhatName::Curves => Self::Curves,
        }
    }
}

/// Runs the command.
pub(super) async fn run(args: ExportArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    let sweep = sweep(&client.sweep(id.clone()).await?)?;
    let mut trajectories = client.trajectories(id).await?;
    let failed = |error| failure(args.output.as_deref(), &error);
    let out = open(args.output.as_deref()).map_err(failed)?;
    let mut rows =
        TrajectoryRows::new(out, &sweep, args.what.into(), args.format.into()).map_err(failed)?;
    while let Some(unit) = trajectories.message().await? {
        rows.unit(&unit).map_err(failed)?;
    }
    rows.finish().map_err(failed)?;
    Ok(())
}

/// The sweep itself, which says what the numbers of its cells stand for.
fn sweep(answer: &v1::GetSweepResponse) -> Result<Sweep, Failure> {
    Sweep::from_canonical_json(&answer.canonical_json).map_err(|error| {
        Failure::Other(format!(
            "this build cannot read the coordinator's sweep: {error}"
        ))
    })
}

fn open(file: Option<&Path>) -> io::Result<Box<dyn Write + Send>> {
    Ok(match file {
        Some(file) => Box::new(BufWriter::new(File::create(file)?)),
        None => Box::new(BufWriter::new(io::stdout())),
    })
}

fn failure(file: Option<&Path>, error: &io::Error) -> Failure {
    match file {
        Some(file) => Failure::file("write", file, error),
        None => output::written(error),
    }
}
