//! Who takes part: coordinators on one store, workers, and a user who wants two sweeps measured.

use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bistable_common::wire::v1::{
    self, result_service_client::ResultServiceClient, sweep_service_client::SweepServiceClient,
};
use bistable_worker::{
    kernel::Simd,
    link::{self, Address, LinkConfig},
};
use tokio::{sync::watch, time::sleep};
use tonic::{Status, transport::Channel};

use super::{
    machine::{FINGERPRINT, Known, Node, Site},
    network, sweeps,
};
use crate::{
    board::Terms,
    monitor::Counts,
    server::{self, Backlog, Config, Doors},
    spans::Spans,
    store::Store,
};

/// How a host ends.
pub type Ended = Result<(), Box<dyn Error>>;

/// How often the user looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the user waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

fn address(name: &str) -> Address {
    network::url(name).parse().expect("an address")
}

/// Resolves when a host is told to leave.
async fn told(mut leave: watch::Receiver<bool>) {
    if leave.wait_for(|leave| *leave).await.is_err() {
        std::future::pending().await
    }
}

/// How long a coordinator that could not start is left alone.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// A coordinator, until it is told to leave. Its machine stays, and starts it again if it cannot start.
pub async fn coordinator(
    name: String,
    store: Arc<dyn Store>,
    site: Site,
    leave: watch::Receiver<bool>,
) -> Ended {
    let site = Arc::new(site);
    let server = loop {
        let incoming = network::listen().await?;
        let config = config(&name, Arc::clone(&store), incoming.0);
        match server::start_on(config, incoming, site.clone(), Counts::default()).await {
            Ok(server) => break server,
            Err(error) => tracing::info!("not started: {error}"),
        }
        sleep(RESTART_AFTER).await;
    };
    told(leave).await;
    // Without its store it cannot say that it leaves; it does anyway.
    let _ = server.shutdown().await;
    std::future::pending().await
}

fn config(name: &str, store: Arc<dyn Store>, listen: SocketAddr) -> Config {
    Config {
        listen,
        advertise: Some(network::url(name)),
        tls: None,
        store,
        numerics: *FINGERPRINT,
        bundled: Some(sweeps::data()),
        terms: Terms {
            beat_interval: Duration::from_secs(1),
            lease_timeout: Duration::from_secs(8),
            grace: Duration::from_secs(10),
        },
        backlog: Backlog::GoesOn,
        doors: Doors::default(),
        spans: Spans::default(),
    }
}

/// A worker of two slots, until it is told to leave. Its machine stays.
pub async fn worker(
    coordinators: Vec<String>,
    cache: PathBuf,
    node: Node,
    leave: watch::Receiver<bool>,
) -> Ended {
    let coordinators = coordinators.iter().map(|name| address(name)).collect();
    let config = LinkConfig {
        threads: 2,
        cache_dir: Some(cache),
        runner: Arc::new(Known),
        finish: Duration::from_secs(2),
        surroundings: Arc::new(node),
        ..LinkConfig::new(coordinators, Simd::any())
    };
    link::run(config, told(leave)).await?;
    std::future::pending().await
}

/// Submits every sweep and waits until all of it is measured; the digests, as every coordinator must say.
pub async fn user(coordinators: Vec<String>) -> Vec<String> {
    let mut ids = Vec::new();
    for request in sweeps::requests() {
        let id = insist(&coordinators, async |channel| {
            submit(channel, &request).await
        })
        .await;
        tracing::info!(id, "submitted");
        ids.push(id);
    }
    let mut digests = Vec::new();
    for id in &ids {
        digests.push(insist(&coordinators, async |channel| measured(channel, id).await).await);
    }
    // Leading or standing by, each coordinator ends up as one that answers.
    for name in &coordinators {
        for (id, digest) in ids.iter().zip(&digests) {
            let name = std::slice::from_ref(name);
            let said = insist(name, async |channel| measured(channel, id).await).await;
            assert_eq!(said, *digest, "{name:?} about {id}");
        }
    }
    tracing::info!(?digests, "measured");
    digests
}

/// Asks one coordinator after the other until one has an answer.
async fn insist<T>(
    coordinators: &[String],
    ask: impl AsyncFn(Channel) -> Result<Option<T>, Status>,
) -> T {
    for name in coordinators.iter().cycle() {
        let address = address(name);
        let asked = async {
            let channel = network::connect(&address).await.ok()?;
            match ask(channel).await {
                Ok(answer) => answer,
                Err(status) => {
                    tracing::debug!(name, code = ?status.code(), "no: {}", status.message());
                    None
                }
            }
        };
        if let Ok(Some(answer)) = tokio::time::timeout(PATIENCE, asked).await {
            return answer;
        }
        sleep(LOOK_EVERY).await;
    }
    unreachable!("there are coordinators, and they are asked for ever")
}

async fn submit(
    channel: Channel,
    request: &v1::SubmitSweepRequest,
) -> Result<Option<String>, Status> {
    let mut sweeps = SweepServiceClient::new(channel);
    let answer = sweeps.submit_sweep(request.clone()).await?.into_inner();
    Ok(answer.sweep.map(|sweep| sweep.id))
}

/// The digest, once there is one. Units that were given up are tried again.
async fn measured(channel: Channel, id: &str) -> Result<Option<String>, Status> {
    let mut sweeps = SweepServiceClient::new(channel.clone());
    let id = id.to_owned();
    let request = v1::GetSweepRequest { id: id.clone() };
    let status = sweeps.get_sweep(request).await?.into_inner().sweep;
    let status = status.unwrap_or_default();
    match status.state() {
        v1::SweepState::Complete => {
            let query = v1::QueryEstimatesRequest {
                id,
                ..Default::default()
            };
            let mut results = ResultServiceClient::new(channel);
            let answer = results.query_estimates(query).await?.into_inner();
            Ok(answer.digest)
        }
        v1::SweepState::Stuck => {
            let units = Vec::new();
            sweeps
                .retry_sweep(v1::RetrySweepRequest { id, units })
                .await?;
            Ok(None)
        }
        _ => Ok(None),
    }
}
