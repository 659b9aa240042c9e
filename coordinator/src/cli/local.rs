//! A coordinator and a worker in this process. They talk over TCP, as they would on a cluster.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bistable_worker::{
    cli::asked_to_end,
    link::{self, LinkConfig, LinkError},
    unit::Mode,
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::failure::Failure;
use crate::{
    board::Terms,
    client::Client,
    server::{self, Backlog, Config, Server},
    store::{self, StoreError},
};

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

impl Local {
    /// Starts both; `threads` = 0 means one a core.
    pub async fn start(store: String, threads: usize, mode: Mode) -> Result<Self, Failure> {
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
            ..usual
        };
        let server = server::start(config).await?;
        let (leave, asked) = oneshot::channel::<()>();
        let link = LinkConfig {
            threads,
            mode,
            ..LinkConfig::new(vec![server.addr().into()])
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
        Ok(Client::connect(&[self.server.addr().into()]).await?)
    }

    /// Resolves if the worker ends by itself, which it only does if it cannot work.
    pub async fn worker_failed(&mut self) -> Failure {
        match (&mut self.worker).await {
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
