//! Units that conflict or fail for good are shown until they are retried.

use bistable_common::{
    sweep::Sweep,
    wire::v1::{self, Outcome, SweepState, session_request::Message as Say, unit_trouble::Trouble},
};
use tonic::{Code, Status};

use crate::{
    bits,
    support::{World, sweep},
    unit,
};

async fn estimates(world: &World, sweep: &Sweep) -> v1::QueryEstimatesResponse {
    let query = v1::QueryEstimatesRequest {
        id: sweep.id().to_string(),
        ..Default::default()
    };
    let answer = world.results().query_estimates(query).await;
    answer.expect("estimates").into_inner()
}

async fn retry(
    world: &World,
    sweep: &Sweep,
    units: Vec<v1::SweepUnit>,
) -> Result<v1::RetrySweepResponse, Status> {
    let id = sweep.id().to_string();
    let request = v1::RetrySweepRequest { id, units };
    Ok(world.sweeps().retry_sweep(request).await?.into_inner())
}

#[tokio::test]
async fn a_conflict_is_shown_until_its_unit_is_retried() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let (torn, whole) = (unit(&sweep, 0), unit(&sweep, 1));
    for (unit, distance) in [(whole, 0.5), (torn, 0.5), (torn, 0.25)] {
        let outcome = world.report(unit, bits(&sweep, unit, distance)).await;
        outcome.expect("report");
    }
    let shown = estimates(&world, &sweep).await;
    assert_eq!((shown.units_conflicting, shown.digest), (1, None));
    assert_eq!(shown.estimates[0].missing, 16);
    let trouble = &shown.troubles[0];
    assert_eq!(trouble.unit, Some(torn.into()));
    let Some(Trouble::Conflict(conflict)) = &trouble.trouble else {
        panic!("no conflict but {trouble:?}");
    };
    assert_eq!(conflict.results.len(), 2);
    assert_ne!(
        conflict.results[0].trajectory,
        conflict.results[1].trajectory
    );
    assert_eq!(world.status(&sweep).await.state(), SweepState::Stuck);

    // A unit without trouble is not put back, one that does not exist is refused.
    let named = |block| v1::SweepUnit {
        block,
        ..Default::default()
    };
    let retry = async |units| retry(&world, &sweep, units).await;
    assert_eq!(retry(vec![named(1)]).await.expect("retry").units, []);
    let refused = retry(vec![named(2)]).await.expect_err("no such unit");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("no unit 0/0/2"), "{refused}");

    let retried = retry(vec![]).await.expect("retry");
    assert_eq!(retried.units, [named(0)]);
    assert_eq!(
        retried.sweep.expect("a status").state(),
        SweepState::Running
    );
    let outcome = world.report(torn, bits(&sweep, torn, 0.25)).await;
    assert_eq!(outcome.expect("report"), Outcome::Accepted);
    let shown = estimates(&world, &sweep).await;
    assert!(shown.digest.is_some() && shown.troubles.is_empty());
    assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
}

#[tokio::test]
async fn a_unit_that_fails_everywhere_is_shown_with_what_its_worker_logged() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let mut worker = world.worker("w").await;
    for _ in 0..5 {
        worker.ask_for_work().await;
        let token = worker.lease().await.token;
        let failed = v1::UnitFailed {
            token: token.clone(),
            unit: Some(unit(&sweep, 0).into()),
            error: "12 GiB are needed".into(),
            kind: v1::FailureKind::Memory.into(),
            log: vec!["one".into(), "two".into()],
        };
        worker.say(Say::UnitFailed(failed)).await;
        worker.say(Say::Finished(v1::Finished { token })).await;
    }
    let stuck = world.settled(&sweep).await;
    assert_eq!(
        (stuck.state(), stuck.units_quarantined),
        (SweepState::Stuck, 1)
    );
    assert_eq!(stuck.last_error, "12 GiB are needed");
    let shown = estimates(&world, &sweep).await;
    let Some(Trouble::Quarantine(given_up)) = &shown.troubles[0].trouble else {
        panic!("no quarantine in {shown:?}");
    };
    assert_eq!(
        (given_up.attempts, given_up.kind()),
        (5, v1::FailureKind::Memory)
    );
    assert_eq!(given_up.log, ["one", "two"]);
    assert_eq!(given_up.hosts, ["host"]);

    retry(&world, &sweep, vec![]).await.expect("retry");
    assert_eq!(worker.work_once(&sweep).await, 1);
    assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
}
