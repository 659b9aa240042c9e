//! `bistable watch`: a sweep's progress until it ends.

use bistable_common::wire::v1::{self, SweepState};
use clap::Args;

use super::{
    failure::Failure,
    output::{self, Form},
    progress::Progress,
    remote::Target,
    status::{Status, is_over},
};
use crate::client::Client;

/// Watch a sweep until it ends
///
/// Exits with 0 if the sweep is complete, with 1 if it was cancelled, deleted, or is stuck because units failed for good.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable watch 3fa1
  bistable watch 3fa1 --json | jq .units_done
  bistable watch 3fa1 && bistable results 3fa1 --json")]
pub(super) struct WatchArgs {
    #[command(flatten)]
    target: Target,

    /// Print a JSON object a line on stdout, one for each change
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: WatchArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    let mut progress = Progress::new();
    let last = follow(&mut client, id, |status| {
        if args.json {
            return print_line(status);
        }
        progress.show(status);
        Ok(())
    })
    .await;
    progress.clear();
    let last = last?;
    let complete = last.state() == SweepState::Complete;
    if !args.json {
        Form { json: false }.show(&Status::from(last))?;
    }
    if complete {
        Ok(())
    } else {
        Err(Failure::Incomplete)
    }
}

fn print_line(status: &v1::SweepStatus) -> Result<(), Failure> {
    let line = serde_json::to_string(&Status::from(status.clone()))
        .map_err(|error| Failure::Other(error.to_string()))?;
    output::print(&(line + "\n"))
}

/// Shows every status until the sweep is over, and returns the last one. Goes on with another coordinator, if there is one,
/// when the present one ends.
pub(super) async fn follow(
    client: &mut Client,
    id: String,
    mut show: impl FnMut(&v1::SweepStatus) -> Result<(), Failure>,
) -> Result<v1::SweepStatus, Failure> {
    let mut statuses = client.watch(id.clone()).await?;
    let mut last = None;
    loop {
        let sweep = match statuses.message().await {
            Ok(Some(v1::WatchSweepResponse { sweep })) => sweep,
            Ok(None) => return last.ok_or_else(|| Failure::Other(format!("sweep {id} is gone"))),
            Err(status) => {
                client.reconnect(status).await?;
                statuses = client.watch(id.clone()).await?;
                continue;
            }
        };
        let status = sweep.unwrap_or_default();
        show(&status)?;
        if is_over(status.state()) {
            return Ok(status);
        }
        last = Some(status);
    }
}
