//! TLS, as every connection of Bistable speaks it: one provider of cryptography, PEM files, and words for what goes wrong.
//!
//! Who connects to whom, and what happens to a connection that fails, is decided elsewhere.

mod pem;
mod words;

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
    crypto::{CryptoProvider, ring::default_provider},
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

/// What a client begins with.
pub fn client() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions();
    builder.expect("the provider knows TLS 1.2 and 1.3")
}

/// What a server begins with.
pub fn server() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions();
    builder.expect("the provider knows TLS 1.2 and 1.3")
}
