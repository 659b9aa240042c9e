//! A coordinator on a temporary store, a small sweep, and a worker that computes nothing and reports at once.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use bistable_common::{
    draw::{first_draws, measured_order},
    ids::{Block, CellId, Hash, LeaseToken, Replicate, UnitId, UnitKey},
    plan::Plan,
    spec::{Batch, Precision, ProblemSpec, QuadraticSpec, Solver, presets},
    sweep::{Cell, Facts, Indices, Replace, SolverName, Sweep},
    trajectory::{CurvePoint, Experiment, Record, ReplaceOne, Stop, Trajectory, curve_rounds},
    wire::{
        PROTOCOL,
        v1::{
            self, result_service_client::ResultServiceClient, session_request::Message as Say,
            session_response::Message as Heard, sweep_service_client::SweepServiceClient,
            work_service_client::WorkServiceClient,
        },
    },
};
use bistable_coordinator::{
    board::{Terms, Timestamp},
    server::{Backlog, Config, Doors, Server, TlsFiles, start},
    spans::Spans,
    store::{self, Store},
};
use bistable_worker::link::Credentials;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

pub const NUMERICS: Hash = Hash([7; 32]);

/// A coordinator and its store.
pub struct World {
    folder: tempfile::TempDir,
    pub store: Arc<dyn Store>,
    pub server: Server,
    channel: Channel,
    url: String,
    credentials: Credentials,
}

/// How a server speaks TLS, and what its clients show.
pub struct Secured {
    pub server: TlsFiles,
    pub client: Credentials,
}

impl World {
    /// A coordinator that knows `sweeps` from its store.
    pub async fn with(sweeps: &[&Sweep], lease_timeout: Duration) -> Self {
        Self::guarded(sweeps, lease_timeout, Doors::default()).await
    }

    /// The same behind `doors`.
    pub async fn guarded(sweeps: &[&Sweep], lease_timeout: Duration, doors: Doors) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::in_folder(folder, sweeps, lease_timeout, doors, None).await
    }

    /// A patient coordinator of one sweep behind `doors`.
    pub async fn behind(doors: Doors, sweep: &Sweep) -> Self {
        Self::guarded(&[sweep], Duration::from_secs(600), doors).await
    }

    /// The same, speaking TLS.
    pub async fn secured(
        sweeps: &[&Sweep],
        lease_timeout: Duration,
        doors: Doors,
        by: Secured,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::in_folder(folder, sweeps, lease_timeout, doors, Some(by)).await
    }

    async fn in_folder(
        folder: tempfile::TempDir,
        sweeps: &[&Sweep],
        lease_timeout: Duration,
        doors: Doors,
        secured: Option<Secured>,
    ) -> Self {
        let (tls, credentials) = match secured {
            Some(Secured { server, client }) => (Some(server), client),
            None => (None, Credentials::default()),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let config = Config {
            tls,
            ..config_in(&folder, sweeps, lease_timeout, doors)
        };
        let store = Arc::clone(&config.store);
        let server = start(config).await.expect("a server");
        let url = format!("{scheme}://{}", server.addr());
        Self {
            folder,
            store,
            server,
            channel: connect(&url, &credentials).await,
            url,
            credentials,
        }
    }

    /// A patient coordinator of one sweep.
    pub async fn of(sweep: &Sweep) -> Self {
        Self::with(&[sweep], Duration::from_secs(600)).await
    }

    /// Another coordinator on the same file.
    pub async fn restarted(self) -> Self {
        self.server.shutdown().await.expect("a polite end");
        drop(self.store);
        let (patience, doors) = (Duration::from_secs(600), Doors::default());
        Self::in_folder(self.folder, &[], patience, doors, None).await
    }

    pub fn sweeps(&self) -> SweepServiceClient<Channel> {
        SweepServiceClient::new(self.channel.clone())
    }

    pub fn work(&self) -> WorkServiceClient<Channel> {
        WorkServiceClient::new(self.channel.clone())
    }

    pub fn results(&self) -> ResultServiceClient<Channel> {
        ResultServiceClient::new(self.channel.clone())
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A connection that shares nothing with the others.
    pub async fn another_connection(&self) -> Channel {
        connect(&self.url, &self.credentials).await
    }

    /// A worker with one slot.
    pub async fn worker(&self, name: &str) -> Worker {
        Worker::join(self.work(), hello(name)).await.expect("join")
    }

    /// Where the sweep stands.
    pub async fn status(&self, sweep: &Sweep) -> v1::SweepStatus {
        let id = sweep.id().to_string();
        let answer = self.sweeps().get_sweep(v1::GetSweepRequest { id }).await;
        let sweep = answer.expect("get_sweep").into_inner().sweep;
        sweep.expect("a status")
    }

    /// Where the sweep stands when nothing more happens by itself.
    pub async fn settled(&self, sweep: &Sweep) -> v1::SweepStatus {
        let id = sweep.id().to_string();
        let watched = self
            .sweeps()
            .watch_sweep(v1::WatchSweepRequest { id })
            .await;
        let mut looks = watched.expect("watch").into_inner();
        let mut last = None;
        while let Some(look) = looks.message().await.expect("a look") {
            last = look.sweep;
        }
        last.expect("a status")
    }

    /// Cancels the sweep.
    pub async fn cancel(&self, sweep: &Sweep) {
        let id = sweep.id().to_string();
        let request = v1::CancelSweepRequest { id };
        self.sweeps().cancel_sweep(request).await.expect("cancel");
    }

    /// Reports one unit.
    pub async fn report(&self, unit: UnitId, bytes: Vec<u8>) -> Result<v1::Outcome, Status> {
        let outcomes = report(self.work(), vec![(unit, bytes)], NUMERICS).await?;
        Ok(outcomes[0])
    }
}

/// A coordinator that knows `sweeps`, not yet started; its store is in the folder.
pub fn config(
    sweeps: &[&Sweep],
    lease_timeout: Duration,
    doors: Doors,
) -> (Config, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config_in(&folder, sweeps, lease_timeout, doors);
    (config, folder)
}

/// The same, with its store in `folder`.
pub fn config_in(
    folder: &tempfile::TempDir,
    sweeps: &[&Sweep],
    lease_timeout: Duration,
    doors: Doors,
) -> Config {
    let path: PathBuf = folder.path().join("store.db");
    let store = store::open(path.to_str().expect("a path")).expect("a store");
    for sweep in sweeps {
        store
            .submit_sweep(sweep, NUMERICS, None, Timestamp(1))
            .expect("submit");
    }
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        tls: None,
        store,
        numerics: NUMERICS,
        bundled: None,
        terms: Terms {
            beat_interval: (lease_timeout / 8).min(Duration::from_secs(1)),
            lease_timeout,
            grace: lease_timeout,
        },
        backlog: Backlog::GoesOn,
        doors,
        spans: Spans::default(),
    }
}

