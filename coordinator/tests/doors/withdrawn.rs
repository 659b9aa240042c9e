//! Tokens that come and go while the server runs.

use std::{
    fs,
    time::{Duration, Instant},
};

use bistable_common::wire::v1;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status, metadata::MetadataValue};

use crate::{
    calls::{bearer, code, doors, folder, token, write},
    clock::pass,
    support::{World, hello, sweep},
};

const LIST: &str = "/bistable.v1.SweepService/ListSweeps";

/// Far above what noticing a change takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets time pass until a call with the token has the wanted end; the server looks at its files from time to time.
#[expect(
    clippy::disallowed_methods,
    reason = "how long files take is not a matter of the time that passes here"
)]
async fn until(world: &World, token: &str, wanted: Code) {
    let began = Instant::now();
    while code(world, LIST, Some(&bearer(token))).await != wanted {
        assert!(began.elapsed() < PATIENCE, "it never became {wanted:?}");
        pass(Duration::from_millis(100)).await;
    }
}

fn shown<T>(message: T, role: &str) -> Request<T> {
    let mut request = Request::new(message);
    let token = format!("Bearer {}", token(role));
    let token: MetadataValue<_> = token.parse().expect("ASCII");
    request.metadata_mut().insert("authorization", token);
    request
}

/// How a stream ends.
async fn end_of<T>(mut stream: tonic::Streaming<T>) -> Status {
    let end = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended without a reason"),
                Err(status) => return status,
            }
        }
    };
    tokio::time::timeout(PATIENCE, end).await.expect("an end")
}

#[tokio::test]
async fn tokens_are_added_and_removed() {
    let tokens = folder();
    let world = World::behind(doors(&tokens), &sweep(1, 1)).await;
    let (old, new) = (token("read"), "new-token-0123456789abcdef");
    assert_eq!(
        code(&world, LIST, Some(&bearer(new))).await,
        Code::Unauthenticated
    );
    write(tokens.path(), "read", &["# both", &old, new]);
    until(&world, new, Code::Ok).await;
    assert_eq!(code(&world, LIST, Some(&bearer(&old))).await, Code::Ok);
    write(tokens.path(), "read", &[new]);
    until(&world, &old, Code::Unauthenticated).await;
    assert_eq!(code(&world, LIST, Some(&bearer(new))).await, Code::Ok);
    // Another role, the same token.
    fs::remove_file(tokens.path().join("read")).expect("a file");
    write(tokens.path(), "worker", &[new]);
    until(&world, new, Code::PermissionDenied).await;
}

#[tokio::test]
async fn streams_end_with_their_token_and_others_do_not() {
    let tokens = folder();
    let sweep = sweep(2, 1);
    let world = World::behind(doors(&tokens), &sweep).await;
    let id = sweep.id().to_string();
    let says = |message| v1::SessionRequest {
        message: Some(message),
    };
    let silent = || tokio_stream::pending::<v1::SessionRequest>();
    let first = says(v1::session_request::Message::Hello(hello("w")));
    let session = shown(tokio_stream::once(first).chain(silent()), "worker");
    let session = world
        .work()
        .session(session)
        .await
        .expect("a session")
        .into_inner();
    let beats = tokio_stream::once(v1::BeatRequest {
        worker: "w".into(),
        tokens: vec![],
    });
    let beats = shown(beats.chain(tokio_stream::pending()), "worker");
    let beats = world
        .work()
        .beat(beats)
        .await
        .expect("a heartbeat")
        .into_inner();
    let watch = |role| shown(v1::WatchSweepRequest { id: id.clone() }, role);
    let withdrawn = world.sweeps().watch_sweep(watch("read")).await;
    let kept = world.sweeps().watch_sweep(watch("submit")).await;
    let mut kept = kept.expect("a watch").into_inner();
    kept.message().await.expect("a look");
    let upload = shown(tokio_stream::pending(), "submit");
    let mut work = world.work();
    let upload = tokio::spawn(async move { work.upload_data(upload).await });

    write(tokens.path(), "worker", &["another-worker-0123456789"]);
    fs::remove_file(tokens.path().join("read")).expect("a file");
    let ended = [
        end_of(session).await,
        end_of(beats).await,
        end_of(withdrawn.expect("a watch").into_inner()).await,
    ];
    for status in ended {
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        assert_eq!(status.message(), "the token was withdrawn");
    }
    // The worker is lost with its session: its name is free.
    let status = shown(v1::GetSweepRequest { id: id.clone() }, "submit");
    world
        .sweeps()
        .get_sweep(status)
        .await
        .expect("still welcome");
    let looks = tokio::time::timeout(Duration::from_millis(10), kept.message()).await;
    assert!(
        looks.is_err(),
        "nothing happened to the other watch: {looks:?}"
    );

    // A token that only loses a role ends what that role was needed for.
    write(tokens.path(), "read", &[&token("submit")]);
    write(tokens.path(), "submit", &["another-submit-0123456789"]);
    let upload = tokio::time::timeout(PATIENCE, upload)
        .await
        .expect("an end");
    let ended = upload.expect("no panic").expect_err("withdrawn");
    assert_eq!(ended.code(), Code::Unauthenticated, "{ended:?}");
    let looks = tokio::time::timeout(Duration::from_millis(10), kept.message()).await;
    assert!(looks.is_err(), "it may still read: {looks:?}");
}
