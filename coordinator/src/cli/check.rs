//! `bistable check`: what a sweep would run, without running it.

use std::{fmt::Write, path::PathBuf, thread};

use bistable_common::{ids::CellId, plan::Plan, sweep::Sweep};
use clap::Args;
use serde::Serialize;

use super::{
    cost::{self, Shape},
    document::Document,
    failure::Failure,
    output::{Form, Show},
    progress::duration,
};

/// Check a sweep document and say what it would run
///
/// Needs no coordinator. The time is a rough prediction for this machine with all its cores.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable check sweep.toml
  bistable check sweep.toml --data-dir ~/mnist --json | jq .experiments")]
pub(super) struct CheckArgs {
    /// The sweep document (TOML or JSON), or - for stdin
    file: PathBuf,

    /// Check against the MNIST-style IDX files of this folder instead of the data that the document names
    #[arg(long, value_name = "DIR")]
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
        Self {
            id: sweep.id().to_string(),
            name: sweep.name().to_owned(),
            problem: sweep.facts().problem.name(),
            replicates: plan.replicates(),
            cells: (0..plan.cells())
                .map(|cell| CellOutlook::of(sweep, CellId(cell)))
                .collect(),
            experiments: plan.experiments(),
            units: plan.units(),
            bytes_per_thread: cost::bytes_per_thread(sweep, shape) as u64,
            threads,
            seconds: cost::seconds(sweep, shape) / threads as f64,
        }
    }
}

impl CellOutlook {
    fn of(sweep: &Sweep, id: CellId) -> Self {
        let cell = sweep.cell(id);
        let (units, experiments) = cost::cell_counts(sweep, id);
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
            "{} cells x {} replicates: {} experiments in {} units",
            self.cells.len(),
            self.replicates,
            self.experiments,
            self.units
        );
        let _ = writeln!(
            text,
            "about {:.0} MB a thread, and roughly {} on the {} cores of this machine",
            (self.bytes_per_thread as f64 / 1e6).ceil(),
            duration(self.seconds),
            self.threads
        );
        text
    }
}

fn line(cell: &CellOutlook) -> String {
    let ks: Vec<_> = cell.ks.iter().map(u64::to_string).collect();
    format!(
        "{}: m1 = {}, m2 = {}, T = {}, K = {}: {} experiments in {} units",
        cell.label,
        cell.m1,
        cell.m2,
        cell.t,
        ks.join(", "),
        cell.experiments,
        cell.units
    )
}

/// Runs the command.
pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let prepared = Document::read(&args.file)?.prepare(args.data_dir.as_deref())?;
    let Some(sweep) = prepared.sweep else {
        return Err(Failure::Other(format!(
            "{}: the document names data by its hash, which this machine does not know; \
             name the folder with --data-dir",
            args.file.display()
        )));
    };
    let shape = prepared.data.map(|data| Shape {
        features: data.features(),
        classes: data.classes(),
    });
    args.form.show(&Outlook::of(&sweep, shape))
}
