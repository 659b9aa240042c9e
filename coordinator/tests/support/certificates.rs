//! Authorities, and the certificates that they sign: good ones, and others.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

/// Whom the tests' server is.
pub const HERE: &str = "127.0.0.1";

/// When a certificate is good.
#[derive(Debug, Clone, Copy)]
pub enum Good {
    Now,
    Before,
    Later,
}

/// Someone who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// The files of a [`Pair`].
#[derive(Debug, Clone)]
pub struct PairFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = params(name, Good::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, pair());
        Self(issuer.expect("an authority"))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name`.
    pub fn signs(&self, name: &str, good: Good) -> Pair {
        let key = pair();
        let signed = params(name, good).signed_by(&key, &self.0);
        Pair {
            certificate: signed.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A certificate that nobody vouches for.
pub fn self_signed(name: &str) -> Pair {
    let key = pair();
    let signed = params(name, Good::Now).self_signed(&key);
    Pair {
        certificate: signed.expect("a certificate").pem(),
        key: key.serialize_pem(),
    }
}

fn pair() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn params(name: &str, good: Good) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    let (from, to) = match good {
        Good::Now => (2020, 3000),
        Good::Before => (2020, 2021),
        Good::Later => (3000, 3001),
    };
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

impl Pair {
    /// Writes it to files of `name`.
    pub fn write(&self, folder: &Path, name: &str) -> PairFiles {
        let files = PairFiles {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        replace(&files.certificate, &self.certificate);
        replace(&files.key, &self.key);
        files
    }
}

/// Writes a file at once, as those who renew certificates do.
pub fn replace(path: &Path, content: &str) {
    let next = path.with_extension("next");
    fs::write(&next, content).expect("a file");
    fs::rename(&next, path).expect("a file");
}
