//! The link against a coordinator that misbehaves on purpose.

#[path = "fake/mod.rs"]
mod fake;
#[path = "fake/runner.rs"]
mod runner;

use std::{
    collections::BTreeSet,
    future::Future,
    io::ErrorKind,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bistable_common::{
    ids::Hash,
    wire::{
        LEADER_KEY, PROTOCOL, PUSHBACK_KEY,
        v1::{self, FailureKind, session_request as request, session_response as response},
    },
};
use bistable_worker::kernel::Simd;
use bistable_worker::link::{self, LinkConfig, LinkError};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tonic::Status;

use fake::{Fake, Session};
use runner::{BEGUN, END, Fate, Scripted, sweep};

const TOKEN: [u8; 16] = [1; 16];

/// A worker of one thread, and the means to end it.
struct Worker {
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), LinkError>>,
}

impl Worker {
    fn start(fake: &Fake, fate: fn(u32) -> Fate) -> Self {
        Self::with(fake, fate, |_| {})
    }

    fn with(fake: &Fake, fate: fn(u32) -> Fate, change: impl FnOnce(&mut LinkConfig)) -> Self {
        let (shutdown, asked) = oneshot::channel::<()>();
        let mut config = LinkConfig {
            threads: 1,
            runner: Arc::new(Scripted(fate)),
            ..LinkConfig::new(vec![fake.address.into()], Simd::any())
        };
        change(&mut config);
        let task = tokio::spawn(link::run(config, async {
            let _ = asked.await;
        }));
        Self {
            shutdown: Some(shutdown),
            task,
        }
    }

    fn ask_to_leave(&mut self) {
        drop(self.shutdown.take());
    }

    async fn end(self) -> Result<(), LinkError> {
        drop(self.shutdown);
        self.task.await.expect("no panic")
    }
}

/// A test that hangs has failed.
async fn within_a_minute(test: impl Future<Output = ()>) {
    timeout(Duration::from_secs(60), test)
        .await
        .expect("an end");
}

async fn lease(session: &Session, token: [u8; 16], blocks: std::ops::Range<u32>) {
    let sweep = sweep();
    let id = sweep.id().to_string();
    let document = v1::SweepDocument {
        sweep: id.clone(),
        canonical_json: sweep.to_canonical_json(),
    };
    session.say(response::Message::Sweep(document)).await;
    let lease = v1::Lease {
        token: token.to_vec().into(),
        sweep: id,
        cell: 0,
        replicate: 0,
        first_block: blocks.start,
        end_block: blocks.end,
        attempt: 1,
    };
    session.say(response::Message::Lease(lease)).await;
}

fn finished(token: [u8; 16]) -> Option<request::Message> {
    let token = token.to_vec().into();
    Some(request::Message::Finished(v1::Finished { token }))
}

fn handed_back(token: [u8; 16]) -> Option<request::Message> {
    let token = token.to_vec().into();
    Some(request::Message::HandBack(v1::HandBack { token }))
}

async fn revoke(session: &Session, token: [u8; 16]) {
    let token = token.to_vec().into();
    let revoke = response::Message::Revoke(v1::Revoke { token });
    session.say(revoke).await;
}

