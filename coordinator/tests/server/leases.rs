//! What becomes of leases when workers and coordinators come and go.

use std::time::Duration;

use bistable_common::{
    sweep::Sweep,
    wire::v1::{
        self, Outcome, SweepState, session_request::Message as Say,
        session_response::Message as Heard,
    },
};

use crate::{
    bits,
    clock::Standstill,
    support::{Worker, World, hello, sweep, units_of},
};

#[tokio::test]
async fn a_worker_hears_of_a_sweep_before_its_first_lease() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let mut worker = world.worker("w").await;
    worker.ask_for_work().await;
    let Some(Heard::Sweep(document)) = worker.hear().await.expect("a session") else {
        panic!("no document");
    };
    assert_eq!(
        Sweep::from_canonical_json(&document.canonical_json),
        Ok(sweep)
    );
    let Some(Heard::Lease(lease)) = worker.hear().await.expect("a session") else {
        panic!("no lease");
    };
    assert_eq!(lease.attempt, 1);
    assert_eq!(world.store.leases().expect("leases").len(), 1);
}

#[tokio::test]
async fn a_dropped_worker_s_lease_goes_to_the_next() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let (first, lost) = world.leased("first").await;
    let mut second = world.worker("second").await;
    second.ask_for_work().await;
    drop(first);
    let lease = second.lease().await;
    assert_eq!(lease.attempt, 2);
    assert_ne!(lease.token, lost.token);
    assert_eq!(
        (lease.first_block, lease.end_block),
        (lost.first_block, lost.end_block)
    );
    assert_eq!(
        world.store.failures(sweep.id()).expect("failures")[0].attempts,
        1
    );
}

#[tokio::test]
async fn a_silent_worker_is_lost_but_its_late_report_counts() {
    let sweep = sweep(1, 1);
    let patience = Duration::from_secs(8);
    let world = World::with(&[&sweep], patience).await;
    let (mut silent, lost) = world.leased("silent").await;
    // Had the coordinator slept through all of it, the silence would be its own.
    let now = Standstill::begin();
    let moment = patience / 100;
    for _ in 0..=100 {
        now.pass(moment).await;
        world.status(&sweep).await;
    }
    drop(now);
    // The coordinator ends the session of a worker that stopped beating.
    assert_eq!(silent.hear().await.expect("a polite end"), None);
    let (_next, lease) = world.leased("next").await;
    assert_eq!(lease.attempt, 2);
    let late = units_of(&sweep, &lost).next().expect("a unit");
    let bits = bits(&sweep, late, 0.5);
    let outcome = world.report(late, bits.clone()).await;
    assert_eq!(outcome.expect("report"), Outcome::Accepted);
    let outcome = world.report(late, bits).await;
    assert_eq!(outcome.expect("report"), Outcome::Duplicate);
    assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
}

#[tokio::test]
async fn a_restarted_coordinator_goes_on_where_it_was() {
    let sweep = sweep(4, 2);
    let world = World::of(&sweep).await;
    let mut worker = world.worker("w").await;
    let mut units = worker.work_once(&sweep).await;
    worker.ask_for_work().await;
    let unfinished = worker.lease().await;
    let world = world.restarted().await;
    assert_eq!(worker.hear().await.expect("a polite end"), None);
    assert_eq!(world.status(&sweep).await.units_done, units as u64);
    assert_eq!(world.store.leases().expect("leases").len(), 1);
    // The worker comes back without its lease: nobody waits for that to expire.
    let mut worker = world.worker("w").await;
    while units < 8 {
        units += worker.work_once(&sweep).await;
    }
    let status = world.status(&sweep).await;
    assert_eq!(status.state(), SweepState::Complete);
    let late = units_of(&sweep, &unfinished).next().expect("a unit");
    let outcome = world.report(late, bits(&sweep, late, 0.5)).await;
    assert_eq!(outcome.expect("report"), Outcome::Duplicate);
}

#[tokio::test]
async fn a_worker_keeps_its_lease_through_a_restart() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let (_before, lease) = world.leased("w").await;
    assert_eq!((lease.first_block, lease.end_block), (0, 2));
    let world = world.restarted().await;
    // Somebody who is there first does not get what its worker may yet bring.
    let mut other = world.worker("other").await;
    other.ask_for_work().await;
    let unknown = vec![9; 16];
    let back = v1::Hello {
        held: vec![lease.token.clone(), unknown.clone().into()],
        ..hello("w")
    };
    let mut worker = Worker::join(world.work(), back).await.expect("join");
    let revoked = worker.hear().await.expect("a session");
    assert_eq!(
        revoked,
        Some(Heard::Revoke(v1::Revoke {
            token: unknown.into()
        }))
    );
    assert_eq!(world.status(&sweep).await.units_leased, 2);

    // It hands the lease back under its old token, and only now the other one gets it.
    let token = lease.token;
    worker
        .say(Say::HandBack(v1::HandBack {
            token: token.clone(),
        }))
        .await;
    let again = other.lease().await;
    assert_ne!(again.token, token);
    assert_eq!(again.attempt, 1, "nothing failed");
}

#[tokio::test]
async fn cancelling_reaches_the_worker_on_both_streams() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let (mut worker, lease) = world.leased("w").await;
    let token = lease.token;
    let (beats, beating) = tokio::sync::mpsc::channel(4);
    let beat = || v1::BeatRequest {
        worker: "w".into(),
        tokens: vec![token.clone()],
    };
    beats.send(beat()).await.expect("room");
    let stream = tokio_stream::wrappers::ReceiverStream::new(beating);
    let answers = world.work().beat(stream).await.expect("beat");
    let mut answers = answers.into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    assert!(answer.revoked.is_empty());
    world.cancel(&sweep).await;
    let Some(Heard::Revoke(revoke)) = worker.hear().await.expect("a session") else {
        panic!("no revocation");
    };
    assert_eq!(revoke.token, token);
    beats.send(beat()).await.expect("room");
    let answer = answers.message().await.expect("an answer").expect("one");
    assert_eq!(answer.revoked, [token]);
    assert_eq!(world.status(&sweep).await.state(), SweepState::Cancelled);
}