async fn connect(url: &str, credentials: &Credentials) -> Channel {
    let address = url.parse().expect("an address");
    let channel = credentials.channel(&address).await;
    channel.expect("a connection")
}

pub fn hello(name: &str) -> v1::Hello {
    v1::Hello {
        protocol: PROTOCOL,
        worker: name.into(),
        host: "host".into(),
        slots: 1,
        numerics: NUMERICS.0.to_vec().into(),
        build: "test".into(),
        held: vec![],
        remaining_ms: None,
        proof: vec![1; 16].into(),
    }
}

/// A session.
pub struct Worker {
    pub say: mpsc::Sender<v1::SessionRequest>,
    pub hear: Streaming<v1::SessionResponse>,
    work: WorkServiceClient<Channel>,
}

impl Worker {
    pub async fn join(
        mut work: WorkServiceClient<Channel>,
        hello: v1::Hello,
    ) -> Result<Self, Status> {
        let (say, said) = mpsc::channel(16);
        let first = v1::SessionRequest {
            message: Some(Say::Hello(hello)),
        };
        say.send(first).await.expect("room");
        let hear = work.session(ReceiverStream::new(said)).await?.into_inner();
        let mut worker = Self { say, hear, work };
        match worker.hear().await? {
            Some(Heard::Welcome(_)) => Ok(worker),
            other => panic!("no welcome but {other:?}"),
        }
    }

    pub async fn say(&self, message: Say) {
        let message = Some(message);
        let said = self.say.send(v1::SessionRequest { message }).await;
        said.expect("a session");
    }

    pub async fn hear(&mut self) -> Result<Option<Heard>, Status> {
        let heard = self.hear.message().await?;
        Ok(heard.and_then(|response| response.message))
    }

    pub async fn ask_for_work(&self) {
        self.say(Say::Credit(v1::Credit { leases: 1 })).await;
    }

    /// The next lease.
    pub async fn lease(&mut self) -> v1::Lease {
        loop {
            match self.hear().await.expect("a session") {
                Some(Heard::Lease(lease)) => return lease,
                Some(Heard::Sweep(_)) => {}
                other => panic!("no lease but {other:?}"),
            }
        }
    }

    /// Asks for a lease, reports all of it, and returns how many units it was.
    pub async fn work_once(&mut self, sweep: &Sweep) -> usize {
        self.ask_for_work().await;
        let lease = self.lease().await;
        let units: Vec<_> = units_of(sweep, &lease)
            .map(|unit| (unit, trajectory(sweep, unit.key, 0.5).encode()))
            .collect();
        let count = units.len();
        let token = token_of(&lease);
        let outcomes = report_under(token, self.work.clone(), units, NUMERICS).await;
        let accepted = vec![v1::Outcome::Accepted; count];
        assert_eq!(outcomes.expect("report"), accepted);
        let token = lease.token;
        self.say(Say::Finished(v1::Finished { token })).await;
        count
    }
}

