//! How results and failures are reported.

use std::collections::BTreeSet;

use bistable_common::wire::{
    PUSHBACK_KEY,
    v1::{FailureKind, session_request as request},
};
use tonic::Status;

use crate::{
    runner::Fate,
    scene::{TOKEN, at_work, finished, handed_back, lease},
};

#[tokio::test]
async fn units_that_are_ready_together_travel_together_each_once() {
    let (mut fake, worker, mut session) = at_work(|_| Fate::Done).await;
    lease(&session, TOKEN, 0..1000).await;
    let (mut seen, mut calls) = (Vec::new(), 0);
    while seen.len() < 1000 {
        let report = fake.report().await;
        assert!(report.blocks().len() <= 256);
        seen.extend(report.blocks());
        calls += 1;
        report.accept();
    }
    assert_eq!(seen, Vec::from_iter(0..1000));
    assert!(calls < 500, "{calls} calls");
    assert_eq!(session.hear().await, finished(TOKEN));
    worker.end().await;
}

#[tokio::test]
async fn a_worker_that_calls_too_often_keeps_its_results_and_tries_again() {
    let (mut fake, worker, mut session) = at_work(|_| Fate::Done).await;
    lease(&session, TOKEN, 0..1).await;
    let first = fake.report().await;
    let blocks = first.blocks();
    let mut later = Status::resource_exhausted("too often");
    let told = "300".parse().expect("ASCII");
    later.metadata_mut().insert(PUSHBACK_KEY, told);
    first.refuse(later);
    let again = fake.report().await;
    assert_eq!(again.blocks(), blocks);
    again.accept();
    assert_eq!(session.hear().await, finished(TOKEN));
    worker.end().await;
}

#[tokio::test]
async fn one_refused_result_does_not_take_others_with_it() {
    let (mut fake, worker, mut session) = at_work(|_| Fate::Done).await;
    lease(&session, TOKEN, 0..4).await;
    let mut accepted = BTreeSet::new();
    while accepted.len() < 3 {
        let report = fake.report().await;
        if report.blocks().contains(&2) {
            report.refuse(Status::invalid_argument("block 2 makes no sense"));
        } else {
            accepted.extend(report.blocks());
            report.accept();
        }
    }
    let Some(request::Message::UnitFailed(failure)) = session.hear().await else {
        panic!("not a failure");
    };
    assert_eq!(failure.kind(), FailureKind::Refused);
    assert_eq!(failure.unit.map(|unit| unit.block), Some(2));
    assert_eq!(session.hear().await, finished(TOKEN));
    worker.end().await;
}

#[tokio::test]
async fn a_panic_fails_its_unit_and_the_rest_goes_on() {
    let (mut fake, worker, mut session) =
        at_work(|block| if block == 1 { Fate::Panics } else { Fate::Done }).await;
    lease(&session, TOKEN, 0..3).await;
    let Some(request::Message::UnitFailed(failure)) = session.hear().await else {
        panic!("not a failure");
    };
    assert_eq!(failure.kind(), FailureKind::Panic);
    assert_eq!(failure.unit.map(|unit| unit.block), Some(1));
    assert!(
        failure.error.contains("block 1 is cursed"),
        "{}",
        failure.error
    );
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let report = fake.report().await;
        seen.extend(report.blocks());
        report.accept();
    }
    assert_eq!(seen, [0, 2]);
    assert_eq!(session.hear().await, finished(TOKEN));
    worker.end().await;
}

#[tokio::test]
async fn a_lease_that_only_fails_goes_back() {
    let (_fake, worker, mut session) = at_work(|_| Fate::Unfit).await;
    lease(&session, TOKEN, 0..1000).await;
    let mut failed = Vec::new();
    let end = loop {
        match session.hear().await {
            Some(request::Message::UnitFailed(failure)) => {
                assert_eq!(failure.kind(), FailureKind::Data);
                failed.push(failure.unit.expect("a unit").block);
            }
            other => break other,
        }
    };
    assert_eq!(end, handed_back(TOKEN));
    assert!(!failed.is_empty() && failed.len() < 1000);
    assert_eq!(failed, Vec::from_iter(0..failed.len() as u32));
    worker.end().await;
}
