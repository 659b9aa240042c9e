//! `bistable serve`: a coordinator, until it is told to end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use bistable_worker::{
    cli::{MonitorArgs, asked_to_end, say},
    link::{Address, host_name},
    monitor::Monitor,
};
use clap::Args;

use super::{failure::Failure, local, traces::TraceArgs};
use crate::{
    monitor::Watch,
    server::{
        self, CALLS_PER_SECOND, CONNECTIONS, CONNECTIONS_PER_ADDRESS, Config, DATA_BYTES,
        DataLimits, Doors, STORED_DATA_BYTES, TlsFiles,
    },
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
  bistable serve --listen 0.0.0.0:7431 --tls-cert server.pem --tls-key server.key --tokens /etc/bistable/tokens
  bistable serve --listen 0.0.0.0:7431 --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem \\
    --store postgres://bistable@db/bistable --advertise https://node7:7431")]
pub(super) struct ServeArgs {
    /// Where to listen; 0.0.0.0 means every network
    ///
    /// Other addresses than those of loopback need --tokens, --tls-client-ca or --insecure.
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

    #[command(flatten)]
    monitor: MonitorArgs,

    #[command(flatten)]
    traces: TraceArgs,

    #[command(flatten)]
    doors: DoorArgs,
}

/// Who is let in, and how much they may ask for.
#[derive(Debug, Args)]
struct DoorArgs {
    /// Ask callers for tokens: a folder with files named worker, submit and read, each of which may be absent
    ///
    /// A file holds a token a line, of at least 16 characters, and comments after #. Workers need a token of `worker`;
    /// clients one of `read` to look at sweeps and results, one of `submit` to do that and to submit and steer sweeps. The
    /// folder is read again on SIGHUP and when it changes; whoever shows a token that is gone is turned away.
    #[arg(long, value_name = "DIR", env = "BISTABLE_TOKENS")]
    tokens: Option<PathBuf>,

    /// Serve whoever can reach the address, without tokens or certificates
    #[arg(long, env = "BISTABLE_INSECURE")]
    insecure: bool,

    /// Calls and messages a second that a client may send
    ///
    /// A client is an address, or a token that is shown from there. Four seconds' worth may come at once; further calls are
    /// told when to try again, further messages wait.
    #[arg(long, value_name = "CALLS_PER_SECOND", default_value_t = CALLS_PER_SECOND,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate_limit: u32,

    /// Connections at a time; one more is closed at once
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS)]
    max_connections: usize,

    /// Connections at a time from one address other than this machine's; a worker has two
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS_PER_ADDRESS)]
    max_connections_per_address: usize,

    /// The largest data set that is taken, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = DATA_BYTES)]
    max_data_bytes: u64,

    /// What all data sets in the store may take together, in bytes; one more is refused
    ///
    /// Each counts with its content and 4 KiB. They stay when their sweeps are deleted; the bundled one is always kept.
    #[arg(long, value_name = "BYTES", env = "BISTABLE_MAX_STORED_DATA_BYTES", default_value_t = STORED_DATA_BYTES)]
    max_stored_data_bytes: u64,
}

impl From<DoorArgs> for Doors {
    fn from(args: DoorArgs) -> Self {
        let DoorArgs {
            tokens,
            insecure,
            rate_limit,
            max_connections,
            max_connections_per_address,
            max_data_bytes,
            max_stored_data_bytes,
        } = args;
        Self {
            tokens,
            insecure,
            calls_per_second: rate_limit,
            connections: max_connections,
            connections_per_address: max_connections_per_address,
            data: DataLimits {
                each: max_data_bytes,
                all: max_stored_data_bytes,
            },
            ..Self::default()
        }
    }
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
    // Before the store, which may take its time.
    let watch = Arc::<Watch>::default();
    let _monitor = watched(args.monitor, Arc::clone(&watch)).await?;
    let advertise = args.advertised()?;
    let scheme = args.tls.scheme();
    let traces = args.traces.start()?;
    let config = Config {
        advertise,
        tls: args.tls.files(),
        doors: args.doors.into(),
        spans: traces.spans.clone(),
        ..local::config(args.listen, args.place.store).await?
    };
    let server = server::start(config).await?;
    watch.serves(server.inside());
    say(format_args!("coordinator on {scheme}://{}", server.addr()));
    asked.await;
    say(format_args!("leaving"));
    watch.leaves();
    local::patiently(server.shutdown()).await?;
    traces.close().await;
    Ok(())
}

async fn watched(args: MonitorArgs, watch: Arc<Watch>) -> Result<Option<Monitor>, Failure> {
    let Some(addr) = args.monitor else {
        return Ok(None);
    };
    let refused = |error| Failure::Other(format!("cannot serve the monitor on {addr}: {error}"));
    Monitor::start(addr, watch).await.map(Some).map_err(refused)
}
