//! A real coordinator on a real socket, spoken to by workers and clients that say exactly what each test wants.

mod support;

use std::time::Duration;

use bistable_common::{
    ids::{Hash, UnitId},
    sweep::Sweep,
    wire::{
        PROTOCOL,
        v1::{
            self, Outcome, SweepState, session_request::Message as Say,
            session_response::Message as Heard, unit_trouble::Trouble,
        },
    },
};
use support::{NUMERICS, Worker, World, hello, key, report, sweep, trajectory, units_of};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

fn unit(sweep: &Sweep, block: u32) -> UnitId {
    UnitId {
        sweep: sweep.id(),
        key: key(0, 0, block),
    }
}

#[tokio::test]
async fn a_sweep_is_leased_reported_watched_and_read() {
    let sweep = sweep(3, 2);
    let world = World::of(&sweep).await;
    let id = sweep.id().to_string();
    let request = v1::WatchSweepRequest { id: id.clone() };
    let watched = world.sweeps().watch_sweep(request).await.expect("watch");
    let mut worker = world.worker("w").await;
    let mut units = 0;
    while units < 6 {
        units += worker.work_once(&sweep).await;
    }
    let looks: Vec<_> = watched.into_inner().collect().await;
    let last = looks.last().expect("a look").as_ref().expect("no error");
    let last = last.sweep.as_ref().expect("a status");
    assert_eq!(last.state(), SweepState::Complete);
    assert_eq!((last.units_done, last.units_total), (6, 6));
    assert_eq!((last.experiments_done, last.experiments_total), (96, 96));

    let request = v1::StreamTrajectoriesRequest {
        id,
        cells: vec![],
        replicates: vec![1],
    };
    let stream = world.results().stream_trajectories(request).await;
    let messages: Vec<_> = stream.expect("stream").into_inner().collect().await;
    let blocks = messages.iter().map(|message| {
        let unit = message.as_ref().expect("no error").unit.as_ref();
        unit.map(|unit| (unit.replicate, unit.block))
            .expect("a unit")
    });
    assert_eq!(blocks.collect::<Vec<_>>(), [(1, 0), (1, 1), (1, 2)]);
}

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
async fn each_report_is_told_what_became_of_it() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let first = unit(&sweep, 0);
    let bits = |distance| trajectory(&sweep, first.key, distance).encode();
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
async fn a_conflict_is_shown_until_its_unit_is_retried() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let (torn, whole) = (unit(&sweep, 0), unit(&sweep, 1));
    let bits = |unit: UnitId, distance| trajectory(&sweep, unit.key, distance).encode();
    for (unit, distance) in [(whole, 0.5), (torn, 0.5), (torn, 0.25)] {
        let outcome = world.report(unit, bits(unit, distance)).await;
        outcome.expect("report");
    }
    let query = v1::QueryEstimatesRequest {
        id: sweep.id().to_string(),
        ..Default::default()
    };
    let results = async || {
        let answer = world.results().query_estimates(query.clone()).await;
        answer.expect("estimates").into_inner()
    };
    let shown = results().await;
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
    let retry = async |units| {
        let id = sweep.id().to_string();
        let request = v1::RetrySweepRequest { id, units };
        Ok::<_, Status>(world.sweeps().retry_sweep(request).await?.into_inner())
    };
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
    let outcome = world.report(torn, bits(torn, 0.25)).await;
    assert_eq!(outcome.expect("report"), Outcome::Accepted);
    let shown = results().await;
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
    let query = v1::QueryEstimatesRequest {
        id: sweep.id().to_string(),
        ..Default::default()
    };
    let answer = world.results().query_estimates(query).await;
    let shown = answer.expect("estimates").into_inner();
    let Some(Trouble::Quarantine(given_up)) = &shown.troubles[0].trouble else {
        panic!("no quarantine in {shown:?}");
    };
    assert_eq!(
        (given_up.attempts, given_up.kind()),
        (5, v1::FailureKind::Memory)
    );
    assert_eq!(given_up.log, ["one", "two"]);
    assert_eq!(given_up.hosts, ["host"]);

    let id = sweep.id().to_string();
    let request = v1::RetrySweepRequest { id, units: vec![] };
    world.sweeps().retry_sweep(request).await.expect("retry");
    assert_eq!(worker.work_once(&sweep).await, 1);
    assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
}

