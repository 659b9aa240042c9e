//! Connections as they come: so many at a time, and none that does not shake hands, where there is TLS, and then begin to
//! speak HTTP/2. Those that stop speaking later are found by HTTP/2's own pings.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

use super::{line::Line, tls::Tls};

/// Connections at a time: several times a large fleet. One more is closed at once.
const MAX_CONNECTIONS: usize = 8192;

/// How long a connection may take to say that it speaks HTTP/2, shaking hands included.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// What it says: HTTP/2's preface.
const GREETING_BYTES: usize = 24;

/// How long to wait after the system gave no connection: its files may be used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The connections that `listener` gets.
pub(super) fn connections(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
) -> impl Stream<Item = io::Result<Connection>> {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // An answer that waited for the acknowledgement of the one before would wait for a delayed one: 40 ms.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let incoming = incoming.then(async |stream| {
        if stream.is_err() {
            sleep(ACCEPT_PAUSE).await;
        }
        stream
    });
    incoming.filter_map(
        move |stream| match (stream, Arc::clone(&free).try_acquire_owned()) {
            (Ok(stream), Ok(permit)) => Some(Ok(Connection::new(stream, tls.as_deref(), permit))),
            (Ok(_), Err(_)) => {
                tracing::warn!("more than {MAX_CONNECTIONS} connections: one is closed");
                None
            }
            (Err(error), _) => Some(Err(error)),
        },
    )
}

/// A connection that ends unless it greets in time.
pub(super) struct Connection {
    peer: TcpConnectInfo,
    line: Line,
    greeting: Option<Greeting>,
    _permit: OwnedSemaphorePermit,
}

struct Greeting {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(stream: TcpStream, tls: Option<&Tls>, permit: OwnedSemaphorePermit) -> Self {
        let greeting = Greeting {
            missing: GREETING_BYTES,
            deadline: Box::pin(sleep(GREETING_TIMEOUT)),
        };
        Self {
            peer: stream.connect_info(),
            line: Line::new(stream, tls),
            greeting: Some(greeting),
            _permit: permit,
        }
    }

    /// What carries the bytes, unless it is too late for a greeting.
    fn line(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut Line>> {
        if let Some(greeting) = &mut self.greeting
            && greeting.deadline.as_mut().poll(cx).is_ready()
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Pin::new(&mut self.line))
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.line(cx)?.poll_read(cx, buffer))?;
        if let Some(waiting) = &mut self.greeting {
            let read = buffer.filled().len() - before;
            waiting.missing = waiting.missing.saturating_sub(read);
            if waiting.missing == 0 {
                self.greeting = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.line(cx)?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line(cx)?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.line.is_write_vectored()
    }
}
