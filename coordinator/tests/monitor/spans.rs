//! A sweep's trace tells all that became of it, and nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bistable_common::{
    ids::{LeaseToken, UnitId},
    sweep::Sweep,
    wire::v1::{
        self, result_service_client::ResultServiceClient, session_request::Message as Say,
        sweep_service_client::SweepServiceClient, work_service_client::WorkServiceClient,
    },
};
use bistable_coordinator::{
    server::{Config, Doors, Server, start},
    spans::{Sink, Span, SpanId, Spans, TraceId, Value},
    store,
};
use bistable_worker::{
    kernel::Simd,
    link::{self, Credentials, LinkConfig},
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tonic::transport::Channel;

use crate::{
    support::{
        NUMERICS, Worker, config, config_in, hello, key, report_under, sweep, token_of, trajectory,
        units_of,
    },
    sweeps::quadratic,
};

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Span>>>);

impl Sink for Kept {
    fn take(&self, span: Span) {
        self.0.lock().expect("spans").push(span);
    }
}

impl Kept {
    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("spans").clone()
    }

    fn named(&self, name: &str) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        spans
    }

    /// How many spans there are of each name.
    fn names(&self) -> BTreeMap<&'static str, usize> {
        let mut names = BTreeMap::new();
        for span in self.spans() {
            *names.entry(span.name).or_default() += 1;
        }
        names
    }
}

fn says(span: &Span, key: &str) -> Value {
    let said = span.attributes.iter().find(|(known, _)| *known == key);
    let (_, value) = said.unwrap_or_else(|| panic!("no {key} in {span:?}"));
    value.clone()
}

fn number(span: &Span, key: &str) -> i64 {
    match says(span, key) {
        Value::Number(number) => number,
        Value::Text(text) => panic!("{key} is `{text}`"),
    }
}

async fn channel(server: &Server) -> Channel {
    let address = server.addr().into();
    let channel = Credentials::default().channel(&address).await;
    channel.expect("a connection")
}

/// Submits a document to a coordinator on `store`, has a worker measure it, and asks for the result; what was told of it.
async fn measured(document: &str, store: &Path, units: u64) -> Kept {
    let kept = Kept::default();
    let store = store::open(store.to_str().expect("a path")).expect("a store");
    let anywhere = ([127, 0, 0, 1], 0).into();
    let config = Config {
        spans: Spans::new(kept.clone(), units),
        ..Config::new(anywhere, store)
    };
    let server = start(config).await.expect("a server");
    let (leave, left) = oneshot::channel::<()>();
    let worker = LinkConfig {
        threads: 2,
        ..LinkConfig::new(vec![server.addr().into()], Simd::any())
    };
    let worker = tokio::spawn(link::run(worker, async {
        let _ = left.await;
    }));
    let channel = channel(&server).await;
    let mut sweeps = SweepServiceClient::new(channel.clone());
    let request = v1::SubmitSweepRequest {
        document: document.to_owned(),
        format: v1::DocumentFormat::Toml.into(),
        origin: "test".to_owned(),
        priority: None,
    };
    let submitted = sweeps.submit_sweep(request).await.expect("submit");
    let id = submitted.into_inner().sweep.expect("a status").id;
    let watch = v1::WatchSweepRequest { id: id.clone() };
    let mut looks = sweeps.watch_sweep(watch).await.expect("watch").into_inner();
    while looks.message().await.expect("a look").is_some() {}
    let query = v1::QueryEstimatesRequest {
        id,
        ..Default::default()
    };
    let mut results = ResultServiceClient::new(channel);
    results.query_estimates(query).await.expect("estimates");
    leave.send(()).expect("a worker");
    worker.await.expect("a worker").expect("a polite end");
    server.shutdown().await.expect("a polite end");
    kept
}

