//! A coordinator and a worker in this process. They talk over TCP, as they would on a cluster.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bistable_common::ids::Hash;
use bistable_worker::{
    cli::asked_to_end,
    link::{self, LinkConfig, LinkError},
    unit::{self, Mode},
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::failure::Failure;
use crate::{
    client::Client,
    server::{self, Config, Server},
};

const BEAT_INTERVAL: Duration = Duration::from_secs(1);
const LEASE_TIMEOUT: Duration = Duration::from_secs(10);

/// Both of them.
pub(super) struct Local {
    server: Server,
    worker: JoinHandle<Result<(), LinkError>>,
    leave: oneshot::Sender<()>,
}

/// The coordinator's usual terms, on `listen` and `store`.
pub(super) fn config(listen: SocketAddr, store: String, numerics: Hash) -> Config {
    Config {
        listen,
        store,
        numerics,
        beat_interval: BEAT_INTERVAL,
        lease_timeout: LEASE_TIMEOUT,
    }
}

/// The fingerprint of this build's numerics. Takes a moment.
pub(super) async fn fingerprint() -> Result<Hash, Failure> {
    spawn_blocking(unit::fingerprint)
        .await
        .map_err(|error| Failure::Other(format!("the self-test of the numerics failed: {error}")))
}

/// Waits for an orderly end, or for a user who has asked to end before and asks again.
pub(super) async fn patiently(end: impl Future<Output = ()>) {
    match asked_to_end() {
        Ok(again) => tokio::select! {
            () = end => {}
            () = again => {}
        },
        Err(_) => end.await,
    }
}

impl Local {
    /// Starts both; `threads` = 0 means one a core.
    pub async fn start(store: String, threads: usize, mode: Mode) -> Result<Self, Failure> {
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        let server = server::start(config(any_port, store, fingerprint().await?)).await?;
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
    pub async fn stop(self) {
        drop(self.leave);
        if !self.worker.is_finished() {
            let _ = self.worker.await;
        }
        self.server.shutdown().await;
    }
}
