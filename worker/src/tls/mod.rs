//! TLS, as every connection of Bistable speaks it: one provider of cryptography, PEM files, and words for what goes wrong.
//!
//! Who connects to whom, and what happens to a connection that fails, is decided elsewhere.

mod pem;
mod words;

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, client::WantsClientCert, crypto::CryptoProvider,
    crypto::ring::default_provider,
};

pub use pem::{Pem, TlsFileError};
pub use words::{cause, explain};

/// What HTTP/2 is called in a handshake.
pub const H2: &[u8] = b"h2";

/// The cryptography.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// The certificates that this machine trusts.
pub fn system_roots() -> Result<RootCertStore, TlsFileError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a certificate of the system cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(TlsFileError::NoSystem);
    }
    Ok(roots)
}

/// What a client that trusts `roots` begins with.
pub fn trusting(
    roots: RootCertStore,
) -> Result<rustls::ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots))
}
