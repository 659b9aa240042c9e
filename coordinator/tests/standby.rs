//! Two coordinators on one PostgreSQL database, and what the one that does not lead says to each call.

#[path = "support/postgres.rs"]
mod postgres;
mod support;

use std::{sync::Arc, time::Duration};

use bistable_common::{
    ids::UnitId,
    sweep::Sweep,
    wire::{
        LEADER_KEY,
        v1::{
            self, SweepState, result_service_client::ResultServiceClient,
            session_request::Message as Say, sweep_service_client::SweepServiceClient,
            work_service_client::WorkServiceClient,
        },
    },
};
use bistable_coordinator::{
    board::{Terms, Timestamp},
    server::{Backlog, Config, Doors, Server, start},
    spans::Spans,
    store::{self, Standing, Store},
};
use postgres::name_of;
use support::{NUMERICS, Worker, hello, report, sweep, trajectory, units_of};
use tokio::task::spawn_blocking;
use tokio_stream::StreamExt;
use tonic::{Code, Status, transport::Channel};

/// A coordinator, and how to talk to it.
struct Member {
    server: Server,
    channel: Channel,
}

impl Member {
    async fn join(database: &str) -> Self {
        let database = database.to_owned();
        let store = spawn_blocking(move || store::open(&database).expect("a store")).await;
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            advertise: None,
            tls: None,
            store: store.expect("no panic"),
            numerics: NUMERICS,
            bundled: None,
            terms: Terms {
                beat_interval: Duration::from_secs(1),
                lease_timeout: Duration::from_secs(600),
                grace: Duration::from_secs(600),
            },
            backlog: Backlog::GoesOn,
            doors: Doors::default(),
            spans: Spans::default(),
        };
        let server = start(config).await.expect("a server");
        let url = format!("http://{}", server.addr());
        let channel = Channel::from_shared(url).expect("a URL").connect().await;
        Self {
            server,
            channel: channel.expect("a connection"),
        }
    }

    fn sweeps(&self) -> SweepServiceClient<Channel> {
        SweepServiceClient::new(self.channel.clone())
    }

    fn work(&self) -> WorkServiceClient<Channel> {
        WorkServiceClient::new(self.channel.clone())
    }

    fn results(&self) -> ResultServiceClient<Channel> {
        ResultServiceClient::new(self.channel.clone())
    }

    async fn status(&self, sweep: &Sweep) -> v1::SweepStatus {
        let id = sweep.id().to_string();
        let answer = self.sweeps().get_sweep(v1::GetSweepRequest { id }).await;
        answer
            .expect("get_sweep")
            .into_inner()
            .sweep
            .expect("a status")
    }

    async fn digest(&self, sweep: &Sweep) -> Option<String> {
        let query = v1::QueryEstimatesRequest {
            id: sweep.id().to_string(),
            ..Default::default()
        };
        let answer = self.results().query_estimates(query).await;
        answer.expect("query_estimates").into_inner().digest
    }
}

/// A database that knows a sweep, from an earlier leader that left.
async fn database_of(server: &postgres::Server, sweep: &Sweep) -> String {
    let (database, sweep) = (server.database(), sweep.clone());
    let opened = database.clone();
    let submit = move || {
        let handle = store::open(&opened).expect("a store");
        let elections = handle.elections().expect("elections");
        let Standing::Elected { epoch, store } = elections.campaign("me").expect("a campaign")
        else {
            panic!("somebody else leads");
        };
        let store: Arc<dyn Store> = store;
        let submitted = store.submit_sweep(&sweep, NUMERICS, None, Timestamp(1));
        submitted.expect("submit");
        elections.resign(epoch).expect("resigned");
    };
    spawn_blocking(submit).await.expect("no panic");
    database
}

