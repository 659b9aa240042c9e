//! Which workers are let in.

use bistable_common::wire::{
    PROTOCOL,
    v1::{self, SweepState},
};
use tonic::Code;

use crate::support::{Worker, World, hello, sweep};

#[tokio::test]
async fn foreign_numerics_are_refused_and_it_is_said_whom_to_restart() {
    let world = World::of(&sweep(1, 1)).await;
    let foreign = v1::Hello {
        numerics: vec![8; 32].into(),
        ..hello("w")
    };
    let refused = refusal(&world, foreign).await;
    assert!(refused.contains("numerics differ"), "{refused}");
    assert!(
        refused.contains("restart worker `w` on `host` (build `test`)"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_protocol_may_be_one_version_apart() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    for protocol in [0, PROTOCOL - 2, PROTOCOL + 2, u32::MAX] {
        let hello = v1::Hello {
            protocol,
            ..hello("w")
        };
        let refused = refusal(&world, hello).await;
        assert!(refused.contains("one apart"), "{refused}");
        assert!(refused.contains("restart worker `w`"), "{refused}");
    }
    for protocol in PROTOCOL - 1..=PROTOCOL + 1 {
        let world = World::of(&sweep).await;
        let hello = v1::Hello {
            protocol,
            ..hello("w")
        };
        let worker = Worker::join(world.work(), hello).await;
        worker.expect("a welcome").work_once(&sweep).await;
        assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
    }
}

/// What the coordinator says to a hello that it does not agree to.
async fn refusal(world: &World, hello: v1::Hello) -> String {
    let refused = Worker::join(world.work(), hello).await.err();
    let refused = refused.expect("a refusal");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    refused.message().to_owned()
}
