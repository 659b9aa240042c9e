//! `bistable pause`, `resume`, `cancel` and `delete`: one word about one sweep.

use clap::Args;
use serde::Serialize;

use super::{
    failure::Failure,
    output::{Form, Show},
    remote::Target,
    status::Status,
};

/// What these commands take.
#[derive(Debug, Args)]
pub(super) struct SteerArgs {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    form: Form,
}

#[derive(Serialize)]
struct Deleted {
    id: String,
    deleted: bool,
}

impl Show for Deleted {
    fn text(&self) -> String {
        format!("{} deleted\n", self.id)
    }
}

/// Runs `pause`.
pub(super) async fn pause(args: SteerArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    args.form.show(&Status::from(client.pause(id).await?))
}

/// Runs `resume`.
pub(super) async fn resume(args: SteerArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    args.form.show(&Status::from(client.resume(id).await?))
}

/// Runs `cancel`.
pub(super) async fn cancel(args: SteerArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    args.form.show(&Status::from(client.cancel(id).await?))
}

/// Runs `delete`.
pub(super) async fn delete(args: SteerArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    client.delete(id.clone()).await?;
    args.form.show(&Deleted { id, deleted: true })
}
