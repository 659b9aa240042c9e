//! `bistable submit`: a document and its data go to a coordinator.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{
    document::{Document, Prepared},
    failure::Failure,
    output::{Form, Show},
    progress,
    remote::Remote,
};
use crate::client::Client;
use bistable_common::wire::v1;

/// Start a sweep on a coordinator
///
/// The same document gives the same identifier and never computes anything twice: submitting is safe to repeat. A
/// data set in a folder is uploaded if the coordinator lacks it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable submit sweep.toml
  id=$(bistable submit sweep.toml --json | jq -r .id)
  bistable submit sweep.toml --priority 10
  bistable submit - --data-dir ~/mnist < sweep.toml")]
pub(super) struct SubmitArgs {
    /// The sweep document (TOML or JSON), or - for stdin
    file: PathBuf,

    /// Run on this folder of IDX files, or LIBSVM or CSV file, instead of the data that the document names
    #[arg(long, visible_alias = "data", value_name = "PATH")]
    data_dir: Option<PathBuf>,

    /// Lease units of this sweep before those of sweeps with a lower priority [default: 0, or as before]
    ///
    /// Not part of the sweep: submitting the document again changes it.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i32>,

    #[command(flatten)]
    remote: Remote,

    #[command(flatten)]
    form: Form,
}

#[derive(Serialize)]
struct Submitted {
    id: String,
    name: String,
    existed: bool,
    priority: i32,
}

impl Show for Submitted {
    fn text(&self) -> String {
        let known = if self.existed { " (known already)" } else { "" };
        format!("{} {}{known}\n", self.id, self.name)
    }
}

/// Runs the command.
pub(super) async fn run(args: SubmitArgs) -> Result<(), Failure> {
    let mut prepared = Document::read(&args.file)?.prepare(args.data_dir.as_deref())?;
    prepared.request.priority = args.priority;
    let mut client = args.remote.client().await?;
    let response = submit(&mut client, prepared).await?;
    let sweep = response.sweep.unwrap_or_default();
    args.form.show(&Submitted {
        id: sweep.id,
        name: sweep.name,
        existed: response.existed,
        priority: sweep.priority,
    })
}

/// Uploads what the coordinator lacks, then submits.
pub(super) async fn submit(
    client: &mut Client,
    prepared: Prepared,
) -> Result<v1::SubmitSweepResponse, Failure> {
    if let Some(data) = prepared.upload
        && !client.has_data(data.hash()).await?
    {
        let bar = progress::upload(data.content().len() as u64);
        let shown = bar.clone();
        let uploaded = client
            .upload(data, move |bytes| shown.set_position(bytes))
            .await;
        bar.finish_and_clear();
        uploaded?;
    }
    Ok(client.submit(prepared.request).await?)
}
