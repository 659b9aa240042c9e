//! `bistable list`: every sweep of a coordinator.

use clap::Args;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::{
    failure::Failure,
    output::{Form, Show},
    remote::Remote,
    status::Status,
};

/// Show the sweeps of a coordinator, oldest first
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    remote: Remote,

    #[command(flatten)]
    form: Form,
}

#[derive(Serialize)]
struct Sweeps(Vec<Status>);

impl Show for Sweeps {
    fn text(&self) -> String {
        if self.0.is_empty() {
            return "no sweeps; start one with `bistable submit FILE`\n".to_owned();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "ID",
            "NAME",
            "STATE",
            "PRIORITY",
            "UNITS",
            "EXPERIMENTS",
            "WORKERS",
            "",
        ]);
        for sweep in &self.0 {
            table.add_row([
                sweep.id.clone(),
                sweep.name.clone(),
                sweep.state.to_owned(),
                sweep.priority.to_string(),
                format!("{}/{}", sweep.units_done, sweep.units_total),
                format!("{}/{}", sweep.experiments_done, sweep.experiments_total),
                sweep.workers.to_string(),
                sweep.trouble().unwrap_or_default(),
            ]);
        }
        format!("{}\n", table.trim_fmt())
    }
}

/// Runs the command.
pub(super) async fn run(args: ListArgs) -> Result<(), Failure> {
    let sweeps = args.remote.client().await?.list().await?;
    args.form
        .show(&Sweeps(sweeps.into_iter().map(Status::from).collect()))
}
