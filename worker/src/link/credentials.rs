//! What a client or worker shows of itself and whom it trusts: files, which are read again at every connection, so that
//! they can be renewed without a restart.

use std::path::PathBuf;

use clap::Args;
use tonic::transport::Channel;

use super::{Address, causes};

/// The files that prove who is who.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Credentials {
    /// Certificates (PEM) of those who may vouch for a coordinator at https:// [default: the system's]
    #[arg(long, value_name = "FILE", env = "BISTABLE_TLS_CA")]
    pub tls_ca: Option<PathBuf>,

    /// Own certificate (PEM), for coordinators that ask for one
    #[arg(
        long,
        value_name = "FILE",
        env = "BISTABLE_TLS_CERT",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// The key (PEM) of the own certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "BISTABLE_TLS_KEY",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
}

/// Credentials that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredentials {
    /// They would not be used.
    #[error("{option} is of no use at {address}, which is plain; write https://")]
    Plain {
        /// What was given.
        option: &'static str,
        /// Where it would be ignored.
        address: String,
    },
}

/// Why there is no connection, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoConnection(pub String);

impl Credentials {
    /// Checks what can be known before the first connection to any of `addresses`.
    pub fn check(&self, addresses: &[Address]) -> Result<(), InvalidCredentials> {
        let options = [("--tls-ca", &self.tls_ca), ("--tls-cert", &self.tls_cert)];
        let given = options.into_iter().find(|(_, file)| file.is_some());
        match (given, addresses.first()) {
            (Some((option, _)), Some(address)) => Err(InvalidCredentials::Plain {
                option,
                address: address.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Connects to a coordinator.
    pub async fn connect(&self, address: &Address) -> Result<Channel, NoConnection> {
        let connected = address.endpoint().connect().await;
        connected.map_err(|error| NoConnection(causes(&error)))
    }
}
