//! A coordinator under siege: a good worker goes on until the attack is over, and then everything must be as it should.

use std::{
    collections::VecDeque,
    panic,
    sync::{Mutex, Once, PoisonError},
    thread,
    time::Duration,
};

use bistable_common::{
    ids::UnitId,
    plan::Plan,
    sweep::Sweep,
    trajectory::Digest,
    wire::v1::{
        self, session_request::Message as Say, session_response::Message as Heard,
        work_service_client::WorkServiceClient,
    },
};
use bistable_coordinator::server::Doors;
use prost::bytes::Bytes as Token;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::interval,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, transport::Channel};

use super::support::{NUMERICS, Secured, Worker, World, key, report, sweep, trajectory, units_of};

type Client = WorkServiceClient<Channel>;

/// A good worker that hears nothing for so long would be lost: the server may not stand still.
const LEASE_TIMEOUT: Duration = Duration::from_secs(4);

/// How often the good worker beats and reports a unit.
const PACE: Duration = Duration::from_millis(20);

/// Units that it reports while the attack goes on; the rest comes afterwards.
const BEFORE: usize = 5;

/// What it measures everywhere.
const DISTANCE: f64 = 0.5;

/// Far above what any attack takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A reason travels in a header, where a byte may become three, and some peers read 16 KiB of headers.
const LONGEST_REASON: usize = 4096;

/// Panics of this process: the thread's name, and what was said.
static PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Notes every panic of the process, whatever task it is in.
pub fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
            panics.push((thread_name(), panic.to_string()));
            usual(panic);
        }));
    });
}

/// Has the process open as many files as it ever may: floods have both of their ends in it, and come together where there
/// are many cores.
#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).expect("the limit that there is");
}

#[cfg(not(unix))]
fn raise_file_limit() {}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// Asserts that neither this test's tasks panicked nor anything that no test's name stands for: each test has a runtime on
/// its own thread.
pub fn nothing_panicked() {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    let own = thread_name();
    let mut blamed = panics
        .iter()
        .filter(|(thread, _)| *thread == own || !thread.contains("::"));
    assert_eq!(blamed.next(), None);
}

pub struct Siege {
    pub world: World,
    pub sweep: Sweep,
    attacking: watch::Sender<bool>,
    good: JoinHandle<()>,
}

impl Siege {
    /// A coordinator of one sweep, on which a good worker is at work.
    pub async fn begin() -> Self {
        Self::beside(&[]).await
    }

    /// As [`Siege::begin`], with `others` that are paused.
    pub async fn beside(others: &[&Sweep]) -> Self {
        Self::of(others, Doors::default(), None).await
    }

    /// As [`Siege::begin`], behind `doors`.
    pub async fn guarded(doors: Doors) -> Self {
        Self::of(&[], doors, None).await
    }

    /// As [`Siege::begin`], on a coordinator that asks for certificates.
    pub async fn behind(by: Secured) -> Self {
        Self::of(&[], Doors::default(), Some(by)).await
    }

    async fn of(others: &[&Sweep], doors: Doors, secured: Option<Secured>) -> Self {
        watch_for_panics();
        raise_file_limit();
        let sweep = sweep(12, 1);
        let all: Vec<&Sweep> = [&sweep].into_iter().chain(others.iter().copied()).collect();
        let world = match secured {
            Some(by) => World::secured(&all, LEASE_TIMEOUT, doors, by).await,
            None => World::guarded(&all, LEASE_TIMEOUT, doors).await,
        };
        for other in others {
            let id = other.id().to_string();
            let pause = v1::PauseSweepRequest { id };
            world.sweeps().pause_sweep(pause).await.expect("pause");
        }
        let (attacking, attacked) = watch::channel(true);
        let good = Good {
            worker: world.worker("good").await,
            work: world.work(),
            sweep: sweep.clone(),
            attacked,
            held: Vec::new(),
            reported: 0,
        };
        let good = tokio::spawn(good.go_on());
        Self {
            world,
            sweep,
            attacking,
            good,
        }
    }

    /// The unit of a block in the first run.
    pub fn unit(&self, block: u32) -> UnitId {
        UnitId {
            sweep: self.sweep.id(),
            key: key(0, 0, block),
        }
    }

