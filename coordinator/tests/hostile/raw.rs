//! Bytes on a socket, and the few frames of HTTP/2 that it takes to misuse it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{siege::PATIENCE, support::World};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame");
    let head = [
        &length.to_be_bytes()[1..],
        &[kind, flags],
        &stream.to_be_bytes(),
    ];
    [&head.concat(), payload].concat()
}

pub fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// The headers of a call, with nothing compressed.
fn headers(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    let mut block = vec![0x83, 0x86, 0x04];
    block.extend(text(path));
    block.push(0x01);
    block.extend(text("coordinator"));
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        block.push(0);
        block.extend(text(name));
        block.extend(text(value));
    }
    block
}

/// Opens a call that goes on.
pub fn call(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &headers(path))
}

/// Opens a call whose headers go on, and more and more of them.
pub fn endless_headers(stream: u32, pieces: usize) -> Vec<u8> {
    let mut bytes = frame(
        HEADERS,
        0,
        stream,
        &headers("/bistable.v1.WorkService/Beat"),
    );
    let mut piece = vec![0, 1, b'x', 100];
    piece.extend([b'y'; 100]);
    for _ in 0..pieces {
        bytes.extend(frame(CONTINUATION, 0, stream, &piece.repeat(100)));
    }
    bytes
}

/// Begins the headers of a call.
pub fn headers_begin(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, 0, stream, &headers(path))
}

/// Goes on with them, by one short header.
pub fn headers_go_on(stream: u32) -> Vec<u8> {
    frame(CONTINUATION, 0, stream, &[0, 1, b'x', 1, b'y'])
}

/// A piece of a call's messages.
pub fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, bytes)
}

/// The last piece.
pub fn last_data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, bytes)
}

/// A socket.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn connect(world: &World) -> Self {
        let stream = TcpStream::connect(world.server.addr()).await;
        Self(stream.expect("a connection"))
    }

    /// A connection that has said that it speaks HTTP/2.
    pub async fn greeted(world: &World) -> Self {
        let mut raw = Self::connect(world).await;
        assert!(raw.send(&[PREFACE, &settings()].concat()).await);
        raw
    }

    /// False if the other side has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(PATIENCE, self.0.write_all(bytes)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Sends bytes one by one, each some time after the other, until the other side closes, which it must.
    pub async fn trickle(mut self, bytes: &[u8], pace: Duration) {
        for byte in bytes {
            if !self.send(&[*byte]).await {
                return;
            }
            // The end, or a reset; what is said to us meanwhile is nothing to us.
            if let Ok(Ok(0) | Err(_)) = timeout(pace, self.0.read(&mut [0; 1 << 10])).await {
                return;
            }
        }
        self.closed().await;
    }

    /// Reads until the other side closes, which it must.
    pub async fn closed(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let closed = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        // A reset is an end like any other.
        let _ = closed.expect("the server closes");
        bytes
    }

    /// Reads what comes next, answering nothing.
    pub async fn read_some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 16];
        let read = timeout(PATIENCE, self.0.read(&mut bytes)).await;
        bytes.truncate(read.expect("something comes").unwrap_or(0));
        bytes
    }
}
