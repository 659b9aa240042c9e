//! Peers that take all the time in the world: headers, messages and calls that go on for ever.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bistable_coordinator::server::Doors;
use http_body::Frame;
use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Bytes, Service,
        http::{Request, Response},
    },
    transport::Channel,
};

use super::{
    raw::{PREFACE, Raw, call, headers_begin, headers_go_on, settings},
    siege::{PATIENCE, Siege},
};

const REPORT: &str = "/bistable.v1.WorkService/Report";

/// Calls on a connection at a time.
const STREAMS: usize = 200;

/// So long a server waits for a message that does not come.
fn hasty() -> Doors {
    Doors {
        message_timeout: Duration::from_secs(2),
        ..Doors::default()
    }
}

/// A body of pieces, as they come.
struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Calls `path` with a body of pieces, and returns what it is refused with.
async fn refused(mut channel: Channel, path: &str, pieces: mpsc::Receiver<Bytes>) -> Status {
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Pieces(pieces)))
        .expect("a request");
    let answered = async {
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
        channel.call(request).await
    };
    let answer: Result<Response<Body>, _> = tokio::time::timeout(PATIENCE, answered)
        .await
        .expect("an answer in time");
    let answer = answer.expect("the connection goes on");
    Status::from_header_map(answer.headers()).expect("a refusal")
}

/// Sends `first` and then a byte again and again, until nobody wants more.
fn trickle(first: &'static [u8]) -> mpsc::Receiver<Bytes> {
    let (send, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut piece = Bytes::from_static(first);
        while send.send(piece).await.is_ok() {
            piece = Bytes::from_static(&[7]);
            sleep(Duration::from_millis(100)).await;
        }
    });
    pieces
}

#[tokio::test]
async fn headers_that_never_end_close_the_connection() {
    let siege = Siege::begin().await;
    let mut raw = Raw::greeted(&siege.world).await;
    assert!(raw.send(&headers_begin(1, REPORT)).await);
    // Each piece is a whole frame: the connection never falls silent, and answers no ping because it may not.
    let end = async {
        while raw.send(&headers_go_on(1)).await {
            sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, end)
        .await
        .expect("the server closes");
    siege.ends_well().await;
}

#[tokio::test]
async fn messages_that_trickle_are_refused() {
    let siege = Siege::guarded(hasty()).await;
    // Much and little is announced.
    let beginnings: [&'static [u8]; 2] = [&[0, 0, 200, 0, 0], &[0, 0, 0, 1, 0, 8]];
    let mut calls = JoinSet::new();
    let channel = siege.world.another_connection().await;
    for first in beginnings {
        for path in [REPORT, "/bistable.v1.SweepService/SubmitSweep"] {
            calls.spawn(refused(channel.clone(), path, trickle(first)));
        }
    }
    while let Some(status) = calls.join_next().await {
        let status = status.expect("no panic");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        assert!(status.message().contains("took too long"), "{status:?}");
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn calls_that_are_opened_to_the_cap_and_never_closed_end() {
    let siege = Siege::guarded(hasty()).await;
    let channel = siege.world.another_connection().await;
    let (mut open, mut calls) = (Vec::new(), JoinSet::new());
    // The last of them waits for a place on the connection, and then for its own end.
    for _ in 0..STREAMS + 1 {
        let (send, pieces) = mpsc::channel(1);
        open.push(send);
        calls.spawn(refused(channel.clone(), REPORT, pieces));
    }
    while let Some(status) = calls.join_next().await {
        let status = status.expect("no panic");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn a_message_of_ten_gigabytes_is_refused_at_once() {
    let siege = Siege::begin().await;
    // The longest length that a message can have is four; more is no message.
    let (send, pieces) = mpsc::channel(1);
    send.send(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]))
        .await
        .expect("room");
    let status = refused(siege.world.channel(), REPORT, pieces).await;
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert!(
        status.message().contains("16777216"),
        "it names the limit: {status:?}"
    );
    siege.ends_well().await;
}

#[tokio::test]
async fn messages_that_do_not_end_have_so_much_memory_together() {
    let siege = Siege::guarded(Doors {
        unfinished_bytes: 4 << 20,
        ..Doors::default()
    });
    let siege = siege.await;
    let (mut open, mut calls) = (Vec::new(), JoinSet::new());
    // Each announces eight megabytes and sends three, which one of them may.
    for _ in 0..2 {
        let (send, pieces) = mpsc::channel(4);
        let begun = [&[0, 0, 0x80, 0, 0][..], &vec![7; 3 << 20]].concat();
        send.send(begun.into()).await.expect("room");
        open.push(send);
        calls.spawn(refused(
            siege.world.another_connection().await,
            REPORT,
            pieces,
        ));
    }
    let status = calls.join_next().await.expect("a call").expect("no panic");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains("long messages"), "{status:?}");
    let told = status.metadata().contains_key("grpc-retry-pushback-ms");
    assert!(told, "it says when to come again: {status:?}");
    assert!(calls.try_join_next().is_none(), "the other one goes on");
    calls.abort_all();
    drop(open);
    siege.ends_well().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_its_place_is_free_again() {
    // The siege's own takes one.
    let doors = Doors {
        connections: 4,
        ..Doors::default()
    };
    let siege = Siege::guarded(doors).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::greeted(&siege.world).await;
        assert!(!raw.read_some().await.is_empty(), "it is served");
        held.push(raw);
    }
    let mut late = Raw::connect(&siege.world).await;
    late.send(&[PREFACE, &settings(), &call(1, REPORT)].concat())
        .await;
    assert!(late.closed().await.is_empty(), "it is not");
    held.pop();
    let served = async {
        loop {
            let mut next = Raw::connect(&siege.world).await;
            next.send(&[PREFACE, &settings()].concat()).await;
            if !next.read_some().await.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, served)
        .await
        .expect("a place");
    drop(held);
    siege.ends_well().await;
}
