//! STAND-IN: accepts connections and answers nothing. To be replaced by the coordinator.
#![allow(missing_docs)]

use std::{net::SocketAddr, time::Duration};

use bistable_common::ids::Hash;

pub struct Config {
    pub listen: SocketAddr,
    pub store: String,
    pub numerics: Hash,
    pub beat_interval: Duration,
    pub lease_timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServerError(String);

pub struct Server {
    address: SocketAddr,
}

pub async fn start(config: Config) -> Result<Server, ServerError> {
    let listener = tokio::net::TcpListener::bind(config.listen).await;
    let address = listener.and_then(|listener| listener.local_addr());
    address
        .map(|address| Server { address })
        .map_err(|error| ServerError(error.to_string()))
}

impl Server {
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    pub async fn shutdown(self) {}
}