#[tokio::test]
async fn an_unknown_solver_is_told_apart_from_no_answer() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let query = v1::QueryEstimatesRequest {
        id: sweep.id().to_string(),
        solvers: vec!["nosuch".into()],
        ..Default::default()
    };
    let refused = world.results().query_estimates(query).await;
    let refused = refused.expect_err("a slip of the pen");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().contains("`nosuch`; it has ssgd"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_dropped_worker_s_lease_goes_to_the_next() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let mut first = world.worker("first").await;
    first.ask_for_work().await;
    let lost = first.lease().await;
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
    let world = World::with(&[&sweep], Duration::from_millis(100)).await;
    let mut silent = world.worker("silent").await;
    silent.ask_for_work().await;
    let lost = silent.lease().await;
    // The coordinator ends the session of a worker that stopped beating.
    assert_eq!(silent.hear().await.expect("a polite end"), None);
    let mut next = world.worker("next").await;
    next.ask_for_work().await;
    let lease = next.lease().await;
    assert_eq!(lease.attempt, 2);
    let late = units_of(&sweep, &lost).next().expect("a unit");
    let bits = trajectory(&sweep, late.key, 0.5).encode();
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
    let bits = trajectory(&sweep, late.key, 0.5).encode();
    let outcome = world.report(late, bits).await;
    assert_eq!(outcome.expect("report"), Outcome::Duplicate);
}

