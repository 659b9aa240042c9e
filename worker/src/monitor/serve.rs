//! The server: a request a connection, few connections at a time, and nobody may take long.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Watched,
    answer::{Answer, answer},
    process,
};

/// Connections at a time. More wait in the system's queue.
const MAX_CONNECTIONS: usize = 64;

/// How long a request may take to arrive,
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// and with its answer to be over.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest request.
const MAX_REQUEST_BYTES: usize = 16 << 10;

/// How long to wait after the system gave no connection: its files may be used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that says how a process is, until it is dropped.
#[derive(Debug)]
pub struct Monitor {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Monitor {
    /// Serves what `watched` says at `addr`; port 0 chooses one.
    pub async fn start(addr: SocketAddr, watched: Arc<dyn Watched>) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        tracing::info!("monitor on http://{addr}");
        let task = tokio::spawn(serve(listener, watched, process::now()));
        Ok(Self { addr, task })
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, watched: Arc<dyn Watched>, started: f64) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // Never closed.
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let watched = Arc::clone(&watched);
                tokio::spawn(async move {
                    let served = connection(stream, watched, started);
                    // Whoever is slow asks again.
                    let _ = timeout(CONNECTION_TIMEOUT, served).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "the monitor got no connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one request.
async fn connection(stream: TcpStream, watched: Arc<dyn Watched>, started: f64) {
    let service = service_fn(move |request: Request<Incoming>| {
        let watched = Arc::clone(&watched);
        async move { Ok::<Answer, Infallible>(answer(&request, &*watched, started).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(MAX_REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the monitor broke");
    }
}