/// Every span is of the one trace, has a name of its own, and is part of one that is there; with that one.
fn parents(spans: &[Span]) -> Vec<(&Span, &Span)> {
    let by_id: BTreeMap<SpanId, &Span> = spans.iter().map(|span| (span.id, span)).collect();
    assert_eq!(by_id.len(), spans.len());
    let traces: BTreeSet<TraceId> = spans.iter().map(|span| span.trace).collect();
    assert_eq!(traces.len(), 1);
    let (roots, parts): (Vec<&Span>, Vec<&Span>) =
        spans.iter().partition(|span| span.parent.is_none());
    assert!(roots.iter().all(|span| span.name == "sweep"), "{roots:?}");
    let with_parent = |span: &Span| by_id[&span.parent.expect("a parent")];
    parts
        .into_iter()
        .map(|span| (span, with_parent(span)))
        .collect()
}

/// The same, and every span lies within the one that it is part of. A sweep begins when it is stored and ends with its last
/// unit; more belongs to it.
fn check_times(spans: &[Span]) {
    for (span, parent) in parents(spans) {
        assert!(span.began <= span.ended, "{span:?}");
        let inside = parent.began <= span.began && span.ended <= parent.ended;
        assert!(inside || parent.name == "sweep", "{span:?} {parent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_s_trace_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = measured(&quadratic(), &folder.path().join("s.db"), 1 << 20).await;
    let spans = kept.spans();
    check_times(&spans);
    let names = kept.names();
    for once in ["sweep", "submit", "check", "plan", "estimate"] {
        assert_eq!(names.get(once), Some(&1), "{once}: {names:?}");
    }
    let units = usize::try_from(number(&kept.named("sweep")[0], "bistable.units")).expect("units");
    for each in ["unit", "compute", "report", "commit"] {
        assert_eq!(names.get(each), Some(&units), "{each}: {names:?}");
    }
    let unit = |span: &Span| {
        ["cell", "replicate", "block"].map(|part| number(span, &format!("bistable.{part}")))
    };
    let told: BTreeSet<[i64; 3]> = kept.named("unit").iter().map(unit).collect();
    assert_eq!(told.len(), units);
    assert!(spans.iter().all(|span| span.failure.is_none()));
    assert!(
        kept.named("compute")
            .iter()
            .all(|span| span.began < span.ended)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_sweep_about_so_many_units_are_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = quadratic().replace("replicates = 3", "replicates = 10");
    let kept = measured(&document, &folder.path().join("s.db"), 20).await;
    check_times(&kept.spans());
    let units = number(&kept.named("sweep")[0], "bistable.units");
    assert!(units > 200, "{units}");
    let followed = kept.named("unit").len();
    assert!((4..=60).contains(&followed), "{followed} of {units}");
}

#[tokio::test]
async fn a_unit_that_fails_is_told_with_its_error() {
    let sweep = sweep(1, 1);
    let kept = Kept::default();
    let (config, _folder) = config(&[&sweep], Duration::from_secs(600), Doors::default());
    let spans = Spans::new(kept.clone(), 100);
    let server = start(Config { spans, ..config }).await.expect("a server");
    let work = WorkServiceClient::new(channel(&server).await);
    let mut worker = Worker::join(work, hello("w")).await.expect("a session");
    worker.ask_for_work().await;
    let lease = worker.lease().await;
    let unit = UnitId {
        sweep: sweep.id(),
        key: key(0, 0, 0),
    };
    let failed = v1::UnitFailed {
        token: lease.token.clone(),
        unit: Some(unit.into()),
        error: "the sky fell".to_owned(),
        kind: v1::FailureKind::Panic.into(),
        log: vec![],
    };
    worker.say(Say::UnitFailed(failed)).await;
    // What comes again was heard to have failed.
    worker.ask_for_work().await;
    let again = worker.lease().await;
    assert_eq!(again.attempt, 2);
    let failures = kept.named("failure");
    let [failure] = failures.as_slice() else {
        panic!("{failures:?}");
    };
    assert_eq!(failure.failure.as_deref(), Some("the sky fell"));
    assert_eq!(says(failure, "error.type"), Value::Text("panic".to_owned()));
    drop(worker);
    server.shutdown().await.expect("a polite end");
    let leases = kept.named("lease");
    assert!(
        leases.iter().any(|lease| failure.parent == Some(lease.id)),
        "{leases:?}"
    );
    let token = lease.token.as_ref();
    let said = format!("{:?}", kept.spans());
    assert!(!said.contains(&format!("{token:?}")), "a token is a secret");
}

/// A coordinator on the store in a folder, and its one worker, which may hold a lease.
struct Shift {
    server: Server,
    work: WorkServiceClient<Channel>,
    worker: Worker,
}

impl Shift {
    async fn begin(
        folder: &TempDir,
        kept: &Kept,
        sweeps: &[&Sweep],
        held: Option<LeaseToken>,
    ) -> Self {
        let usual = config_in(folder, sweeps, Duration::from_secs(600), Doors::default());
        let spans = Spans::new(kept.clone(), 100);
        let server = start(Config { spans, ..usual }).await.expect("a server");
        let work = WorkServiceClient::new(channel(&server).await);
        let hello = v1::Hello {
            held: held
                .map(|token| token.0.to_vec().into())
                .into_iter()
                .collect(),
            ..hello("w")
        };
        let worker = Worker::join(work.clone(), hello).await;
        Self {
            server,
            work,
            worker: worker.expect("a session"),
        }
    }

    async fn lease(&mut self) -> v1::Lease {
        self.worker.ask_for_work().await;
        self.worker.lease().await
    }

    async fn report(&self, token: LeaseToken, sweep: &Sweep, units: &[UnitId]) {
        let done = |unit: &UnitId| (*unit, trajectory(sweep, unit.key, 0.5).encode());
        let units = units.iter().map(done).collect();
        let reported = report_under(token, self.work.clone(), units, NUMERICS).await;
        reported.expect("a report");
    }

    async fn end(self) {
        drop(self.worker);
        self.server.shutdown().await.expect("a polite end");
    }
}

#[tokio::test]
async fn a_coordinator_that_takes_over_goes_on_with_the_trace() {
    let sweep = sweep(4, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut first = Shift::begin(&folder, &kept, &[&sweep], None).await;
    let lease = first.lease().await;
    let (token, units) = (
        token_of(&lease),
        units_of(&sweep, &lease).collect::<Vec<_>>(),
    );
    first.report(token, &sweep, &units[..1]).await;
    first.end().await;
    assert_eq!(kept.names()["lease"], 1);

    let mut second = Shift::begin(&folder, &kept, &[], Some(token)).await;
    second.report(token, &sweep, &units[1..]).await;
    let finished = v1::Finished { token: lease.token };
    second.worker.say(Say::Finished(finished)).await;
    let mut count = units.len();
    while count < 4 {
        count += second.worker.work_once(&sweep).await;
    }
    second.end().await;
    parents(&kept.spans());
    let names = kept.names();
    assert_eq!((names["sweep"], names["unit"]), (1, 4), "{names:?}");
    // Of the lease that went on, each coordinator tells what it saw.
    let leases = kept.named("lease").into_iter();
    let blocks = leases.map(|lease| says(&lease, "bistable.blocks"));
    let begins = Value::Text(format!("0..{}", lease.end_block));
    assert_eq!(blocks.filter(|blocks| *blocks == begins).count(), 2);
}

#[tokio::test]
async fn the_last_unit_may_be_all_that_the_next_coordinator_hears_of() {
    let sweep = sweep(1, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Kept::default();
    let mut first = Shift::begin(&folder, &kept, &[&sweep], None).await;
    let lease = first.lease().await;
    first.end().await;
    assert_eq!(kept.named("sweep"), []);

    let token = token_of(&lease);
    let second = Shift::begin(&folder, &kept, &[], Some(token)).await;
    second
        .report(token, &sweep, &units_of(&sweep, &lease).collect::<Vec<_>>())
        .await;
    second.end().await;
    parents(&kept.spans());
    assert_eq!(kept.names()["sweep"], 1);

    // It is told once, whoever comes after.
    Shift::begin(&folder, &kept, &[], None).await.end().await;
    assert_eq!(kept.names()["sweep"], 1);
}
