//! What a client or worker shows of itself and whom it trusts: files, which are read again at every connection, so that
//! they can be renewed without a restart.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use rustls::ClientConfig;
use tokio::task::spawn_blocking;
use tonic::transport::Channel;

use super::{
    Address,
    bearer::{Bearer, Unusable, Wire},
    dial::{dial, dial_later},
};
use crate::tls::{H2, Pem, TlsFileError, client, system_roots};

/// The files that prove who is who.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Credentials {
    /// Certificates (PEM) of those who may vouch for a coordinator at https:// [default: the system's]
    #[arg(long, value_name = "FILE", env = "BISTABLE_TLS_CA")]
    pub tls_ca: Option<PathBuf>,

    /// Own certificate (PEM), for coordinators that ask for one
    ///
    /// The file holds those in between, too, if there are any. All TLS files are read again at every connection.
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

    /// A file with the token to show, for coordinators that ask for one
    ///
    /// It holds one token of at least 16 characters, and perhaps comments after #. It is sent in the open only to this
    /// machine.
    #[arg(long, value_name = "FILE", env = "BISTABLE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Send the token in the open (http://) to other machines, too
    #[arg(long, env = "BISTABLE_INSECURE")]
    pub insecure: bool,
}

/// Credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCredentials {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] Unusable),
    /// Whoever listens on the way would have the token.
    #[error(
        "the token would be sent in the open to {0}; write https://, or say --insecure if everyone on that network is trusted"
    )]
    Exposed(String),
    /// They would not be used.
    #[error("{option} is given, but {address} is plain; write https://, or leave the option out")]
    Plain {
        /// What was given.
        option: &'static str,
        /// Where it would be ignored.
        address: String,
    },
    /// A file is missing or wrong.
    #[error(transparent)]
    File(#[from] TlsFileError),
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
        let plain = addresses.iter().find(|address| !address.is_secure());
        if let (Some((option, _)), Some(plain)) = (given, plain) {
            return Err(InvalidCredentials::Plain {
                option,
                address: plain.to_string(),
            });
        }
        if addresses.iter().any(Address::is_secure) {
            self.tls()?;
        }
        for address in addresses {
            self.bearer(address)?;
        }
        Ok(())
    }

    /// The token to show at `address`. Whoever names an address as the leader's has been shown it already; it still goes
    /// only where it may be sent.
    fn bearer(&self, address: &Address) -> Result<Bearer, InvalidCredentials> {
        match &self.token_file {
            None => Ok(Bearer::default()),
            Some(_) if address.is_exposed() && !self.insecure => {
                Err(InvalidCredentials::Exposed(address.to_string()))
            }
            Some(file) => Ok(Bearer::read(file)?),
        }
    }

    /// Connects to a coordinator: when this returns, it has spoken.
    pub async fn connect(&self, address: &Address) -> Result<Wire, NoConnection> {
        let (own, at) = (self.clone(), address.clone());
        let bearer = spawn_blocking(move || own.bearer(&at)).await;
        let bearer = bearer.map_err(|error| NoConnection(error.to_string()))?;
        let bearer = bearer.map_err(|error| NoConnection(error.to_string()))?;
        Ok(bearer.over(self.channel(address).await?))
    }

    /// The same, but no call shows a token.
    pub async fn channel(&self, address: &Address) -> Result<Channel, NoConnection> {
        dial(address, self).await
    }

    /// A channel that connects when it is used, and again whenever it must.
    pub fn channel_for_later(&self, address: &Address) -> Channel {
        dial_later(address, self)
    }

    /// How to speak TLS, by the files as they are now.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, TlsFileError> {
        let roots = match &self.tls_ca {
            Some(file) => Pem::read(file)?.roots()?,
            None => system_roots()?,
        };
        let builder = client().with_root_certificates(roots);
        let mut config = match self.tls_cert.as_deref().zip(self.tls_key.as_deref()) {
            Some((certificate, key)) => {
                let (certificate, key) = (Pem::read(certificate)?, Pem::read(key)?);
                builder
                    .with_client_auth_cert(certificate.certificates()?, key.key()?)
                    .map_err(|error| certificate.mismatch(&key, &error))?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(Arc::new(config))
    }
}
