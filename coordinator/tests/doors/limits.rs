//! How much a client may ask for, and that others do not pay for one that asks for more.

use std::time::Duration;

use bistable_common::wire::{PUSHBACK_KEY, v1};
use bistable_coordinator::server::Doors;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::{
    calls::{answer, bearer, code, doors, folder, token},
    clock::{Standstill, pass},
    support::{World, sweep},
};

const LIST: &str = "/bistable.v1.SweepService/ListSweeps";

/// Calls until one is refused for their number; after how long another may be made.
async fn flood(world: &World, shown: &[u8]) -> Duration {
    for _ in 0..100 {
        let found = answer(world.channel(), LIST, Some(shown)).await;
        let found = found.expect("an answer");
        let Some(status) = Status::from_header_map(found.headers()) else {
            continue;
        };
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        let told = status.metadata().get(PUSHBACK_KEY).expect("a hint");
        let told = told.to_str().expect("ASCII").parse().expect("a number");
        return Duration::from_millis(told);
    }
    panic!("no flood is refused");
}

#[tokio::test]
async fn a_flood_is_refused_while_others_are_heard() {
    let tokens = folder();
    let slow = Doors {
        calls_per_second: 2,
        ..doors(&tokens)
    };
    let world = World::behind(slow, &sweep(1, 1)).await;
    let (flooding, other) = (bearer(&token("read")), bearer(&token("submit")));
    let now = Standstill::begin();
    let wait = flood(&world, &flooding).await;
    assert!(wait <= Duration::from_millis(500), "{wait:?}");
    assert_eq!(code(&world, LIST, Some(&other)).await, Code::Ok);
    assert_eq!(
        code(&world, "/grpc.health.v1.Health/Check", None).await,
        Code::Ok
    );
    drop(now);
    // The hint is right.
    pass(wait).await;
    assert_eq!(code(&world, LIST, Some(&flooding)).await, Code::Ok);
}

#[tokio::test]
async fn without_tokens_a_client_is_an_address() {
    let slow = Doors {
        calls_per_second: 1,
        ..Doors::default()
    };
    let world = World::behind(slow, &sweep(1, 1)).await;
    let _now = Standstill::begin();
    // Whatever is shown where nothing is asked for buys nothing.
    flood(&world, b"Bearer whatever").await;
    let other = code(&world, LIST, Some(b"Bearer something else")).await;
    assert_eq!(other, Code::ResourceExhausted);
}

#[tokio::test]
async fn messages_on_a_stream_count_and_those_beyond_the_share_wait() {
    let slow = Doors {
        calls_per_second: 1,
        ..Doors::default()
    };
    let world = World::behind(slow, &sweep(1, 1)).await;
    let (say, said) = mpsc::channel(64);
    let beat = || v1::BeatRequest {
        worker: "nobody".into(),
        tokens: vec![],
    };
    for _ in 0..60 {
        say.try_send(beat()).expect("room");
    }
    let answers = world.work().beat(ReceiverStream::new(said)).await;
    let mut answers = answers.expect("a heartbeat").into_inner();
    // They came together; what comes after them waits for a minute.
    for _ in 0..60 {
        answers.message().await.expect("no end").expect("an answer");
    }
    say.send(beat()).await.expect("a stream");
    let next = timeout(Duration::from_secs(1), answers.message()).await;
    assert!(next.is_err(), "it is not read yet: {next:?}");
    assert_eq!(code(&world, LIST, None).await, Code::ResourceExhausted);
}