#[tokio::test]
async fn a_worker_keeps_its_lease_through_a_restart() {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    let mut worker = world.worker("w").await;
    worker.ask_for_work().await;
    let lease = worker.lease().await;
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
async fn foreign_numerics_are_refused_and_it_is_said_whom_to_restart() {
    let world = World::of(&sweep(1, 1)).await;
    let foreign = v1::Hello {
        numerics: vec![8; 32].into(),
        ..hello("w")
    };
    let refused = refusal(&world, foreign).await;
    assert!(refused.contains("numerics differ"), "{refused}");
    assert!(
        refused.contains("restart worker `w` on `host` (build `test`)"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_protocol_may_be_one_version_apart() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    for protocol in [0, PROTOCOL - 2, PROTOCOL + 2, u32::MAX] {
        let hello = v1::Hello {
            protocol,
            ..hello("w")
        };
        let refused = refusal(&world, hello).await;
        assert!(refused.contains("one apart"), "{refused}");
        assert!(refused.contains("restart worker `w`"), "{refused}");
    }
    for protocol in PROTOCOL - 1..=PROTOCOL + 1 {
        let world = World::of(&sweep).await;
        let hello = v1::Hello {
            protocol,
            ..hello("w")
        };
        let worker = Worker::join(world.work(), hello).await;
        worker.expect("a welcome").work_once(&sweep).await;
        assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);
    }
}

/// What the coordinator says to a hello that it does not agree to.
async fn refusal(world: &World, hello: v1::Hello) -> String {
    let refused = Worker::join(world.work(), hello).await.err();
    let refused = refused.expect("a refusal");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    refused.message().to_owned()
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
async fn cancelling_reaches_the_worker_on_both_streams() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let mut worker = world.worker("w").await;
    worker.ask_for_work().await;
    let token = worker.lease().await.token;
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

#[tokio::test]
async fn pausing_holds_new_leases_back_and_deleting_forgets() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let id = sweep.id().to_string();
    let pause = v1::PauseSweepRequest { id: id.clone() };
    world.sweeps().pause_sweep(pause).await.expect("pause");
    let mut worker = world.worker("w").await;
    worker.ask_for_work().await;
    assert_eq!(world.status(&sweep).await.state(), SweepState::Paused);
    assert_eq!(world.status(&sweep).await.units_leased, 0);
    let resume = v1::ResumeSweepRequest { id: id.clone() };
    world.sweeps().resume_sweep(resume).await.expect("resume");
    worker.lease().await;
    let watch = v1::WatchSweepRequest { id: id.clone() };
    let watched = world.sweeps().watch_sweep(watch).await.expect("watch");
    let delete = v1::DeleteSweepRequest { id: id.clone() };
    world.sweeps().delete_sweep(delete).await.expect("delete");
    let looks: Vec<_> = watched.into_inner().collect().await;
    assert!(looks.iter().all(Result::is_ok));
    let gone = world.sweeps().get_sweep(v1::GetSweepRequest { id }).await;
    assert_eq!(gone.expect_err("an error").code(), Code::NotFound);
    assert!(world.store.sweeps().expect("sweeps").is_empty());
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
        let foreign = bistable_coordinator::store::UnitResult {
            unit: unit(&sweep, 0),
            trajectory: trajectory(&sweep, key(0, 0, 0), 0.5).encode(),
            numerics: other,
            build: "old".into(),
            worker: bistable_common::ids::WorkerId("old".into()),
            compute_us: 1,
        };
        let now = bistable_coordinator::board::Timestamp(2);
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
    let mine = report(
        world.work(),
        vec![(
            unit(&sweep, 1),
            trajectory(&sweep, key(0, 0, 1), 0.5).encode(),
        )],
        NUMERICS,
    );
    assert_eq!(mine.await.expect("report"), [Outcome::Stale]);
}

#[tokio::test]
async fn concurrent_reports_are_all_answered() {
    let sweep = sweep(64, 1);
    let world = World::of(&sweep).await;
    let mut reports = tokio::task::JoinSet::new();
    for block in 0..64 {
        let unit = unit(&sweep, block);
        let bits = trajectory(&sweep, unit.key, 0.5).encode();
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

#[tokio::test]
async fn data_that_is_not_there_is_not_found() {
    let world = World::of(&sweep(1, 1)).await;
    let hash = || vec![3; 32].into();
    let stat = v1::StatDataRequest { hash: hash() };
    let stat = world.work().stat_data(stat).await.expect("stat");
    assert!(!stat.into_inner().present);
    let fetch = v1::FetchDataRequest { hash: hash() };
    let missing = world.work().fetch_data(fetch).await;
    assert_eq!(missing.expect_err("an error").code(), Code::NotFound);
    let header = v1::UploadHeader {
        hash: hash(),
        total_bytes: 4,
    };
    let upload = |chunk: &'static [u8]| {
        use v1::upload_data_request::Message;
        let messages = [
            Message::Header(header.clone()),
            Message::Chunk(chunk.into()),
        ];
        tokio_stream::iter(messages.map(|message| v1::UploadDataRequest {
            message: Some(message),
        }))
    };
    for chunk in [b"abc".as_slice(), b"abcde", b"abcd"] {
        let refused = world.work().upload_data(upload(chunk)).await;
        assert_eq!(refused.expect_err("an error").code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let world = World::of(&sweep(1, 1)).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(world.channel());
    let request = tonic_health::pb::HealthCheckRequest {
        service: "bistable.v1.WorkService".into(),
    };
    let answer = health.check(request).await.expect("check").into_inner();
    assert_eq!(answer.status, 1);

    use tonic_reflection::pb::v1 as reflection;
    let mut client =
        reflection::server_reflection_client::ServerReflectionClient::new(world.channel());
    let list = reflection::server_reflection_request::MessageRequest::ListServices(String::new());
    let request = tokio_stream::once(reflection::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(list),
    });
    let mut answers = client
        .server_reflection_info(request)
        .await
        .expect("reflection")
        .into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    let text = format!("{answer:?}");
    for service in ["SweepService", "WorkService", "ResultService"] {
        assert!(text.contains(&format!("bistable.v1.{service}")), "{text}");
    }
}
