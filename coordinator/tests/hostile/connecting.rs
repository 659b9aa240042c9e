//! Peers that do not speak the protocol, or speak it without end.

use std::time::Duration;

use super::{
    raw::{
        PING, PREFACE, RST_STREAM, Raw, call, data, endless_headers, frame, last_data, settings,
    },
    siege::Siege,
};

const BEAT: &str = "/bistable.v1.WorkService/Beat";
/// HTTP/2's error code for one stream too many.
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];

const REPORT: &str = "/bistable.v1.WorkService/Report";

#[tokio::test]
async fn other_protocols_are_closed() {
    let siege = Siege::begin().await;
    let hellos: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: coordinator\r\nUpgrade: h2c\r\n\r\n",
        // A TLS client's hello.
        &[
            0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        ],
        &[0; 4096],
        &[0xff; 4096],
        b"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame at all",
    ];
    for hello in hellos {
        let mut raw = Raw::connect(&siege.world).await;
        raw.send(hello).await;
        raw.closed().await;
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn connections_that_do_not_begin_are_closed() {
    let siege = Siege::begin().await;
    let silent = Raw::connect(&siege.world).await;
    let mut half = Raw::connect(&siege.world).await;
    half.send(&PREFACE[..20]).await;
    let slow = Raw::connect(&siege.world).await;
    let most = &PREFACE[..PREFACE.len() - 1];
    let trickle = slow.trickle(most, Duration::from_millis(300));
    tokio::join!(silent.closed(), half.closed(), trickle);
    siege.ends_well().await;
}

#[tokio::test]
async fn connections_that_stop_in_the_middle_of_a_frame_are_closed() {
    let siege = Siege::begin().await;
    let mut raw = Raw::greeted(&siege.world).await;
    let call = call(1, REPORT);
    raw.send(&call[..call.len() / 2]).await;
    // It answers no ping.
    raw.closed().await;
    siege.ends_well().await;
}

#[tokio::test]
async fn a_flood_of_connections_passes() {
    let siege = Siege::begin().await;
    let mut open = Vec::new();
    for number in 0..300 {
        let raw = match number % 3 {
            0 => Raw::connect(&siege.world).await,
            _ => Raw::greeted(&siege.world).await,
        };
        open.push(raw);
    }
    siege.world.another_connection().await;
    drop(open);
    siege.ends_well().await;
}

#[tokio::test]
async fn streams_without_number_are_refused() {
    let siege = Siege::begin().await;
    let mut raw = Raw::greeted(&siege.world).await;
    let mut opened = 0;
    for number in 0..5000 {
        if !raw.send(&call(1 + 2 * number, BEAT)).await {
            break;
        }
        opened += 1;
    }
    let heard = raw.closed().await;
    let refused = heard
        .windows(13)
        .any(|bytes| bytes[..5] == [0, 0, 4, RST_STREAM, 0] && bytes[9..] == REFUSED_STREAM);
    assert!(
        refused || opened < 5000,
        "more than its share of streams was taken"
    );
    siege.ends_well().await;
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_without_end_close_the_connection() {
    let siege = Siege::begin().await;
    let mut raw = Raw::greeted(&siege.world).await;
    for number in 0..5000 {
        let stream = 1 + 2 * number;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        if !raw.send(&[call(stream, BEAT), reset].concat()).await {
            break;
        }
    }
    raw.closed().await;
    siege.ends_well().await;
}

#[tokio::test]
async fn headers_and_frames_without_end_close_the_connection() {
    let siege = Siege::begin().await;
    let floods = [
        endless_headers(1, 2000),
        settings().repeat(200_000),
        frame(PING, 0, 0, &[0; 8]).repeat(200_000),
        frame(0x77, 0, 0, &[0; 16_000]).repeat(10),
    ];
    let mut closing = Vec::new();
    for flood in floods {
        let mut raw = Raw::greeted(&siege.world).await;
        closing.push(async move {
            raw.send(&flood).await;
            raw.closed().await;
        });
    }
    for closed in closing.into_iter().map(tokio::spawn).collect::<Vec<_>>() {
        closed.await.expect("it is closed");
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn messages_that_are_no_messages_get_a_status() {
    let siege = Siege::begin().await;
    let huge = [&[0][..], &u32::MAX.to_be_bytes(), b"and then little"].concat();
    let bodies: [&[u8]; 6] = [
        b"",
        b"\0\0\0\0\x05\xff\xff\xff\xff\xff",
        b"\x01\0\0\0\x01\0",
        b"\x07\0\0\0\x01\0",
        b"\0\0\0",
        &huge,
    ];
    for body in bodies {
        let mut raw = Raw::greeted(&siege.world).await;
        raw.send(&[call(1, REPORT), last_data(1, body)].concat())
            .await;
        let mut heard = Vec::new();
        while !contains(&heard, b"grpc-status")
            && !heard.windows(4).any(|w| w == [0x40, 0x88, 0x9a, 0xca])
        {
            let more = raw.read_some().await;
            assert!(!more.is_empty(), "closed without a status: {heard:?}");
            heard.extend(more);
        }
    }
    let mut slow = Raw::greeted(&siege.world).await;
    slow.send(&call(1, REPORT)).await;
    for byte in b"\0\0\0\xff\xff" {
        slow.send(&data(1, &[*byte])).await;
    }
    siege.ends_well().await;
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
