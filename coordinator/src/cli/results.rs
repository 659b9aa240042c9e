//! `bistable results`: the estimates of a sweep, so far or for good.

use std::path::{Path, PathBuf};

use bistable_common::wire::v1::{self, Axis};
use clap::{Args, ValueEnum};

use super::{failure::Failure, output, remote::Target, render};
use crate::plot;

/// Show what a sweep has measured
///
/// Estimates are computed when asked for. While results are missing there is no digest, and an estimate that needs them
/// is empty rather than wrong.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable results 3fa1
  bistable results 3fa1 --json | jq '.estimates[] | {m1, K, beta1: .beta1.mean}'
  bistable results 3fa1 --solver ud,tsgd --k 1000 --group-by solver,m1 --confidence 0.9
  bistable results 3fa1 --plots figures")]
pub(super) struct ResultsArgs {
    #[command(flatten)]
    target: Target,

    /// Print JSON on stdout, for programs
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print comma-separated values on stdout
    #[arg(long)]
    csv: bool,

    #[command(flatten)]
    filter: Filter,

    /// Also write plots (SVG and PNG) into this folder
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Filter {
    /// Only these solvers, by label or preset
    #[arg(long, value_name = "NAME[,NAME...]", value_delimiter = ',')]
    solver: Vec<String>,

    /// Only these numbers of validation samples
    #[arg(long, value_name = "N[,N...]", value_delimiter = ',')]
    m1: Vec<u64>,

    /// Only these K, numbers of outer iterations
    #[arg(long, alias = "K", value_name = "N[,N...]", value_delimiter = ',')]
    k: Vec<u64>,

    /// Only these T, numbers of inner iterations
    #[arg(long, alias = "T", value_name = "N[,N...]", value_delimiter = ',')]
    t: Vec<u64>,

    /// Average over every axis but these
    #[arg(long, value_name = "AXIS[,AXIS...]", value_delimiter = ',')]
    group_by: Vec<AxisName>,

    /// Confidence level of the intervals [default: the sweep's own]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    confidence: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum AxisName {
    Solver,
    M1,
    M2,
    #[value(alias = "K")]
    K,
    #[value(alias = "T")]
    T,
    EtaX,
    EtaY,
    BatchX,
    BatchY,
}

impl From<AxisName> for Axis {
    fn from(name: AxisName) -> Self {
        match name {
            AxisName::Solver => Self::Solver,
            AxisName::M1 => Self::M1,
            AxisName::M2 => Self::M2,
            AxisName::K => Self::K,
            AxisName::T => Self::T,
            AxisName::EtaX => Self::EtaX,
            AxisName::EtaY => Self::EtaY,
            AxisName::BatchX => Self::BatchX,
            AxisName::BatchY => Self::BatchY,
        }
    }
}

fn level(text: &str) -> Result<f64, String> {
    let level = text.parse::<f64>().map_err(|error| error.to_string())?;
    if level > 0.0 && level < 1.0 {
        Ok(level)
    } else {
        Err("a confidence level is strictly between 0 and 1, such as 0.95".to_owned())
    }
}

impl Filter {
    fn query(self, id: String) -> v1::QueryEstimatesRequest {
        let Self {
            solver,
            m1,
            k,
            t,
            group_by,
            confidence,
        } = self;
        let group_by = group_by.into_iter().map(|name| Axis::from(name).into());
        v1::QueryEstimatesRequest {
            id,
            solvers: solver,
            m1,
            k,
            t,
            group_by: group_by.collect(),
            confidence,
        }
    }
}

/// Runs the command.
pub(super) async fn run(args: ResultsArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    let response = client.estimates(args.filter.query(id)).await?;
    let text = match (args.json, args.csv) {
        (true, _) => render::json(&response),
        (_, true) => render::csv(&response),
        _ => render::table(&response),
    };
    output::print(&with_newline(text))?;
    if let Some(folder) = args.plots {
        let plain = !args.json && !args.csv;
        write_plots(&folder, &response, plain)?;
    }
    Ok(())
}

/// Writes plots, and names them: on stdout next to a table, else on stderr, where they break no format.
pub(super) fn write_plots(
    folder: &Path,
    response: &v1::QueryEstimatesResponse,
    on_stdout: bool,
) -> Result<(), Failure> {
    let files = plot::write_all(folder, response)?;
    let text: String = files
        .iter()
        .map(|file| format!("plot {}\n", file.display()))
        .collect();
    if on_stdout {
        output::print(&text)
    } else {
        eprint!("{text}");
        Ok(())
    }
}

/// `text` with a newline at its end.
pub(super) fn with_newline(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