    /// The attack is over: the good worker finishes, and nothing is amiss.
    pub async fn ends_well(self) {
        self.attacking.send_replace(false);
        let settled = tokio::time::timeout(PATIENCE, self.world.settled(&self.sweep)).await;
        let settled = settled.expect("the sweep ends");
        assert_eq!(settled.state(), v1::SweepState::Complete, "{settled:?}");
        assert!(!self.good.is_finished(), "the good worker goes on");
        self.good.abort();
        let failures = self.world.store.failures(self.sweep.id());
        let failures = failures.expect("failures");
        assert!(failures.is_empty(), "no failure is left: {failures:?}");
        let query = v1::QueryEstimatesRequest {
            id: self.sweep.id().to_string(),
            ..Default::default()
        };
        let answer = self.world.results().query_estimates(query).await;
        let digest = answer.expect("estimates").into_inner().digest;
        assert_eq!(digest, Some(expected(&self.sweep)));
        nothing_panicked();
    }
}

/// The digest of what the good worker reports.
fn expected(sweep: &Sweep) -> String {
    let plan = Plan::new(sweep.facts());
    let mut digest = Digest::new(sweep.facts());
    for (cell, replicate) in plan.runs() {
        let units: Vec<_> = (0..plan.blocks(cell))
            .map(|block| trajectory(sweep, key(cell.0, replicate.0, block), DISTANCE))
            .collect();
        let ks = &sweep.cell(cell).ks;
        digest
            .run(cell, replicate, ks, &units)
            .expect("one base run");
    }
    digest.finish().to_string()
}

/// A worker as it should be: beats, and reports a unit at each beat; but after a few only when the attack is over.
struct Good {
    worker: Worker,
    work: Client,
    sweep: Sweep,
    attacked: watch::Receiver<bool>,
    held: Vec<(Token, VecDeque<UnitId>)>,
    reported: usize,
}

impl Good {
    async fn go_on(mut self) {
        let (beats, beating) = mpsc::channel(1);
        let answers = self.work.beat(ReceiverStream::new(beating)).await;
        let mut answers = answers.expect("beats are answered").into_inner();
        let mut pace = interval(PACE);
        self.worker.ask_for_work().await;
        loop {
            tokio::select! {
                _ = pace.tick() => {
                    let tokens = self.held.iter().map(|(token, _)| token.clone()).collect();
                    let worker = "good".into();
                    beats.send(v1::BeatRequest { worker, tokens }).await.expect("beats go on");
                    let answer = answers.message().await.expect("an answer").expect("one");
                    answer.revoked.iter().for_each(|token| self.drop_lease(token));
                    if self.reported < BEFORE || !*self.attacked.borrow() {
                        self.report_one().await;
                    }
                }
                heard = self.worker.hear() => match heard.expect("the good worker is not lost") {
                    Some(Heard::Lease(lease)) => {
                        let units = units_of(&self.sweep, &lease).collect();
                        self.held.push((lease.token, units));
                        self.worker.ask_for_work().await;
                    }
                    Some(Heard::Revoke(revoke)) => self.drop_lease(&revoke.token),
                    Some(_) => {}
                    None => panic!("the good worker is lost"),
                }
            }
        }
    }

    fn drop_lease(&mut self, revoked: &Token) {
        self.held.retain(|(token, _)| token != revoked);
    }

    async fn report_one(&mut self) {
        let Some((token, units)) = self.held.first_mut() else {
            return;
        };
        if let Some(unit) = units.pop_front() {
            let bits = trajectory(&self.sweep, unit.key, DISTANCE).encode();
            let outcome = report(self.work.clone(), vec![(unit, bits)], NUMERICS).await;
            let outcome = outcome.expect("a report is answered")[0];
            let fine = [v1::Outcome::Accepted, v1::Outcome::Duplicate];
            assert!(fine.contains(&outcome), "{outcome:?}");
            self.reported += 1;
        }
        if units.is_empty() {
            let token = token.clone();
            self.drop_lease(&token);
            self.worker.say(Say::Finished(v1::Finished { token })).await;
        }
    }
}

/// What a call is refused with, within reasonable time.
pub async fn refused<T>(call: impl Future<Output = Result<T, Status>>) -> Status {
    let answer = tokio::time::timeout(PATIENCE, call).await;
    let status = answer.expect("an answer in time").err().expect("a refusal");
    let length = status.message().len();
    assert!((1..=LONGEST_REASON).contains(&length), "{status:?}");
    status
}

/// Asserts that a call is refused as a wrong argument, and that the message says `why`.
pub async fn invalid<T>(why: &str, call: impl Future<Output = Result<T, Status>>) {
    let status = refused(call).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(
        status.message().contains(why),
        "`{why}` is not in {status:?}"
    );
}
