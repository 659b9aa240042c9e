//! Peers that do not shake hands, or not to the end, with a coordinator that asks for certificates.

use std::{sync::Arc, time::Duration};

use bistable_worker::{link::Credentials, tls};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    certificates::{Authority, Good, HERE, Pair, PairFiles, self_signed},
    raw::{PREFACE, Raw, settings},
    siege::{PATIENCE, Siege},
    support::Secured,
};

/// A coordinator that asks for certificates, under siege.
struct Gate {
    siege: Siege,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Gate {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new("ours");
        let write = |pair: Pair, name| pair.write(folder.path(), name);
        let PairFiles { certificate, key } = write(authority.signs(HERE, Good::Now), "server");
        let client = write(authority.signs("client", Good::Now), "client");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).expect("a file");
        let siege = Siege::behind(Secured {
            server: bistable_coordinator::server::TlsFiles {
                certificate,
                key,
                client_ca: Some(ca.clone()),
            },
            client: Credentials {
                tls_ca: Some(ca),
                tls_cert: Some(client.certificate),
                tls_key: Some(client.key),
                ..Credentials::default()
            },
        });
        Self {
            siege: siege.await,
            authority,
            folder,
        }
    }

    async fn knock(&self) -> Raw {
        Raw::connect(&self.siege.world).await
    }

    /// Shakes hands, and shows this certificate if there is one.
    async fn shake(&self, shows: Option<&Pair>) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.config(shows);
        let name = ServerName::try_from(HERE).expect("a name");
        let Raw(stream) = self.knock().await;
        TlsConnector::from(config).connect(name, stream).await
    }

    fn config(&self, shows: Option<&Pair>) -> Arc<ClientConfig> {
        let ca = tls::Pem::read(&self.folder.path().join("ca.pem")).expect("a file");
        let builder = tls::client().with_root_certificates(ca.roots().expect("an authority"));
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let files = pair.write(self.folder.path(), "other");
                let [certificate, key] = [files.certificate, files.key]
                    .map(|file| tls::Pem::read(&file).expect("a file"));
                let chain = certificate.certificates().expect("certificates");
                let pair = builder.with_client_auth_cert(chain, key.key().expect("a key"));
                pair.expect("a pair")
            }
        };
        config.alpn_protocols = vec![tls::H2.to_vec()];
        Arc::new(config)
    }

    /// What a client says first.
    fn hello(&self) -> Vec<u8> {
        let name = ServerName::try_from(HERE).expect("a name");
        let client = rustls::ClientConnection::new(self.config(None), name);
        let mut bytes = Vec::new();
        let mut client = client.expect("a client");
        client.write_tls(&mut bytes).expect("a hello");
        bytes
    }
}

/// Reads until the other side closes, which it must, having said nothing of substance.
async fn closed(stream: std::io::Result<TlsStream<TcpStream>>) {
    // The handshake's end is another matter on either side.
    let Ok(mut stream) = stream else { return };
    let _ = stream.write_all(&[PREFACE, &settings()].concat()).await;
    let mut heard = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    let _ = end.expect("the server closes");
    assert_eq!(heard, b"", "it spoke to a stranger");
}

#[tokio::test]
async fn who_does_not_shake_hands_is_closed() {
    let gate = Gate::begin().await;
    let hello = gate.hello();
    let mut wrong = hello.clone();
    wrong[5] ^= 0xff;
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: coordinator\r\n\r\n",
        &[PREFACE, &settings()].concat(),
        &[0; 4096],
        &[0xff; 4096],
        &wrong,
        // A record that announces more than there may be.
        &[0x16, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xff],
    ];
    for bytes in garbage {
        let mut raw = gate.knock().await;
        raw.send(bytes).await;
        raw.closed().await;
    }
    gate.siege.ends_well().await;
}

#[tokio::test]
async fn handshakes_that_stall_or_trickle_are_closed_and_delay_nobody() {
    let gate = Gate::begin().await;
    let hello = gate.hello();
    let silent = gate.knock().await;
    let mut half = gate.knock().await;
    half.send(&hello[..hello.len() / 2]).await;
    let mut unanswered = gate.knock().await;
    unanswered.send(&hello).await;
    let slow = gate.knock().await;
    let trickle = slow.trickle(&hello, Duration::from_millis(300));
    // Many more that wait, while somebody comes and is served.
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut raw = gate.knock().await;
        raw.send(&hello[..20]).await;
        waiting.push(raw);
    }
    gate.siege.world.another_connection().await;
    tokio::join!(silent.closed(), half.closed(), unanswered.closed(), trickle);
    drop(waiting);
    gate.siege.ends_well().await;
}

#[tokio::test]
async fn who_shakes_hands_and_is_silent_is_closed() {
    let gate = Gate::begin().await;
    let pair = gate.authority.signs("client", Good::Now);
    let mut silent = gate.shake(Some(&pair)).await.expect("a handshake");
    let mut heard = Vec::new();
    let end = timeout(PATIENCE, silent.read_to_end(&mut heard)).await;
    let _ = end.expect("the server closes");
    gate.siege.ends_well().await;
}

#[tokio::test]
async fn strangers_are_told_nothing() {
    let gate = Gate::begin().await;
    let ours = &gate.authority;
    let foreign = Authority::new("foreign");
    let strangers = [
        None,
        Some(ours.signs("client", Good::Before)),
        Some(ours.signs("client", Good::Later)),
        Some(foreign.signs("client", Good::Now)),
        // It calls itself as ours does.
        Some(Authority::new("ours").signs("client", Good::Now)),
        Some(self_signed("client")),
    ];
    for pair in strangers {
        closed(gate.shake(pair.as_ref()).await).await;
    }
    gate.siege.ends_well().await;
}
