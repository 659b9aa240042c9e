//! Everything that can become of a unit is counted.

use bistable_common::{
    ids::{Hash, UnitId},
    sweep::Sweep,
    wire::v1::{self, Outcome, session_request::Message as Say},
};
use bistable_worker::monitor::Monitor;

use crate::{
    of_coordinator, of_worker,
    scrape::Scrape,
    support::{Worker, World, hello, key, report, sweep, trajectory},
};

fn unit(sweep: &Sweep, block: u32) -> UnitId {
    UnitId {
        sweep: sweep.id(),
        key: key(0, 0, block),
    }
}

fn look(monitor: &Monitor) -> Scrape {
    let scrape = Scrape::of(&monitor.addr().to_string());
    scrape.check();
    scrape
}

/// Reports by what became of them.
fn reports(scrape: &Scrape) -> [f64; 4] {
    ["accepted", "duplicate", "conflicting", "stale"]
        .map(|outcome| scrape.value(&format!("bistable_reports_total{{outcome=\"{outcome}\"}}")))
}

/// Units by state.
fn units(scrape: &Scrape) -> [f64; 5] {
    ["done", "leased", "pending", "quarantined", "conflicting"]
        .map(|state| scrape.value(&format!("bistable_units{{state=\"{state}\"}}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_counted_by_what_became_of_them() {
    let sweep = sweep(3, 1);
    let world = World::of(&sweep).await;
    let monitor = of_coordinator(&world).await;
    assert_eq!(reports(&look(&monitor)), [0.0; 4]);
    let bytes = |distance| trajectory(&sweep, unit(&sweep, 0).key, distance).encode();
    let say = async |bytes| {
        world
            .report(unit(&sweep, 0), bytes)
            .await
            .expect("an answer")
    };
    assert_eq!(say(bytes(0.5)).await, Outcome::Accepted);
    assert_eq!(say(bytes(0.5)).await, Outcome::Duplicate);
    assert_eq!(say(bytes(0.5)).await, Outcome::Duplicate);
    // The board heard of it before the answer.
    assert_eq!(units(&look(&monitor)), [1.0, 0.0, 2.0, 0.0, 0.0]);
    assert_eq!(say(bytes(0.25)).await, Outcome::Conflicting);
    let other = unit(&sweep, 1);
    let foreign = vec![(other, trajectory(&sweep, other.key, 0.5).encode())];
    let foreign = report(world.work(), foreign, Hash([9; 32])).await;
    assert_eq!(foreign.expect("an answer"), [Outcome::Stale]);
    let scrape = look(&monitor);
    assert_eq!(reports(&scrape), [1.0, 2.0, 1.0, 1.0]);
    assert_eq!(units(&scrape), [0.0, 0.0, 2.0, 0.0, 1.0]);
    let commits = "bistable_commit_seconds_count{what=\"results\"}";
    assert_eq!(scrape.value(commits), 5.0);
    assert_eq!(scrape.sum("bistable_failed_commits_total"), 0.0);
    // Nobody here ever had a session.
    assert_eq!(scrape.named("bistable_worker_units_total").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_until_a_unit_is_given_up() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let monitor = of_coordinator(&world).await;
    let mut worker = world.worker("w").await;
    for _ in 0..5 {
        worker.ask_for_work().await;
        let token = worker.lease().await.token;
        assert_eq!(units(&look(&monitor)), [0.0, 1.0, 0.0, 0.0, 0.0]);
        let failed = v1::UnitFailed {
            token: token.clone(),
            unit: Some(unit(&sweep, 0).into()),
            error: "12 GiB are needed".into(),
            kind: v1::FailureKind::Memory.into(),
            log: vec![],
        };
        worker.say(Say::UnitFailed(failed)).await;
        worker.say(Say::Finished(v1::Finished { token })).await;
    }
    world.settled(&sweep).await;
    let scrape = look(&monitor);
    assert_eq!(units(&scrape), [0.0, 0.0, 0.0, 1.0, 0.0]);
    let attempts = "bistable_failed_attempts_total{kind=\"memory\"}";
    assert_eq!(scrape.value(attempts), 5.0);
    assert_eq!(scrape.sum("bistable_failed_attempts_total"), 5.0);
    assert_eq!(scrape.value("bistable_units_quarantined_total"), 1.0);
    assert_eq!(scrape.value("bistable_leases_granted_total"), 5.0);
    assert_eq!(scrape.value("bistable_sweeps{state=\"stuck\"}"), 1.0);
    assert_eq!(
        scrape.value("bistable_releases_total"),
        0.0,
        "nobody was lost"
    );
    assert_eq!(scrape.value("bistable_remaining_work_seconds"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_named_while_they_are_here() {
    let sweep = sweep(4, 1);
    let world = World::of(&sweep).await;
    let monitor = of_coordinator(&world).await;
    let mut worker = world.worker("a \"quoted\"\nname").await;
    worker.work_once(&sweep).await;
    let scrape = look(&monitor);
    let (series, _) = scrape
        .named("bistable_worker_units_total")
        .next()
        .expect("a worker");
    assert!(
        series.contains(r#"worker="a \"quoted\"\nname""#),
        "{series}"
    );
    assert_eq!(scrape.value("bistable_workers"), 1.0);
    drop(worker);
    // Its session ends some time; whoever asks for a lease after that is the only one.
    while look(&monitor).value("bistable_workers") > 0.0 {}
    assert_eq!(
        look(&monitor).named("bistable_worker_units_total").count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_do_not_fit_are_counted() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let monitor = of_coordinator(&world).await;
    let foreign = v1::Hello {
        numerics: vec![9; 32].into(),
        ..hello("w")
    };
    assert!(Worker::join(world.work(), foreign).await.is_err());
    let scrape = look(&monitor);
    assert_eq!(scrape.value("bistable_refused_workers_total"), 1.0);
    assert_eq!(scrape.value("bistable_workers"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_counted_is_zero() {
    let scrape = look(&of_worker().await);
    for name in ["bistable_failed_units_total", "bistable_data_loads_total"] {
        assert!(scrape.named(name).count() > 3, "{name}");
        assert_eq!(scrape.sum(name), 0.0);
    }
}
