//! What becomes of results.

use bistable_common::{
    ids::{Hash, WorkerId},
    wire::v1::{self, Outcome, SweepState, session_request::Message as Say},
};
use bistable_coordinator::{board::Timestamp, store::UnitResult};
use tonic::Code;

use crate::{
    bits,
    support::{NUMERICS, World, hello, report, sweep, trajectory},
    unit,
};

#[tokio::test]
async fn each_report_is_told_what_became_of_it() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let first = unit(&sweep, 0);
    let bits = |distance| bits(&sweep, first, distance);
    let outcome = async |distance| world.report(first, bits(distance)).await.expect("report");
    assert_eq!(outcome(0.5).await, Outcome::Accepted);
    assert_eq!(outcome(0.5).await, Outcome::Duplicate);
    assert_eq!(world.status(&sweep).await.units_done, 1);
    assert_eq!(outcome(0.25).await, Outcome::Conflicting);
    let status = world.status(&sweep).await;
    assert_eq!((status.units_done, status.units_conflicting), (0, 1));

    let foreign = report(world.work(), vec![(first, bits(0.5))], Hash([8; 32])).await;
    assert_eq!(foreign.expect("report"), [Outcome::Stale]);
    world.cancel(&sweep).await;
    assert_eq!(outcome(0.5).await, Outcome::Stale);
    let unknown = self::sweep(7, 7);
    let stale = world.report(unit(&unknown, 0), vec![1]).await;
    assert_eq!(stale.expect("report"), Outcome::Stale);
}

#[tokio::test]
async fn garbage_is_refused_and_everybody_else_goes_on() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let first = unit(&sweep, 0);
    let good = trajectory(&sweep, first.key, 0.5);
    let mut short = good.clone();
    short.experiments.pop();
    for bytes in [b"garbage".to_vec(), vec![], short.encode()] {
        let refused = world.report(first, bytes).await.expect_err("a refusal");
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let beyond = world.report(unit(&sweep, 1), good.encode()).await;
    assert_eq!(beyond.expect_err("a refusal").code(), Code::InvalidArgument);

    let mut rude = world.worker("rude").await;
    rude.say(Say::Hello(hello("rude"))).await;
    let ended = rude.hear().await.expect_err("an error");
    assert_eq!(ended.code(), Code::InvalidArgument);
    let mut confused = world.worker("confused").await;
    let token = vec![1, 2, 3].into();
    confused.say(Say::Finished(v1::Finished { token })).await;
    let ended = confused.hear().await.expect_err("an error");
    assert_eq!(ended.code(), Code::InvalidArgument);

    let outcome = world.report(first, good.encode()).await;
    assert_eq!(outcome.expect("report"), Outcome::Accepted);
}

#[tokio::test]
async fn a_store_with_results_of_other_numerics_is_not_added_to() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let other = Hash([8; 32]);
    let world = {
        world
            .store
            .bind_numerics(sweep.id(), other)
            .expect("bind_numerics");
        let foreign = UnitResult {
            unit: unit(&sweep, 0),
            trajectory: bits(&sweep, unit(&sweep, 0), 0.5),
            numerics: other,
            build: "old".into(),
            worker: WorkerId("old".into()),
            compute_us: 1,
        };
        let now = Timestamp(2);
        world.store.record(&[foreign], now).expect("record");
        world.restarted().await
    };
    let status = world.status(&sweep).await;
    assert_eq!(status.state(), SweepState::Stuck);
    assert!(status.last_error.contains("numerics differ"), "{status:?}");
    let resume = v1::ResumeSweepRequest {
        id: sweep.id().to_string(),
    };
    let refused = world.sweeps().resume_sweep(resume).await;
    assert_eq!(
        refused.expect_err("a refusal").code(),
        Code::FailedPrecondition
    );
    let mine = unit(&sweep, 1);
    let reported = report(
        world.work(),
        vec![(mine, bits(&sweep, mine, 0.5))],
        NUMERICS,
    );
    assert_eq!(reported.await.expect("report"), [Outcome::Stale]);
}

#[tokio::test]
async fn concurrent_reports_are_all_answered() {
    let sweep = sweep(64, 1);
    let world = World::of(&sweep).await;
    let mut reports = tokio::task::JoinSet::new();
    for block in 0..64 {
        let unit = unit(&sweep, block);
        let bits = bits(&sweep, unit, 0.5);
        reports.spawn(report(world.work(), vec![(unit, bits)], NUMERICS));
    }
    let outcomes = reports.join_all().await;
    assert!(
        outcomes
            .into_iter()
            .all(|outcome| outcome.expect("report") == [Outcome::Accepted])
    );
    assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
}
