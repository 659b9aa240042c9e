//! A link between a worker and a coordinator: a proxy that can close what goes through it, or swallow it.

use std::net::SocketAddr;

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use crate::schedule::Direction;

/// What a link does with what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It passes it on.
    Open,
    /// It closes every connection.
    Cut,
    /// It keeps what goes this way, ends of connections included, until it is open again.
    Held(Direction),
}

impl Passage {
    fn lets_pass(self, way: Direction) -> bool {
        match self {
            Self::Open => true,
            Self::Cut => false,
            Self::Held(Direction::Both) => false,
            Self::Held(held) => held != way,
        }
    }
}

/// A link; it listens until this value goes.
pub struct Link {
    url: String,
    passage: watch::Sender<Passage>,
    task: JoinHandle<()>,
}

impl Link {
    /// An open link to the coordinator at `coordinator`.
    pub async fn to(coordinator: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (passage, seen) = watch::channel(Passage::Open);
        Self {
            url: format!("http://{address}"),
            passage,
            task: tokio::spawn(accept(listener, coordinator, seen)),
        }
    }

    /// Where the worker finds the coordinator.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }

    pub fn is_open(&self) -> bool {
        *self.passage.borrow() == Passage::Open
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, coordinator: SocketAddr, passage: watch::Receiver<Passage>) {
    while let Ok((worker, _)) = listener.accept().await {
        let mut seen = passage.clone();
        let passage = passage.clone();
        tokio::spawn(async move {
            tokio::select! {
                // The link is cut, or gone.
                _ = seen.wait_for(|passage| *passage == Passage::Cut) => {}
                // Errors are ends: both sides see their connections close.
                _ = carry(worker, coordinator, passage) => {}
            }
        });
    }
}

async fn carry(
    worker: TcpStream,
    coordinator: SocketAddr,
    passage: watch::Receiver<Passage>,
) -> io::Result<()> {
    let coordinator = TcpStream::connect(coordinator).await?;
    worker.set_nodelay(true)?;
    coordinator.set_nodelay(true)?;
    let (from_worker, to_worker) = worker.into_split();
    let (from_coordinator, to_coordinator) = coordinator.into_split();
    let up = pass_on(
        from_worker,
        to_coordinator,
        passage.clone(),
        Direction::ToCoordinator,
    );
    let down = pass_on(from_coordinator, to_worker, passage, Direction::ToWorker);
    tokio::try_join!(up, down)?;
    Ok(())
}

async fn pass_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut passage: watch::Receiver<Passage>,
    way: Direction,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).await;
        let open = passage.wait_for(|passage| passage.lets_pass(way)).await;
        open.map_err(io::Error::other)?;
        match count? {
            0 => return to.shutdown().await,
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}
