//! What becomes of a lease while its session lives, and when it is lost.

use std::collections::BTreeSet;

use bistable_common::wire::v1::{self, session_request as request, session_response as response};
use tonic::Status;

use crate::{
    fake::Fake,
    runner::{Fate, sweep},
    scene::{TOKEN, Worker, at_work, finished, lease, revoke},
};

#[tokio::test]
async fn a_lease_is_finished_only_after_its_reports_are_acknowledged() {
    let (mut fake, worker, mut session) = at_work(|_| Fate::Done).await;
    lease(&session, TOKEN, 3..4).await;
    for _ in 0..2 {
        let report = fake.report().await;
        assert_eq!(report.blocks(), [3]);
        report.refuse(Status::unavailable("not now"));
    }
    let report = fake.report().await;
    assert_eq!(report.blocks(), [3]);
    report.accept();
    assert_eq!(session.hear().await, finished(TOKEN));
    worker.end().await;
}

#[tokio::test]
async fn a_sweep_of_many_cells_reaches_its_worker() {
    let (mut fake, worker, session) = at_work(|_| Fate::Done).await;
    // Far beyond what gRPC takes unasked.
    let document = v1::SweepDocument {
        sweep: sweep().id().to_string(),
        canonical_json: sweep().to_canonical_json() + &" ".repeat(20 << 20),
    };
    session.say(response::Message::Sweep(document)).await;
    lease(&session, TOKEN, 3..4).await;
    let report = fake.report().await;
    assert_eq!(report.blocks(), [3]);
    report.accept();
    worker.end().await;
}

#[tokio::test]
async fn a_lost_session_loses_no_unit() {
    let (mut fake, worker, session) = at_work(|_| Fate::Done).await;
    lease(&session, TOKEN, 0..2).await;
    let unanswered = fake.report().await;
    drop(session);
    drop(unanswered);
    let mut session = fake.session().await;
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        let report = fake.report().await;
        seen.extend(report.blocks());
        report.accept();
    }
    assert_eq!(session.hear().await, finished(TOKEN));
    worker.end().await;
}

#[tokio::test]
async fn a_new_session_is_told_of_the_leases_still_held() {
    let (mut fake, worker, session) = at_work(|_| Fate::Endless).await;
    lease(&session, TOKEN, 0..1).await;
    fake.beat().await;
    drop(session);
    let mut session = fake.session().await;
    assert_eq!(session.hello.held, [TOKEN.to_vec()]);
    let mut beat = fake.beat().await;
    assert_eq!(beat.next().await.tokens, [TOKEN.to_vec()]);
    let revoked = vec![TOKEN.to_vec().into()];
    let answer = v1::BeatResponse {
        revoked,
        beat_interval_ms: 0,
    };
    beat.outbound.send(Ok(answer)).await.expect("a listener");
    // The thread is free again, so there is room for another lease.
    let next = session.next().await;
    assert!(
        matches!(next, Some(request::Message::Credit(_))),
        "{next:?}"
    );
    worker.end().await;
}

#[tokio::test]
async fn a_revoked_lease_stops_without_a_word() {
    let (mut fake, worker, mut session) = at_work(|block| {
        if block == 9 {
            Fate::Done
        } else {
            Fate::Endless
        }
    })
    .await;
    lease(&session, TOKEN, 0..1).await;
    revoke(&session, TOKEN).await;
    lease(&session, [2; 16], 9..10).await;
    fake.report().await.accept();
    assert_eq!(session.hear().await, finished([2; 16]));
    worker.end().await;
}

#[tokio::test]
async fn the_coordinator_says_how_often_to_beat() {
    let mut fake = Fake::start().await;
    let worker = Worker::start(&fake, |_| Fate::Done);
    let _session = fake.session_beating(u32::MAX).await;
    let mut beat = fake.beat().await;
    // The first opens the stream, the second follows at once; the third would take ten minutes.
    for _ in 0..2 {
        beat.next().await;
    }
    let sooner = v1::BeatResponse {
        revoked: vec![],
        beat_interval_ms: 10,
    };
    beat.outbound.send(Ok(sooner)).await.expect("a listener");
    beat.next().await;
    worker.end().await;
}

#[tokio::test]
async fn nonsense_ends_the_session_and_not_the_worker() {
    let (mut fake, worker, mut session) = at_work(|_| Fate::Done).await;
    lease(&session, TOKEN, 5..5).await;
    assert_eq!(session.hear().await, None);
    let session = fake.session().await;
    lease(&session, TOKEN, u32::MAX - 1..u32::MAX).await;
    let session = fake.session().await;
    lease(&session, TOKEN, 0..1).await;
    assert_eq!(fake.report().await.blocks(), [0]);
    worker.abort();
}
