//! Whom a worker works for, and who says no.

use bistable_common::{
    ids::Hash,
    wire::{
        PROTOCOL,
        v1::{self, session_request as request},
    },
};
use bistable_worker::link::LinkError;
use tonic::Status;

use crate::{
    fake::Fake,
    runner::Fate,
    scene::{TOKEN, Worker, at_work, finished, lease},
};

#[tokio::test]
async fn a_worker_says_who_it_is_and_asks_for_a_lease_a_thread() {
    let (_fake, worker, mut session) = at_work(|_| Fate::Done).await;
    assert_eq!(session.hello.protocol, PROTOCOL);
    assert_eq!(session.hello.slots, 1);
    assert_eq!(session.hello.numerics[..], Hash::of(b"scripted").0);
    let credit = request::Message::Credit(v1::Credit { leases: 1 });
    assert_eq!(session.next().await, Some(credit));
    worker.end().await;
}

#[tokio::test]
async fn a_worker_whose_token_is_unknown_ends_at_its_start_and_waits_later() {
    let unknown = || Status::unauthenticated("whose token is this?");
    let mut fake = Fake::start().await;
    let worker = Worker::start(&fake, |_| Fate::Done);
    fake.knock().await.refuse(unknown()).await;
    let ended = worker.ended().await;
    assert!(matches!(ended, Err(LinkError::Refused { reason, .. }) if reason.contains("whose")));

    let worker = Worker::start(&fake, |_| Fate::Done);
    let session = fake.session().await;
    let proof = session.hello.proof.clone();
    session.refuse(unknown()).await;
    fake.knock().await.refuse(unknown()).await;
    let session = fake.session().await;
    assert_eq!(
        (session.hello.proof.len(), &session.hello.proof),
        (16, &proof)
    );
    worker.end().await;
}

#[tokio::test]
async fn foreign_numerics_end_the_worker() {
    let mut fake = Fake::start().await;
    let worker = Worker::start(&fake, |_| Fate::Done);
    let session = fake.knock().await;
    session
        .refuse(Status::failed_precondition("your numerics differ"))
        .await;
    let error = worker.ended().await.expect_err("an error");
    assert!(
        error.to_string().contains("your numerics differ"),
        "{error}"
    );
}

#[tokio::test]
async fn a_coordinator_two_versions_ahead_ends_the_worker() {
    let mut fake = Fake::start().await;
    let worker = Worker::start(&fake, |_| Fate::Done);
    let session = fake.knock().await;
    session.welcome_in(PROTOCOL + 2).await;
    let error = worker.ended().await.expect_err("an error");
    assert!(error.to_string().contains("one apart"), "{error}");
    assert!(error.to_string().contains("restart this worker"), "{error}");
}

#[tokio::test]
async fn a_coordinator_of_the_next_or_the_last_version_is_worked_for() {
    for protocol in [PROTOCOL - 1, PROTOCOL + 1] {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.knock().await;
        session.welcome_in(protocol).await;
        lease(&session, TOKEN, 0..1).await;
        fake.report().await.accept();
        assert_eq!(session.hear().await, finished(TOKEN));
        worker.end().await;
    }
}

#[tokio::test]
async fn a_standby_is_asked_again() {
    let mut fake = Fake::start().await;
    let worker = Worker::start(&fake, |_| Fate::Done);
    let session = fake.knock().await;
    session.refuse(Status::unavailable("not the leader")).await;
    fake.session().await;
    worker.end().await;
}
