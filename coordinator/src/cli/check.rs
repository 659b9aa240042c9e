//! `bistable check`: what a sweep would run, without running it.

use std::{fmt::Write, path::PathBuf, thread};

use bistable_common::{ids::CellId, plan::Plan, sweep::Sweep};
use clap::Args;
use serde::Serialize;

use super::{
    cost::{self, Cost, Shape},
    document::Document,
    failure::Failure,
    output::{Form, Show},
    progress::duration,
};

/// Check a sweep document and say what it would run
///
/// Needs no coordinator. Nothing is run: the memory is what a worker's thread allocates for the largest cell, the time a
/// rough prediction (within a factor of two on a recent machine) for all cores of this one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable check sweep.toml
  bistable check sweep.toml --data-dir ~/mnist --json | jq .experiments")]
pub(super) struct CheckArgs {
    /// The sweep document (TOML or JSON), or - for stdin
    file: PathBuf,

    /// Check against this folder of IDX files, or LIBSVM or CSV file, instead of the data that the document names
    #[arg(long, visible_alias = "data", value_name = "PATH")]
    data_dir: Option<PathBuf>,

    #[command(flatten)]
    form: Form,
}

/// What a sweep would run.
#[derive(Debug, Serialize)]
struct Outlook {
    id: String,
    name: String,
    problem: &'static str,
    replicates: u32,
    cells: Vec<CellOutlook>,
    experiments: u64,
    units: u64,
    bytes_per_thread: u64,
    data_bytes: u64,
    threads: usize,
    seconds: f64,
}

/// What a cell of it would run, over all replicates.
#[derive(Debug, Serialize)]
struct CellOutlook {
    label: String,
    m1: u32,
    m2: u32,
    #[serde(rename = "K")]
    ks: Vec<u64>,
    #[serde(rename = "T")]
    t: u32,
    experiments: u64,
    units: u64,
}

impl Outlook {
    fn of(sweep: &Sweep, shape: Option<Shape>) -> Self {
        let plan = Plan::new(sweep.facts());
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let cost = Cost::of(sweep, shape);
        Self {
            id: sweep.id().to_string(),
            name: sweep.name().to_owned(),
            problem: sweep.facts().problem.name(),
            replicates: plan.replicates(),
            cells: (0..plan.cells())
                .zip(cost::cell_counts(sweep))
                .map(|(cell, counts)| CellOutlook::of(sweep, CellId(cell), counts))
                .collect(),
            experiments: plan.experiments(),
            units: plan.units(),
            bytes_per_thread: cost.bytes_per_thread as u64,
            data_bytes: cost.data_bytes,
            threads,
            seconds: cost.seconds / threads as f64,
        }
    }
}

impl CellOutlook {
    fn of(sweep: &Sweep, id: CellId, (experiments, units): (u64, u64)) -> Self {
        let cell = sweep.cell(id);
        Self {
            label: sweep.solver_name(id).label.clone(),
            m1: cell.m1,
            m2: cell.m2,
            ks: cell.ks.clone(),
            t: cell.solver.schedule.inner_steps,
            experiments,
            units,
        }
    }
}

impl Show for Outlook {
    fn text(&self) -> String {
        let mut text = format!("{} {} ({})\n", self.id, self.name, self.problem);
        for cell in &self.cells {
            let _ = writeln!(text, "  {}", line(cell));
        }
        let _ = writeln!(
            text,
            "{} x {}: {} in {}",
            counted(self.cells.len() as u64, "cell"),
            counted(u64::from(self.replicates), "replicate"),
            counted(self.experiments, "experiment"),
            counted(self.units, "unit")
        );
        let _ = writeln!(
            text,
            "memory: at most {} a thread{}",
            megabytes(self.bytes_per_thread),
            match self.data_bytes {
                0 => String::new(),
                bytes => format!(", and {} for the data set", megabytes(bytes)),
            }
        );
        let _ = writeln!(
            text,
            "time: roughly {} on {} of this machine",
            duration(self.seconds),
            counted(self.threads as u64, "core")
        );
        if self.replicates == 1 {
            text += "one replicate: there will be no confidence intervals\n";
        }
        text
    }
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        ..10_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000).max(1)),
        _ => format!("{} GB", bytes.div_ceil(1_000_000_000)),
    }
}

fn line(cell: &CellOutlook) -> String {
    let ks: Vec<_> = cell.ks.iter().map(u64::to_string).collect();
    format!(
        "{}: m1 = {}, m2 = {}, T = {}, K = {}: {} in {}",
        cell.label,
        cell.m1,
        cell.m2,
        cell.t,
        ks.join(", "),
        counted(cell.experiments, "experiment"),
        counted(cell.units, "unit")
    )
}

/// Runs the command.
pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let prepared = Document::read(&args.file)?.prepare(args.data_dir.as_deref())?;
    let Some(sweep) = prepared.sweep else {
        return Err(Failure::Other(format!(
            "{}: the document names data by its hash, which this machine does not know; \
             name the folder or file with --data-dir",
            args.file.display()
        )));
    };
    let shape = prepared.data.as_deref().map(Shape::from);
    args.form.show(&Outlook::of(&sweep, shape))
}
