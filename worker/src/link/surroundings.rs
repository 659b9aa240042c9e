//! What a worker finds around it: coordinators to call, threads to compute on, chance. A simulation brings its own.

use std::{process, sync::Arc, time::Duration};

use bistable_common::ids::UnitId;
use tokio::task::{JoinError, spawn_blocking};

use super::{
    address::Address,
    backoff::random,
    bearer::Wire,
    credentials::{Credentials, NoConnection},
    identity::host_name,
};

/// How long a unit takes.
pub type Pace = Arc<dyn Fn(UnitId) -> Duration + Send + Sync>;

/// What a worker cannot do by itself.
#[tonic::async_trait]
pub trait Surroundings: Send + Sync + 'static {
    /// Who a worker says it is. Asked once in its life.
    fn name(&self) -> Name;

    /// Connects to a coordinator.
    async fn connect(&self, address: &Address) -> Result<Wire, NoConnection>;

    /// Some number that other processes are unlikely to see. Nothing computed depends on it.
    fn random(&self) -> u64;

    /// Where to do what takes long.
    fn place(&self) -> Place;
}

/// What a worker is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The worker, unlike any other.
    pub worker: String,
    /// Its machine, which it may share.
    pub host: String,
    /// What only this process knows: nobody else can take its place by its name.
    pub proof: [u8; 16],
}

/// Where a worker does what takes long.
#[derive(Clone)]
pub enum Place {
    /// On threads, as fast as they are.
    Threads,
    /// Wherever it is asked for, while nothing else happens. A unit is computed when it has taken its time by the clock of
    /// the runtime, which need not be a real one.
    Here(Pace),
}

impl Place {
    /// Does `work` and returns what came of it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match self {
            Self::Threads => spawn_blocking(work).await,
            Self::Here(_) => Ok(work()),
        }
    }
}

/// A process on a machine with a network.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// What it shows to coordinators, and whom it trusts.
    pub credentials: Credentials,
}

#[tonic::async_trait]
impl Surroundings for Machine {
    fn name(&self) -> Name {
        let host = host_name();
        let worker = format!("{host}-{}-{:08x}", process::id(), random() >> 32);
        let halves = [random(), random()].map(u64::to_le_bytes);
        let proof = std::array::from_fn(|at| halves[at / 8][at % 8]);
        Name {
            worker,
            host,
            proof,
        }
    }

    async fn connect(&self, address: &Address) -> Result<Wire, NoConnection> {
        self.credentials.connect(address).await
    }

    fn random(&self) -> u64 {
        random()
    }

    fn place(&self) -> Place {
        Place::Threads
    }
}
