//! Workers that take units and do not do them, or say strange things about them.

use std::time::Duration;

use bistable_common::{
    sweep::Sweep,
    wire::v1::{self, session_request::Message as Say, session_response::Message as Heard},
};
use prost::bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle, time::interval};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    siege::Siege,
    support::{NUMERICS, Worker, hello, trajectory, units_of},
};

async fn join(siege: &Siege, name: &str) -> Worker {
    let elsewhere = v1::Hello {
        host: format!("{name}'s host"),
        ..hello(name)
    };
    Worker::join(siege.world.work(), elsewhere)
        .await
        .expect("join")
}

/// Takes every lease it can get, and says of each unit that it failed.
async fn fail_everything(mut worker: Worker, sweep: Sweep) {
    worker.ask_for_work().await;
    while let Ok(Some(heard)) = worker.hear().await {
        let Heard::Lease(lease) = heard else { continue };
        for unit in units_of(&sweep, &lease) {
            let failed = v1::UnitFailed {
                token: lease.token.clone(),
                unit: Some(unit.into()),
                error: "e".repeat(1 << 16),
                kind: 77,
                log: vec!["l".repeat(1 << 16); 3],
            };
            worker.say(Say::UnitFailed(failed)).await;
        }
        let token = lease.token;
        worker.say(Say::Finished(v1::Finished { token })).await;
        worker.ask_for_work().await;
    }
}

#[tokio::test]
async fn a_worker_that_fails_everything_spoils_nothing() {
    let siege = Siege::begin().await;
    let failing = join(&siege, "failing").await;
    let failing = tokio::spawn(fail_everything(failing, siege.sweep.clone()));
    // It goes on failing until the end.
    siege.ends_well().await;
    failing.abort();
}

/// Holds what it has and gets, and beats.
fn hold(
    name: &'static str,
    mut worker: Worker,
    mut tokens: Vec<Bytes>,
    siege: &Siege,
) -> JoinHandle<()> {
    let mut work = siege.world.work();
    tokio::spawn(async move {
        let (beats, beating) = mpsc::channel(1);
        let answers = work.beat(ReceiverStream::new(beating)).await;
        let mut answers = answers.expect("beats").into_inner();
        let mut pace = interval(Duration::from_millis(100));
        worker.ask_for_work().await;
        loop {
            tokio::select! {
                _ = pace.tick() => {
                    let tokens = tokens.clone();
                    let beat = v1::BeatRequest { worker: name.into(), tokens };
                    if beats.send(beat).await.is_err() {
                        return;
                    }
                    let _ = answers.message().await;
                }
                heard = worker.hear() => match heard {
                    Ok(Some(Heard::Lease(lease))) => tokens.push(lease.token),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return,
                }
            }
        }
    })
}

#[tokio::test]
async fn a_worker_that_never_reports_is_overtaken() {
    let siege = Siege::begin().await;
    let hoarder = hold("hoarder", join(&siege, "hoarder").await, vec![], &siege);
    siege.ends_well().await;
    hoarder.abort();
}

/// Reports a unit that cost `compute_us`, as it says.
async fn report_cost(siege: &Siege, worker: &str, block: u32, compute_us: u64) -> v1::Outcome {
    let unit = siege.unit(block);
    let report = v1::UnitReport {
        unit: Some(unit.into()),
        token: vec![0; 16].into(),
        trajectory: trajectory(&siege.sweep, unit.key, 0.5).encode().into(),
        compute_us,
        computed_us: 0,
    };
    let request = v1::ReportRequest {
        worker: worker.into(),
        numerics: NUMERICS.0.to_vec().into(),
        build: "test".into(),
        units: vec![report],
        sent_us: 0,
    };
    let answer = siege.world.work().report(request).await.expect("report");
    answer.into_inner().outcomes().next().expect("an outcome")
}

#[tokio::test]
async fn a_worker_that_lies_about_costs_does_not_hold_up_the_end() {
    let siege = Siege::begin().await;
    let mut liar = join(&siege, "liar").await;
    liar.ask_for_work().await;
    let lease = liar.lease().await;
    let outcome = report_cost(&siege, "liar", lease.first_block, u64::MAX).await;
    assert_eq!(outcome, v1::Outcome::Accepted);
    let costs = siege.world.store.costs(siege.sweep.id()).expect("costs");
    assert!(costs.iter().all(|(_, us)| *us < 60_000_000), "{costs:?}");
    // The rest of its lease is tried by the good worker as soon as it takes longer than units do.
    let hoarder = hold("liar", liar, vec![lease.token], &siege);
    siege.ends_well().await;
    hoarder.abort();
}

#[tokio::test]
async fn the_same_result_a_thousand_times_is_one_result() {
    let siege = Siege::begin().await;
    let first = report_cost(&siege, "parrot", 11, 0).await;
    assert_eq!(first, v1::Outcome::Accepted);
    for _ in 0..1000 {
        let again = report_cost(&siege, "parrot", 11, u64::MAX).await;
        assert_eq!(again, v1::Outcome::Duplicate);
    }
    siege.ends_well().await;
}
