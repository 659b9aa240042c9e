//! Certificates and keys in files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject},
    },
};

/// Why a file is of no use for TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileError {
    /// It is not there.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// It holds something else.
    #[error("{path} holds no certificate but {found}; expected PEM, -----BEGIN CERTIFICATE-----")]
    NoCertificate {
        /// Which one.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// It holds something else.
    #[error("{path} holds no private key but {found}; expected PEM, -----BEGIN PRIVATE KEY-----")]
    NoKey {
        /// Which one.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// It is damaged.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// The two are not of each other.
    #[error("the key {key} and the certificate {certificate} cannot be used together: {reason}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no list of certificates.
    #[error(
        "this machine has no list of certificates to trust; install one (Debian: ca-certificates), or name a file of \
         your own authority"
    )]
    NoSystem,
}

const NO_PEM: &str = "a section of PEM has no end, or is not base64";

/// A file, as it was when it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    path: PathBuf,
    content: Vec<u8>,
}

impl Pem {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, TlsFileError> {
        match fs::read(path) {
            Ok(content) => Ok(Self {
                path: path.to_owned(),
                content,
            }),
            Err(error) => Err(TlsFileError::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// All certificates, in their order.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
        let all = CertificateDer::pem_slice_iter(&self.content).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|_| self.damaged(NO_PEM))?;
        if all.is_empty() {
            return Err(TlsFileError::NoCertificate {
                path: self.path.clone(),
                found: self.kind(),
            });
        }
        Ok(all)
    }

    /// The first private key.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, TlsFileError> {
        PrivateKeyDer::from_pem_slice(&self.content).map_err(|error| match error {
            PemError::NoItemsFound => TlsFileError::NoKey {
                path: self.path.clone(),
                found: self.kind(),
            },
            _ => self.damaged(NO_PEM),
        })
    }

    /// Certificates to trust.
    pub fn roots(&self) -> Result<RootCertStore, TlsFileError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            let added = roots.add(certificate);
            added.map_err(|error| self.damaged(&error.to_string()))?;
        }
        Ok(roots)
    }

    /// That `key` is not of the certificate here.
    pub fn mismatch(&self, key: &Self, reason: &rustls::Error) -> TlsFileError {
        let reason = match reason {
            rustls::Error::InconsistentKeys(_) => "they are of different pairs".to_owned(),
            other => other.to_string(),
        };
        TlsFileError::Mismatch {
            certificate: self.path.clone(),
            key: key.path.clone(),
            reason,
        }
    }

    fn damaged(&self, reason: &str) -> TlsFileError {
        TlsFileError::Damaged {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    /// What it holds, if not what it should.
    fn kind(&self) -> &'static str {
        let holds = |mark: &str| {
            let mark = mark.as_bytes();
            self.content.windows(mark.len()).any(|part| part == mark)
        };
        if self.content.is_empty() {
            "nothing"
        } else if holds("ENCRYPTED") {
            "an encrypted key (`openssl pkey` takes the passphrase off)"
        } else if holds("PRIVATE KEY-----") {
            "a private key"
        } else if holds("BEGIN CERTIFICATE-----") {
            "a certificate"
        } else {
            "something else"
        }
    }
}
