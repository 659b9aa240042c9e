//! TLS with a database, in libpq's words: whether it is asked for, and what of the server's certificate is verified.

use std::{path::PathBuf, sync::Arc};

use bistable_worker::tls::{Pem, TlsFileError, client, provider, system_roots};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use tokio_postgres::config::SslMode;

/// What the protocol is called in a handshake.
const ALPN: &[u8] = b"postgresql";

/// What of a server's certificate is verified: `sslmode` and `sslrootcert`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// None.
    Disable,
    /// Where the server offers it, whoever it is.
    Prefer,
    /// Always, whoever the server is.
    Require,
    /// An authority has signed it.
    VerifyCa(PathBuf),
    /// The same, and it names the host. Without a file, the authorities are the system's.
    VerifyFull(Option<PathBuf>),
}

/// An `sslmode` and an `sslrootcert` that make no sense, and why.
pub(super) type Nonsense = &'static str;

impl Encryption {
    /// In libpq's words.
    pub fn of(mode: Option<&str>, authority: Option<&str>) -> Result<Self, Nonsense> {
        let system = authority == Some("system");
        let file = authority.filter(|_| !system).map(PathBuf::from);
        match (mode.unwrap_or("prefer"), file) {
            ("disable", _) => Ok(Self::Disable),
            ("verify-full", file) => Ok(Self::VerifyFull(file)),
            ("require" | "verify-ca", _) if system => {
                Err("sslrootcert=system needs sslmode=verify-full: anyone can have a certificate")
            }
            ("require" | "verify-ca", Some(file)) => Ok(Self::VerifyCa(file)),
            ("require", None) => Ok(Self::Require),
            ("verify-ca", None) => Err("sslmode=verify-ca needs sslrootcert, a file"),
            ("prefer", None) if !system => Ok(Self::Prefer),
            ("prefer", _) => Err("sslrootcert is of no use to sslmode=prefer; write verify-full"),
            _ => Err("sslmode is one of disable, prefer, require, verify-ca and verify-full"),
        }
    }

    /// What the driver is told.
    pub fn mode(&self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa(_) | Self::VerifyFull(_) => SslMode::Require,
        }
    }

    /// How to shake hands, by the files as they are now.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsFileError> {
        let any_name = |roots| {
            let builder = client().dangerous();
            builder.with_custom_certificate_verifier(Arc::new(AnyName(roots)))
        };
        let builder = match self {
            Self::Disable | Self::Prefer | Self::Require => any_name(None),
            Self::VerifyCa(file) => any_name(Some(Pem::read(file)?.roots()?)),
            Self::VerifyFull(None) => client().with_root_certificates(system_roots()?),
            Self::VerifyFull(Some(file)) => {
                client().with_root_certificates(Pem::read(file)?.roots()?)
            }
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

type Signed = Result<HandshakeSignatureValid, rustls::Error>;

/// Whoever these have signed, by whatever name; without any, whoever it is. What nobody vouches for proves nothing, so then
/// not even its signature is looked at.
#[derive(Debug)]
struct AnyName(Option<RootCertStore>);

impl AnyName {
    fn signed(&self, verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Signed) -> Signed {
        match &self.0 {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(_) => verify(&provider().signature_verification_algorithms),
        }
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.0 {
            let certificate = ParsedCertificate::try_from(certificate)?;
            let algorithms = provider().signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                between,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Signed {
        self.signed(|known| verify_tls12_signature(message, certificate, signed, known))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Signed {
        self.signed(|known| verify_tls13_signature(message, certificate, signed, known))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
