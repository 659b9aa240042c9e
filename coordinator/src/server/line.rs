//! What carries the bytes of a connection: TCP, or TLS on it. Hands are shaken by whoever first reads or writes, which is
//! the connection's own task: no peer waits for another one's handshake.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bistable_worker::tls::{cause, explain};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{FallibleAccept, server::TlsStream};

use super::tls::Tls;

pub(super) enum Line {
    Plain(TcpStream),
    Shaking {
        handshake: Box<FallibleAccept<TcpStream>>,
        peer: Option<SocketAddr>,
    },
    Secure(Box<TlsStream<TcpStream>>),
    /// The handshake failed, and the peer was told why. It is listened to until it has heard that: to hang up on what it
    /// says would take our words back.
    Failed(TcpStream),
}

/// A line over which bytes may go.
pub(super) trait Open: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Open for T {}

impl Line {
    pub fn new(stream: TcpStream, tls: Option<&Tls>) -> Self {
        match tls {
            None => Self::Plain(stream),
            Some(tls) => Self::Shaking {
                peer: stream.peer_addr().ok(),
                handshake: Box::new(tls.acceptor().accept(stream).into_fallible()),
            },
        }
    }

    /// Where bytes may go, once hands are shaken. It takes several pieces at a time.
    pub fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Open>>> {
        if let Self::Shaking { handshake, peer } = self {
            *self = match ready!(Pin::new(handshake).poll(cx)) {
                Ok(stream) => Self::Secure(Box::new(stream)),
                Err((error, stream)) => {
                    tell(&error, *peer);
                    Self::Failed(stream)
                }
            };
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(Pin::new(stream)),
            Self::Secure(stream) => Ok(Pin::new(stream)),
            Self::Failed(stream) => Err(ready!(poll_end(stream, cx))),
            Self::Shaking { .. } => Err(io::ErrorKind::ConnectionAborted.into()),
        })
    }

    /// Says goodbye, if there is somebody to say it to.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Shaking { .. } | Self::Failed(_) => Poll::Ready(Ok(())),
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Waits until the peer hangs up.
fn poll_end(stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Error> {
    let end = || Poll::Ready(io::ErrorKind::ConnectionAborted.into());
    if ready!(Pin::new(&mut *stream).poll_shutdown(cx)).is_err() {
        return end();
    }
    let mut bytes = [0; 1024];
    loop {
        let mut unheard = ReadBuf::new(&mut bytes);
        let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut unheard));
        if read.is_err() || unheard.filled().is_empty() {
            return end();
        }
    }
}

/// Whoever only knocks is not worth a line.
fn tell(error: &io::Error, peer: Option<SocketAddr>) {
    let peer = peer.map_or_else(|| "somebody".to_owned(), |peer| peer.to_string());
    match cause(error) {
        Some(cause) => tracing::info!("no connection with {peer}: {}", explain(cause)),
        None => tracing::debug!(%error, "no connection with {peer}"),
    }
}
