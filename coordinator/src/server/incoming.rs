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
    time::{Sleep, sleep},
};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

use super::{
    line::{Line, Open},
    places::{Place, Places},
    tls::Tls,
};
use crate::monitor::{Counts, OpenConnection};

/// How long a connection may take to say that it speaks HTTP/2, shaking hands included.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// What it says: HTTP/2's preface.
const GREETING_BYTES: usize = 24;

/// How long to wait after the system gave no connection: its files may be used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The connections that `listener` gets and that have a place.
pub(super) fn connections(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    places: Places,
    counts: Counts,
) -> impl Stream<Item = io::Result<Connection>> {
    // An answer that waited for the acknowledgement of the one before would wait for a delayed one: 40 ms.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    paced(incoming).filter_map(move |stream| match stream {
        Ok(stream) => match places.take(stream.peer_addr().ok()) {
            Ok(place) => {
                let place = (place, counts.connection());
                Some(Ok(Connection::new(stream, tls.as_deref(), place)))
            }
            Err(full) => {
                counts.closed();
                tracing::warn!("{full}");
                None
            }
        },
        Err(error) => Some(Err(error)),
    })
}

/// Waits a while after each failure.
fn paced<T>(incoming: impl Stream<Item = io::Result<T>>) -> impl Stream<Item = io::Result<T>> {
    incoming.then(async |stream| {
        if stream.is_err() {
            sleep(ACCEPT_PAUSE).await;
        }
        stream
    })
}

/// A connection that ends unless it greets in time.
pub(super) struct Connection {
    peer: TcpConnectInfo,
    line: Line,
    greeting: Option<Greeting>,
    _place: (Place, OpenConnection),
}

struct Greeting {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(stream: TcpStream, tls: Option<&Tls>, place: (Place, OpenConnection)) -> Self {
        let greeting = Greeting {
            missing: GREETING_BYTES,
            deadline: Box::pin(sleep(GREETING_TIMEOUT)),
        };
        Self {
            peer: stream.connect_info(),
            line: Line::new(stream, tls),
            greeting: Some(greeting),
            _place: place,
        }
    }

    /// What carries the bytes, unless it is too late for a greeting.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Open>>> {
        if let Some(greeting) = &mut self.greeting
            && greeting.deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.line.poll_open(cx)
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
        ready!(ready!(self.poll_open(cx))?.poll_read(cx, buffer))?;
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
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock stands still but for what is waited for"
    )]
    async fn a_system_without_files_is_not_asked_at_once_again() {
        let full = || Err(io::Error::other("too many open files"));
        let accepted = tokio_stream::iter([full(), full(), Ok(1), Ok(2), full(), Ok(3)]);
        let began = Instant::now();
        let heard: Vec<_> = paced(accepted).collect().await;
        assert_eq!(heard.iter().flatten().sum::<i32>(), 6);
        assert_eq!(heard.len(), 6);
        assert_eq!(began.elapsed(), 3 * ACCEPT_PAUSE);
    }
}