pub fn token_of(lease: &v1::Lease) -> LeaseToken {
    LeaseToken::try_from(lease.token.as_ref()).expect("a token")
}

pub fn units_of(sweep: &Sweep, lease: &v1::Lease) -> impl Iterator<Item = UnitId> + use<> {
    let (id, cell, replicate) = (sweep.id(), lease.cell, lease.replicate);
    assert_eq!(lease.sweep, id.to_string());
    (lease.first_block..lease.end_block).map(move |block| UnitId {
        sweep: id,
        key: key(cell, replicate, block),
    })
}

pub fn key(cell: u32, replicate: u32, block: u32) -> UnitKey {
    UnitKey {
        cell: CellId(cell),
        replicate: Replicate(replicate),
        block: Block(block),
    }
}

/// Reports units that were computed under no lease that is known.
pub async fn report(
    work: WorkServiceClient<Channel>,
    units: Vec<(UnitId, Vec<u8>)>,
    numerics: Hash,
) -> Result<Vec<v1::Outcome>, Status> {
    report_under(LeaseToken([0; 16]), work, units, numerics).await
}

/// Reports units that were computed under a lease.
pub async fn report_under(
    token: LeaseToken,
    mut work: WorkServiceClient<Channel>,
    units: Vec<(UnitId, Vec<u8>)>,
    numerics: Hash,
) -> Result<Vec<v1::Outcome>, Status> {
    let units = units.into_iter().map(|(unit, bytes)| v1::UnitReport {
        unit: Some(unit.into()),
        token: token.0.to_vec().into(),
        trajectory: bytes.into(),
        compute_us: 1_000,
        computed_us: 0,
    });
    let request = v1::ReportRequest {
        worker: "w".into(),
        numerics: numerics.0.to_vec().into(),
        build: "test".into(),
        units: units.collect(),
        sent_us: 0,
    };
    let answer = work.report(request).await?.into_inner();
    Ok(answer.outcomes().collect())
}

/// A quadratic sweep of `blocks` units in each of `replicates` replicates.
pub fn sweep(blocks: u32, replicates: u32) -> Sweep {
    let preset = presets::find("ssgd").expect("a preset");
    let solver = Solver {
        batch_x: Batch::Of(1),
        batch_y: Batch::Of(1),
        ..preset.solver(1)
    };
    let problem = QuadraticSpec {
        dim_x: 1,
        dim_y: 1,
        mu_f: 1.0,
        l_f: 1.0,
        mu_g: 1.0,
        l_g: 1.0,
        mean: 0.0,
        noise: 1.0,
        seed: 1,
        ..QuadraticSpec::default()
    };
    let facts = Facts {
        scheme: bistable_common::sweep::SCHEME,
        problem: ProblemSpec::Quadratic(problem),
        data: None,
        test: 10,
        precision: Precision::F64,
        seed: 1,
        replicates,
        replace: Replace::Validation,
        indices: Indices::All,
        cells: vec![Cell {
            m1: blocks * 16,
            m2: 10,
            ks: vec![2, 4],
            solver,
        }],
    };
    let name = SolverName {
        label: "ssgd".into(),
        preset: "ssgd".into(),
    };
    Sweep::new("test".into(), 0.95, vec![name], facts).expect("a sweep")
}

/// A trajectory that `unit` could have, all of whose distances are `distance`.
pub fn trajectory(sweep: &Sweep, unit: UnitKey, distance: f64) -> Trajectory {
    let cell = sweep.cell(unit.cell);
    let losses = ReplaceOne {
        perturbed_at_original: 1.0,
        base_at_original: 1.0,
        base_at_replacement: 1.0,
        perturbed_at_replacement: 1.0,
    };
    let record = Record {
        dx2: distance,
        dy2: distance,
        dz2: None,
        loss: losses,
        error: None,
    };
    let rounds = match unit.block.0 {
        0 => curve_rounds(&cell.ks),
        _ => vec![],
    };
    let point = |k| CurvePoint {
        k,
        val_loss: 1.0,
        test_loss: 1.0,
        val_error: None,
        test_error: None,
        drawn: k,
    };
    let first = first_draws(sweep.facts(), cell, unit.replicate);
    let order = measured_order(sweep.facts(), cell, unit.replicate, &first);
    let experiment = |position: u32| Experiment {
        index: order[position as usize],
        first_drawn: Some(0),
        stop: Stop::Completed,
        records: vec![record; cell.ks.len()],
    };
    let positions = Plan::new(sweep.facts()).positions(unit.cell, unit.block);
    Trajectory {
        base_stop: Stop::Completed,
        base_states: vec![[1; 32]; cell.ks.len()],
        curve: rounds.into_iter().map(point).collect(),
        experiments: positions.map(experiment).collect(),
    }
}
