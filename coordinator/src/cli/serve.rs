//! `bistable serve`: a coordinator, until it is told to end.

use std::net::SocketAddr;

use bistable_worker::cli::asked_to_end;
use clap::Args;

use super::{failure::Failure, local};
use crate::server;

/// Run a coordinator
///
/// It leases units to workers (`bistable worker`), keeps what they report, and answers clients. Everything is in the
/// store: a coordinator that is started again goes on. On SIGINT or SIGTERM it leaves politely.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable serve
  bistable serve --listen 0.0.0.0:7431 --store /var/lib/bistable/store.sqlite")]
pub(super) struct ServeArgs {
    /// Where to listen; 0.0.0.0 means every network, which trusts whoever can reach it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7431")]
    listen: SocketAddr,

    /// Where results are kept: an SQLite file, as a path or sqlite://PATH
    #[arg(long, value_name = "URL", default_value = "./bistable.sqlite")]
    store: String,
}

/// Runs the command.
pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let asked = asked_to_end().map_err(|error| Failure::Other(error.to_string()))?;
    let config = local::config(args.listen, args.store).await?;
    let server = server::start(config).await?;
    eprintln!("coordinator on http://{}", server.addr());
    asked.await;
    eprintln!("leaving");
    local::patiently(server.shutdown()).await
}
