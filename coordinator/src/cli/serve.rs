//! `bistable serve`: a coordinator, until it is told to end.

use std::{net::SocketAddr, sync::Arc};

use bistable_worker::{
    cli::{MonitorArgs, asked_to_end, say},
    link::{Address, host_name},
    monitor::Monitor,
};
use clap::Args;

use super::{failure::Failure, local};
use crate::{
    monitor::Watch,
    server::{self, Config},
};

/// Run a coordinator
///
/// It leases units to workers (`bistable worker`), keeps what they report, and answers clients. Everything is in the
/// store: a coordinator that is started again goes on. On SIGINT or SIGTERM it leaves politely.
///
/// Several coordinators may share a PostgreSQL database: one leads, the others answer questions and stand by. One of them
/// takes over within six seconds of the leader's death, and at once when it leaves politely. Name all of them to workers
/// and clients.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable serve
  bistable serve --listen 0.0.0.0:7431 --store /var/lib/bistable/store.sqlite
  bistable serve --listen 0.0.0.0:7431 --store postgres://bistable@db/bistable --advertise http://node7:7431")]
pub(super) struct ServeArgs {
    /// Where to listen; 0.0.0.0 means every network, which trusts whoever can reach it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7431")]
    listen: SocketAddr,

    #[command(flatten)]
    place: local::StoreArgs,

    /// Where workers and clients reach this coordinator [default: the address that it listens on]
    ///
    /// Coordinators that stand by name the leader by it. With --listen 0.0.0.0 the default is this machine's name.
    #[arg(long, value_name = "URL")]
    advertise: Option<Address>,

    #[command(flatten)]
    monitor: MonitorArgs,
}

impl ServeArgs {
    /// The address that others are told, where the one that is listened on means nothing to them.
    fn advertised(&self) -> Option<String> {
        let named = || {
            let anywhere = self.listen.ip().is_unspecified() && self.listen.port() != 0;
            anywhere.then(|| format!("http://{}:{}", host_name(), self.listen.port()))
        };
        self.advertise
            .as_ref()
            .map(ToString::to_string)
            .or_else(named)
    }
}

/// Runs the command.
pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let asked = asked_to_end().map_err(|error| Failure::Other(error.to_string()))?;
    // Before the store, which may take its time.
    let watch = Arc::<Watch>::default();
    let _monitor = watched(args.monitor, Arc::clone(&watch)).await?;
    let advertise = args.advertised();
    let config = Config {
        advertise,
        ..local::config(args.listen, args.place.store).await?
    };
    let server = server::start(config).await?;
    watch.serves(server.inside());
    say(format_args!("coordinator on http://{}", server.addr()));
    asked.await;
    say(format_args!("leaving"));
    watch.leaves();
    local::patiently(server.shutdown()).await
}

async fn watched(args: MonitorArgs, watch: Arc<Watch>) -> Result<Option<Monitor>, Failure> {
    let Some(addr) = args.monitor else {
        return Ok(None);
    };
    let refused = |error| Failure::Other(format!("cannot serve the monitor on {addr}: {error}"));
    Monitor::start(addr, watch).await.map(Some).map_err(refused)
}