#[tokio::test]
async fn a_worker_says_who_it_is_and_asks_for_a_lease_a_thread() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.session().await;
        assert_eq!(session.hello.protocol, PROTOCOL);
        assert_eq!(session.hello.slots, 1);
        assert_eq!(session.hello.numerics[..], Hash::of(b"scripted").0);
        let credit = request::Message::Credit(v1::Credit { leases: 1 });
        assert_eq!(session.next().await, Some(credit));
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_calls_too_often_keeps_its_results_and_tries_again() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_worker_whose_token_is_unknown_ends_at_its_start_and_waits_later() {
    within_a_minute(async {
        let unknown = || Status::unauthenticated("whose token is this?");
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        fake.sessions
            .recv()
            .await
            .expect("a session")
            .refuse(unknown())
            .await;
        let ended = worker.task.await.expect("no panic");
        assert!(
            matches!(ended, Err(LinkError::Refused { reason, .. }) if reason.contains("whose"))
        );

        let worker = Worker::start(&fake, |_| Fate::Done);
        let session = fake.session().await;
        let proof = session.hello.proof.clone();
        session.refuse(unknown()).await;
        fake.sessions
            .recv()
            .await
            .expect("a session")
            .refuse(unknown())
            .await;
        let session = fake.session().await;
        assert_eq!(
            (session.hello.proof.len(), &session.hello.proof),
            (16, &proof)
        );
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_finished_only_after_its_reports_are_acknowledged() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_sweep_of_many_cells_reaches_its_worker() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_lost_session_loses_no_unit() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_new_session_is_told_of_the_leases_still_held() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Endless);
        let session = fake.session().await;
        lease(&session, TOKEN, 0..1).await;
        fake.beats.recv().await.expect("a heartbeat");
        drop(session);
        let mut session = fake.session().await;
        assert_eq!(session.hello.held, [TOKEN.to_vec()]);
        let mut beat = fake.beats.recv().await.expect("a heartbeat");
        let first = beat.inbound.message().await.expect("a beat");
        assert_eq!(first.expect("a beat").tokens, [TOKEN.to_vec()]);
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_lease_stops_without_a_word() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |block| {
            if block == 9 {
                Fate::Done
            } else {
                Fate::Endless
            }
        });
        let mut session = fake.session().await;
        lease(&session, TOKEN, 0..1).await;
        revoke(&session, TOKEN).await;
        lease(&session, [2; 16], 9..10).await;
        fake.report().await.accept();
        assert_eq!(session.hear().await, finished([2; 16]));
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn foreign_numerics_end_the_worker() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let session = fake.sessions.recv().await.expect("a session");
        session
            .refuse(Status::failed_precondition("your numerics differ"))
            .await;
        let error = worker.task.await.expect("no panic").expect_err("an error");
        assert!(
            error.to_string().contains("your numerics differ"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_coordinator_two_versions_ahead_ends_the_worker() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let session = fake.sessions.recv().await.expect("a session");
        session.welcome_in(PROTOCOL + 2).await;
        let error = worker.task.await.expect("no panic").expect_err("an error");
        assert!(error.to_string().contains("one apart"), "{error}");
        assert!(error.to_string().contains("restart this worker"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_coordinator_of_the_next_or_the_last_version_is_worked_for() {
    within_a_minute(async {
        for protocol in [PROTOCOL - 1, PROTOCOL + 1] {
            let mut fake = Fake::start().await;
            let worker = Worker::start(&fake, |_| Fate::Done);
            let mut session = fake.sessions.recv().await.expect("a session");
            session.welcome_in(protocol).await;
            lease(&session, TOKEN, 0..1).await;
            fake.report().await.accept();
            assert_eq!(session.hear().await, finished(TOKEN));
            worker.end().await.expect("a polite end");
        }
    })
    .await;
}

#[tokio::test]
async fn a_standby_is_asked_again() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let session = fake.sessions.recv().await.expect("a session");
        session.refuse(Status::unavailable("not the leader")).await;
        fake.session().await;
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_panic_fails_its_unit_and_the_rest_goes_on() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(
            &fake,
            |block| {
                if block == 1 { Fate::Panics } else { Fate::Done }
            },
        );
        let mut session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_only_fails_goes_back() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Unfit);
        let mut session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_leaving_worker_reports_what_is_done_and_hands_back_the_rest() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let mut worker = Worker::start(&fake, |block| {
            if block == 0 {
                Fate::Done
            } else {
                Fate::Endless
            }
        });
        let mut session = fake.session().await;
        lease(&session, TOKEN, 0..3).await;
        let report = fake.report().await;
        assert_eq!(report.blocks(), [0]);
        worker.ask_to_leave();
        report.accept();
        assert_eq!(session.hear().await, handed_back(TOKEN));
        assert_eq!(session.hear().await, None, "it hangs up");
        drop(session);
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_leaving_worker_finishes_the_unit_that_it_is_at() {
    within_a_minute(async {
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
        BEGUN.notified().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_worker_says_how_long_it_will_work_and_then_leaves() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::with(
            &fake,
            |_| Fate::Endless,
            |config| {
                config.hand_in = Duration::from_secs(50);
                config.max_runtime = Some(Duration::from_millis(50_500));
            },
        );
        let mut session = fake.session().await;
        let remaining = session.hello.remaining_ms.expect("a limit");
        assert!(remaining <= 500, "{remaining}");
        lease(&session, TOKEN, 0..3).await;
        assert_eq!(session.hear().await, handed_back(TOKEN));
        assert_eq!(session.hear().await, None, "it hangs up");
        drop(session);
        worker.task.await.expect("no panic").expect("a polite end");
    })
    .await;
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
    let error = worker.task.await.expect("no panic").expect_err("an error");
    assert!(error.to_string().contains("--max-runtime"), "{error}");
}

#[tokio::test]
async fn the_coordinator_says_how_often_to_beat() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let _session = fake.session_beating(u32::MAX).await;
        let mut beat = fake.beats.recv().await.expect("a heartbeat");
        // The first opens the stream, the second follows at once; the third would take ten minutes.
        for _ in 0..2 {
            beat.inbound.message().await.expect("a beat");
        }
        let sooner = v1::BeatResponse {
            revoked: vec![],
            beat_interval_ms: 10,
        };
        beat.outbound.send(Ok(sooner)).await.expect("a listener");
        beat.inbound.message().await.expect("a beat");
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn units_that_are_ready_together_travel_together_each_once() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn one_refused_result_does_not_take_others_with_it() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.session().await;
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
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn nonsense_ends_the_session_and_not_the_worker() {
    within_a_minute(async {
        let mut fake = Fake::start().await;
        let worker = Worker::start(&fake, |_| Fate::Done);
        let mut session = fake.session().await;
        lease(&session, TOKEN, 5..5).await;
        assert_eq!(session.hear().await, None);
        let session = fake.session().await;
        lease(&session, TOKEN, u32::MAX - 1..u32::MAX).await;
        let session = fake.session().await;
        lease(&session, TOKEN, 0..1).await;
        assert_eq!(fake.report().await.blocks(), [0]);
        worker.task.abort();
    })
    .await;
}

#[tokio::test]
async fn a_worker_does_not_wait_for_a_machine_that_says_nothing() {
    within_a_minute(async {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let silent_at = silent.local_addr().expect("its address");
        let mut fake = Fake::start().await;
        let worker = Worker::with(
            &fake,
            |_| Fate::Done,
            |config| {
                config.coordinators.insert(0, silent_at.into());
            },
        );
        let (connection, _) = silent.accept().await.expect("a worker");
        let session = fake.sessions.recv().await.expect("a session");
        // It is still waited for when the other one is called.
        let mut said = Vec::new();
        while connection
            .try_read_buf(&mut said)
            .is_ok_and(|bytes| bytes > 0)
        {}
        let more = connection
            .try_read_buf(&mut said)
            .map_err(|error| error.kind());
        assert_eq!(more, Err(ErrorKind::WouldBlock));
        session.welcome(10).await;
        // And left alone when that one says welcome.
        while connection.readable().await.is_ok() {
            if connection
                .try_read_buf(&mut said)
                .is_ok_and(|bytes| bytes == 0)
            {
                break;
            }
        }
        worker.end().await.expect("a polite end");
    })
    .await;
}

#[tokio::test]
async fn a_worker_goes_to_the_leader_that_is_named() {
    within_a_minute(async {
        let mut standby = Fake::start().await;
        let mut leader = Fake::start().await;
        let worker = Worker::start(&standby, |_| Fate::Done);
        let session = standby.sessions.recv().await.expect("a session");
        let mut status = Status::unavailable("this coordinator stands by");
        let url = format!("http://{}", leader.address);
        status
            .metadata_mut()
            .insert(LEADER_KEY, url.parse().expect("ASCII"));
        session.refuse(status).await;
        let session = leader.session().await;
        lease(&session, TOKEN, 0..1).await;
        assert_eq!(leader.report().await.blocks(), [0]);
        // One that leads no more is not in the list; those that are, are tried again.
        drop(leader);
        standby.session().await;
        worker.task.abort();
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_worker_does_not_wait_for_a_machine_that_accepts_nobody() {
    within_a_minute(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let full = socket.listen(1).expect("a queue");
        let full_at = full.local_addr().expect("its address");
        // Its queue is full when a connection hangs.
        let mut queued = Vec::new();
        let instant = Duration::from_millis(200);
        while let Ok(connection) = timeout(instant, TcpStream::connect(full_at)).await {
            queued.push(connection.expect("a connection"));
        }
        let mut fake = Fake::start().await;
        let worker = Worker::with(
            &fake,
            |_| Fate::Done,
            |config| {
                config.coordinators.insert(0, full_at.into());
            },
        );
        fake.session().await;
        worker.end().await.expect("a polite end");
    })
    .await;
}
