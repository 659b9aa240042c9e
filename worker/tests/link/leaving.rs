//! How a worker leaves.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time;

use crate::{
    fake::{Fake, soon},
    runner::{BEGUN, END, Fate},
    scene::{TOKEN, Worker, at_work, handed_back, lease},
};

#[tokio::test]
async fn a_leaving_worker_reports_what_is_done_and_hands_back_the_rest() {
    let (mut fake, mut worker, mut session) = at_work(|block| {
        if block == 0 {
            Fate::Done
        } else {
            Fate::Endless
        }
    })
    .await;
    lease(&session, TOKEN, 0..3).await;
    let report = fake.report().await;
    assert_eq!(report.blocks(), [0]);
    worker.ask_to_leave();
    report.accept();
    assert_eq!(session.hear().await, handed_back(TOKEN));
    assert_eq!(session.hear().await, None, "it hangs up");
    drop(session);
    worker.end().await;
}

#[tokio::test]
async fn a_leaving_worker_finishes_the_unit_that_it_is_at() {
    let mut fake = Fake::start().await;
    let mut worker = Worker::with(
        &fake,
        |_| Fate::Awaited,
        |config| {
            config.finish = Duration::from_secs(3600);
        },
    );
    let mut session = fake.session().await;
    lease(&session, TOKEN, 0..3).await;
    soon(BEGUN.notified()).await;
    worker.ask_to_leave();
    // It takes nothing new,
    lease(&session, [2; 16], 9..10).await;
    assert_eq!(session.hear().await, handed_back([2; 16]));
    // ends what it is at, and leaves the rest.
    END.store(true, Ordering::Relaxed);
    let report = fake.report().await;
    assert_eq!(report.blocks(), [0]);
    report.accept();
    assert_eq!(session.hear().await, handed_back(TOKEN));
    drop(session);
    worker.end().await;
}

#[tokio::test]
async fn a_worker_says_how_long_it_will_work_and_then_leaves() {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut fake = Fake::start().await;
    let worker = Worker::with(
        &fake,
        |_| Fate::Endless,
        |config| {
            config.hand_in = Duration::from_secs(50);
            config.max_runtime = Some(config.hand_in + HOUR);
        },
    );
    let mut session = fake.session().await;
    let remaining = session.hello.remaining_ms.map(Duration::from_millis);
    assert!(remaining.is_some_and(|time| time <= HOUR), "{remaining:?}");
    lease(&session, TOKEN, 0..3).await;
    let mut beat = fake.beat().await;
    while beat.next().await.tokens != [TOKEN.to_vec()] {}
    time::pause();
    time::advance(HOUR).await;
    time::resume();
    assert_eq!(session.hear().await, handed_back(TOKEN));
    assert_eq!(session.hear().await, None, "it hangs up");
    drop(session);
    worker.ended().await.expect("a polite end");
}

#[tokio::test]
async fn a_worker_without_time_to_work_says_so() {
    let fake = Fake::start().await;
    let worker = Worker::with(
        &fake,
        |_| Fate::Done,
        |config| {
            config.max_runtime = Some(config.hand_in);
        },
    );
    let error = worker.ended().await.expect_err("an error");
    assert!(error.to_string().contains("--max-runtime"), "{error}");
}
