//! The server's certificate, and whose certificates it asks for. The files are read again when they change, so that they
//! can be renewed without a restart: connections that are there go on, new ones get what is new.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

use bistable_worker::tls::{H2, Pem, TlsFileError, provider, server};
use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::{task::spawn_blocking, time::interval};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a server needs for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, and those in between.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// Who vouches for clients, if they must show a certificate.
    pub client_ca: Option<PathBuf>,
}

/// The files' contents at some moment.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Pem,
    key: Pem,
    client_ca: Option<Pem>,
}

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsFileError> {
        Ok(Contents {
            certificate: Pem::read(&self.certificate)?,
            key: Pem::read(&self.key)?,
            client_ca: self.client_ca.as_deref().map(Pem::read).transpose()?,
        })
    }
}

impl Contents {
    fn config(&self) -> Result<Arc<ServerConfig>, TlsFileError> {
        let builder = server().with_client_cert_verifier(self.verifier()?);
        let (chain, key) = (self.certificate.certificates()?, self.key.key()?);
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| self.certificate.mismatch(&self.key, &error))?;
        config.alpn_protocols = vec![H2.to_vec()];
        // Whoever resumed a session would not be asked for a certificate again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsFileError> {
        let Some(authority) = &self.client_ca else {
            return Ok(WebPkiClientVerifier::no_client_auth());
        };
        let roots = Arc::new(authority.roots()?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        Ok(verifier.expect("an authority, and nothing revoked"))
    }
}

/// What new connections get. Ends nothing when it changes.
pub(super) struct Tls {
    files: TlsFiles,
    present: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files, and goes on to do so for as long as this value lives.
    pub fn start(files: TlsFiles) -> Result<Arc<Self>, TlsFileError> {
        let contents = files.read()?;
        let config = contents.config()?;
        let present = RwLock::new(config);
        let tls = Arc::new(Self { files, present });
        let watch = watch(Arc::downgrade(&tls), contents);
        tokio::spawn(watch);
        Ok(tls)
    }

    /// For a connection that begins now.
    pub fn acceptor(&self) -> TlsAcceptor {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&present).into()
    }

    /// Takes what is in the files now, if it is of use; what was there otherwise goes on.
    fn renew(&self, last: &mut Result<Contents, TlsFileError>) {
        let found = self.files.read();
        if found == *last {
            return;
        }
        let config = match &found {
            Ok(contents) => contents.config(),
            Err(error) => Err(error.clone()),
        };
        *last = found;
        match config {
            Ok(config) => {
                *self.present.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!("new connections get the new certificate");
            }
            Err(error) => tracing::warn!(%error, "the certificate that was there stays in use"),
        }
    }
}

/// Looks at the files every now and then, and when the process is told to by SIGHUP.
async fn watch(tls: Weak<Tls>, contents: Contents) {
    let mut last = Ok(contents);
    let mut looks = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = told() => {}
        }
        let Some(tls) = tls.upgrade() else { return };
        let looked = spawn_blocking(move || {
            tls.renew(&mut last);
            last
        });
        match looked.await {
            Ok(then) => last = then,
            // A panic was already reported; the runtime may be ending.
            Err(_) => return,
        }
    }
}

/// Resolves when the process is sent SIGHUP.
#[cfg(unix)]
async fn told() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn told() {
    std::future::pending().await
}