/// Asserts that a call was answered as a standby should.
fn assert_led_by<T>(leader: &Member, answer: Result<T, Status>) {
    let status = answer.err().expect("a refusal");
    let url = format!("http://{}", leader.server.addr());
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains(&url), "{status}");
    let named = status.metadata().get(LEADER_KEY).expect("metadata");
    assert_eq!(named.to_str().expect("text"), url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_answers_questions_and_says_who_leads() {
    let server = postgres::Server::start();
    let sweep = sweep(3, 2);
    let id = || sweep.id().to_string();
    let database = database_of(&server, &sweep).await;
    let leader = Member::join(&database).await;
    let standby = Member::join(&database).await;
    assert_eq!(leader.server.leading().await, Ok(()));

    let mut worker = Worker::join(leader.work(), hello("w")).await.expect("join");
    let watch = v1::WatchSweepRequest { id: id() };
    let watched = standby.sweeps().watch_sweep(watch).await.expect("watch");
    let mut watched = watched.into_inner();
    worker.ask_for_work().await;
    let lease = worker.lease().await;
    let leased = units_of(&sweep, &lease).count() as u64;
    let status = loop {
        let look = watched.message().await.expect("a look").expect("one");
        let status = look.sweep.expect("a status");
        if status.units_leased == leased {
            break status;
        }
    };
    assert_eq!(status.state(), SweepState::Running);
    assert_eq!(status.workers, 1);
    let bits = |unit: UnitId| (unit, trajectory(&sweep, unit.key, 0.5).encode());
    let units = units_of(&sweep, &lease).map(bits).collect();
    report(leader.work(), units, NUMERICS)
        .await
        .expect("report");
    let token = lease.token;
    worker.say(Say::Finished(v1::Finished { token })).await;
    let mut done = leased;
    while done < 6 {
        done += worker.work_once(&sweep).await as u64;
    }
    let looks: Vec<_> = watched.collect().await;
    let last = looks.last().expect("a look").as_ref().expect("no error");
    let last = last.sweep.as_ref().expect("a status");
    assert_eq!(last.state(), SweepState::Complete);
    assert_eq!(last.experiments_done, 96);

    let list = standby.sweeps().list_sweeps(v1::ListSweepsRequest {}).await;
    assert_eq!(list.expect("list").into_inner().sweeps.len(), 1);
    let digest = standby.digest(&sweep).await;
    assert!(digest.is_some());
    assert_eq!(digest, leader.digest(&sweep).await);
    let request = v1::StreamTrajectoriesRequest {
        id: id(),
        cells: vec![],
        replicates: vec![],
    };
    let stream = standby.results().stream_trajectories(request).await;
    let units: Vec<_> = stream.expect("stream").into_inner().collect().await;
    assert_eq!(units.len(), 6);
    let id = support::sweep(9, 9).id().to_string();
    let gone = standby.sweeps().get_sweep(v1::GetSweepRequest { id }).await;
    assert_eq!(gone.expect_err("an error").code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_neither_work_nor_decisions() {
    let server = postgres::Server::start();
    let sweep = sweep(1, 1);
    let id = || sweep.id().to_string();
    let database = database_of(&server, &sweep).await;
    let leader = Member::join(&database).await;
    let standby = Member::join(&database).await;

    assert_led_by(&leader, Worker::join(standby.work(), hello("w")).await);
    assert_led_by(&leader, report(standby.work(), vec![], NUMERICS).await);
    let beats = tokio_stream::pending::<v1::BeatRequest>();
    assert_led_by(&leader, standby.work().beat(beats).await);
    let uploads = tokio_stream::pending::<v1::UploadDataRequest>();
    assert_led_by(&leader, standby.work().upload_data(uploads).await);
    let submit = standby
        .sweeps()
        .submit_sweep(v1::SubmitSweepRequest::default())
        .await;
    assert_led_by(&leader, submit);
    let mut sweeps = standby.sweeps();
    assert_led_by(
        &leader,
        sweeps.pause_sweep(v1::PauseSweepRequest { id: id() }).await,
    );
    assert_led_by(
        &leader,
        sweeps
            .resume_sweep(v1::ResumeSweepRequest { id: id() })
            .await,
    );
    assert_led_by(
        &leader,
        sweeps
            .cancel_sweep(v1::CancelSweepRequest { id: id() })
            .await,
    );
    let retry = v1::RetrySweepRequest {
        id: id(),
        units: vec![],
    };
    assert_led_by(&leader, sweeps.retry_sweep(retry).await);
    assert_led_by(
        &leader,
        sweeps
            .delete_sweep(v1::DeleteSweepRequest { id: id() })
            .await,
    );
    assert_eq!(leader.status(&sweep).await.state(), SweepState::Running);

    // The same connection is the leader's once the other one has left.
    leader.server.shutdown().await.expect("a polite end");
    assert_eq!(standby.server.leading().await, Ok(()));
    let mut worker = Worker::join(standby.work(), hello("w"))
        .await
        .expect("join");
    assert_eq!(worker.work_once(&sweep).await, 1);
    assert_eq!(standby.status(&sweep).await.state(), SweepState::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_come_together_share_transactions() {
    let server = postgres::Server::start();
    let sweep = sweep(64, 1);
    let database = database_of(&server, &sweep).await;
    let leader = Member::join(&database).await;
    let mut reports = tokio::task::JoinSet::new();
    for block in 0..64 {
        let unit = UnitId {
            sweep: sweep.id(),
            key: support::key(0, 0, block),
        };
        let bits = trajectory(&sweep, unit.key, 0.5).encode();
        reports.spawn(report(leader.work(), vec![(unit, bits)], NUMERICS));
    }
    for outcome in reports.join_all().await {
        assert_eq!(outcome.expect("report"), [v1::Outcome::Accepted]);
    }
    let transactions = "SELECT count(*), count(DISTINCT xmin::text) FROM results";
    let counts = server.sql(name_of(&database), transactions);
    let (units, transactions) = counts.split_once('|').expect("two numbers");
    assert_eq!(units, "64");
    let transactions: u32 = transactions.parse().expect("a number");
    assert!(
        transactions <= 32,
        "{transactions} transactions for 64 reports"
    );
}
