//! The simulated network, as servers and clients of gRPC see it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use bistable_worker::link::{Address, DEFAULT_PORT, NoConnection};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    codegen::http::Uri,
    transport::{Channel, server::Connected},
};
use turmoil::net::{TcpListener, TcpStream};

/// Where a host called `name` is reached.
pub fn url(name: &str) -> String {
    format!("http://{name}:{DEFAULT_PORT}")
}

/// Connects to another host.
pub async fn connect(address: &Address) -> Result<Channel, NoConnection> {
    let dial = tower::service_fn(|uri: Uri| async move {
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(DEFAULT_PORT);
        let stream = TcpStream::connect((host, port)).await?;
        Ok::<_, io::Error>(TokioIo::new(stream))
    });
    let connected = address.endpoint().connect_with_connector(dial).await;
    connected.map_err(|error| NoConnection(error.to_string()))
}

/// Whoever connects to this host, from now on.
pub async fn listen() -> io::Result<(SocketAddr, ReceiverStream<io::Result<Socket>>)> {
    let addr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
    let listener = TcpListener::bind(addr).await?;
    let (accepted, incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                biased;
                () = accepted.closed() => return,
                stream = listener.accept() => stream,
            };
            let socket = stream.map(|(stream, _)| Socket(stream));
            if accepted.send(socket).await.is_err() {
                return;
            }
        }
    });
    Ok((addr, ReceiverStream::new(incoming)))
}

/// A connection, as a server wants it.
pub struct Socket(TcpStream);

impl Connected for Socket {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
