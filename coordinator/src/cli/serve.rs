//! `bistable serve`: a coordinator, until it is told to end.

use std::{net::SocketAddr, path::PathBuf};

use bistable_worker::{
    cli::asked_to_end,
    link::{Address, host_name},
};
use clap::Args;

use super::{failure::Failure, local};
use crate::server::{self, Config, TlsFiles};

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
  bistable serve --listen 0.0.0.0:7431 --store postgres://bistable@db/bistable --advertise http://node7:7431
  bistable serve --listen 0.0.0.0:7431 --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem")]
pub(super) struct ServeArgs {
    /// Where to listen; 0.0.0.0 means every network, which trusts whoever can reach it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7431")]
    listen: SocketAddr,

    #[command(flatten)]
    place: local::StoreArgs,

    #[command(flatten)]
    tls: TlsArgs,

    /// Where workers and clients reach this coordinator [default: the address that it listens on]
    ///
    /// Coordinators that stand by name the leader by it. With --listen 0.0.0.0 the default is this machine's name; with
    /// --tls-cert it is an https:// address, whose host the certificate must name.
    #[arg(long, value_name = "URL")]
    advertise: Option<Address>,
}

/// With what TLS is spoken.
#[derive(Debug, Args)]
struct TlsArgs {
    /// The server's certificate (PEM), and those in between: TLS for everyone
    ///
    /// Certificates, keys and authorities are read again when their files change, and on SIGHUP: connections that are there
    /// go on, new ones get what is new.
    #[arg(
        long,
        value_name = "FILE",
        env = "BISTABLE_TLS_CERT",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,

    /// The key (PEM) of the server's certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "BISTABLE_TLS_KEY",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,

    /// Take only clients and workers that show a certificate of one of these authorities (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

impl TlsArgs {
    fn files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_cert.clone()?,
            key: self.tls_key.clone()?,
            client_ca: self.tls_client_ca.clone(),
        })
    }

    fn scheme(&self) -> &'static str {
        match self.tls_cert {
            Some(_) => "https",
            None => "http",
        }
    }
}

impl ServeArgs {
    /// The address that others are told, where the one that is listened on means nothing to them.
    fn advertised(&self) -> Result<Option<String>, Failure> {
        if let Some(given) = &self.advertise {
            return match given.is_secure() || self.tls.tls_cert.is_none() {
                true => Ok(Some(given.to_string())),
                false => Err(Failure::Other(format!(
                    "--advertise {given} is plain, but this coordinator speaks TLS; write https://"
                ))),
            };
        }
        let anywhere = self.listen.ip().is_unspecified() && self.listen.port() != 0;
        let (scheme, port) = (self.tls.scheme(), self.listen.port());
        Ok(anywhere.then(|| format!("{scheme}://{}:{port}", host_name())))
    }
}

/// Runs the command.
pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let asked = asked_to_end().map_err(|error| Failure::Other(error.to_string()))?;
    let advertise = args.advertised()?;
    let scheme = args.tls.scheme();
    let config = Config {
        advertise,
        tls: args.tls.files(),
        ..local::config(args.listen, args.place.store).await?
    };
    let server = server::start(config).await?;
    eprintln!("coordinator on {scheme}://{}", server.addr());
    asked.await;
    eprintln!("leaving");
    local::patiently(server.shutdown()).await
}
