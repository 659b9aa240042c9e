//! A coordinator and a worker in this process. They talk over TCP, as they would on a cluster.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bistable_worker::{
    cli::asked_to_end,
    link::{self, Credentials, LinkConfig, LinkError},
};
use clap::Args;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::failure::Failure;
use crate::{
    board::Terms,
    client::Client,
    server::{self, Backlog, Config, Server},
    spans::Spans,
    store::{self, StoreError},
};

/// Which store.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// Where results are kept: an SQLite file, or a PostgreSQL database
    ///
    /// A path or sqlite://PATH for a file; postgres://USER@HOST:PORT/DATABASE for a database (15 or later), or
    /// postgres://USER@/DATABASE?host=FOLDER for one on a Unix socket. ?sslmode=verify-full encrypts and makes sure who it
    /// is; PGSSLMODE and PGSSLROOTCERT are read, too. A password is better put into PGPASSWORD than into
    /// the URL, which other users of this machine can see.
    #[arg(
        long,
        value_name = "URL",
        env = "BISTABLE_STORE",
        hide_env_values = true,
        default_value = "./bistable.sqlite"
    )]
    pub store: String,
}

/// Both of them.
pub(super) struct Local {
    server: Server,
    worker: JoinHandle<Result<(), LinkError>>,
    leave: oneshot::Sender<()>,
}

/// The coordinator's usual terms, on `listen` and `store`. Opens the store and runs the numerics' self-test.
pub(super) async fn config(listen: SocketAddr, store: String) -> Result<Config, Failure> {
    let config = spawn_blocking(move || Ok(Config::new(listen, store::open(&store)?)));
    config
        .await
        .map_err(|error| Failure::Other(format!("the self-test of the numerics failed: {error}")))?
}

/// Waits for an orderly end, or for a user who has asked to end before and asks again.
pub(super) async fn patiently<E>(end: impl Future<Output = Result<(), E>>) -> Result<(), Failure>
where
    Failure: From<E>,
{
    match asked_to_end() {
        Ok(again) => tokio::select! {
            ended = end => Ok(ended?),
            () = again => Err(Failure::Interrupted),
        },
        Err(_) => Ok(end.await?),
    }
}

/// Another coordinator is at work on the store.
fn led_by(leader: Option<String>) -> Failure {
    Failure::Other(match leader {
        Some(url) => format!(
            "the coordinator at {url} leads on this store; start the sweep there with `bistable submit --coordinator {url}`, \
             or name another store with --store"
        ),
        None => "the store does not answer; nothing was started".to_owned(),
    })
}

/// This coordinator was at work on the store, and may not write there any more.
fn deposed_by(leader: Option<String>) -> Failure {
    Failure::Other(match leader {
        Some(url) => format!(
            "the coordinator at {url} leads on this store now; what is done is in it. Go on there with \
             `bistable submit --coordinator {url}`, or run the same command again when that coordinator has left"
        ),
        None => "the store did not answer for a while, and this coordinator lost the lead; what is done is in it. \
                 Run the same command again to go on"
            .to_owned(),
    })
}

impl Local {
    /// Starts both; the worker's coordinator is filled in.
    pub async fn start(store: String, spans: Spans, worker: LinkConfig) -> Result<Self, Failure> {
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        let usual = config(any_port, store).await?;
        let config = Config {
            terms: Terms {
                // Nobody can come back: the worker died with its coordinator.
                grace: Duration::ZERO,
                ..usual.terms
            },
            // What else is in the store is somebody's, but not what was asked for.
            backlog: Backlog::Waits,
            spans,
            ..usual
        };
        let server = server::start(config).await?;
        if let Err(leader) = server.leading().await {
            server.shutdown().await?;
            return Err(led_by(leader));
        }
        let (leave, asked) = oneshot::channel::<()>();
        let link = LinkConfig {
            coordinators: vec![server.addr().into()],
            ..worker
        };
        let worker = tokio::spawn(link::run(link, async {
            let _ = asked.await;
        }));
        Ok(Self {
            server,
            worker,
            leave,
        })
    }

    /// A connection to the coordinator.
    pub async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&[self.server.addr().into()], &Credentials::default()).await?)
    }

    /// Resolves if the worker ends by itself, which it only does if it cannot work, or if another coordinator takes over.
    /// That one need not want this sweep, so there is nothing to wait for.
    pub async fn failed(&mut self) -> Failure {
        let ended = tokio::select! {
            ended = &mut self.worker => ended,
            leader = self.server.deposed() => return deposed_by(leader),
        };
        match ended {
            Ok(Ok(())) => Failure::Other("the worker left".to_owned()),
            Ok(Err(error)) => error.into(),
            Err(error) => Failure::Other(format!("the worker died: {error}")),
        }
    }

    /// Stops both; what is done is in the store.
    pub async fn stop(self) -> Result<(), StoreError> {
        drop(self.leave);
        if !self.worker.is_finished() {
            let _ = self.worker.await;
        }
        self.server.shutdown().await
    }
}
