//! What the coordinator knows durably: sweeps, their results, leases, failures and data sets.
//!
//! [`Store`] is a list of promises in the domain's words; `conformance` holds each backend to them. A store decides
//! nothing: it keeps what the board decided and what workers reported. Methods may block, so async callers go through
//! [`blocking`]. Time is an argument.

mod address;
#[cfg(test)]
mod conformance;
mod election;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod migrations_test;
mod postgres;
#[cfg(test)]
pub(crate) mod slow;
mod sqlite;
mod types;
mod words;

use std::{io, path::PathBuf, sync::Arc};

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey},
    sweep::Sweep,
};

pub use address::{InvalidAddress, StoreAddress};
pub use election::{CAMPAIGN_EVERY, Elections, Epoch, RENEW_EVERY, Standing, TERM};
pub use postgres::{InvalidPostgres, Postgres, PostgresAddress, PostgresError};
pub use sqlite::Sqlite;
pub use types::{
    Change, DataTotal, Lifecycle, Outcome, Rival, StoredData, StoredSweep, Submitted, UnitResult,
};

use crate::board::{Failure, Lease, Priority, Timestamp, UnitRange};

/// Results of a unit that are kept beside its first, about at most: a broken worker never runs out of others.
pub const MAX_RIVALS: u32 = 8;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store's address means nothing.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Another coordinator has it.
    #[error(
        "the store {} is in use by another coordinator (`bistable run` or `bistable serve`); wait for its end, or name another file with --store",
        path.display()
    )]
    InUse {
        /// The store.
        path: PathBuf,
    },
    /// Whether another coordinator has it cannot be found out.
    #[error("cannot lock the store with {}: {error}", path.display())]
    Lock {
        /// The file that is locked.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// A newer build wrote it.
    #[error(
        "the store has schema {found}, this build knows schemas up to {known}; use the newer build"
    )]
    Newer {
        /// Its schema.
        found: i64,
        /// The newest schema of this build.
        known: i64,
    },
    /// Content that has another hash than was said.
    #[error("the content has hash {found}, not {announced}")]
    HashMismatch {
        /// What was said.
        announced: Hash,
        /// What is.
        found: Hash,
    },
    /// A row that this program cannot have written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The database failed.
    #[error("SQLite store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database failed.
    #[error("PostgreSQL store: {0}")]
    Postgres(#[from] PostgresError),
    /// This coordinator does not lead, so it may not write. Nothing was written.
    #[error("another coordinator leads")]
    Deposed,
    /// This coordinator leads, but it has been silent for so long that another might. Nothing was written.
    #[error("the coordinator's term has expired and is not renewed yet")]
    Lapsed,
    /// The system gave no random numbers.
    #[error("no random numbers from the system: {0}")]
    Random(String),
    /// The task that called the store was torn down.
    #[error("the call of the store was interrupted")]
    Interrupted,
}

impl StoreError {
    /// Whether the same call may go well a moment later.
    fn is_transient(&self) -> bool {
        match self {
            Self::Postgres(error) => error.is_transient(),
            Self::Lapsed => true,
            _ => false,
        }
    }
}

/// A durable store. When a method returns `Ok`, what it wrote survives a crash of this machine.
pub trait Store: Send + Sync {
    /// How coordinators that share this store choose the one that writes. `None` if only one can open it, which writes.
    fn elections(&self) -> Option<&dyn Elections> {
        None
    }

    /// Whether the store answers.
    fn ping(&self) -> Result<(), StoreError>;

    /// Whether calls may keep their thread waiting.
    fn blocks(&self) -> bool {
        true
    }

    /// Inserts a running sweep, or makes the one with this identifier run again under this name; its results are kept.
    /// Without a `priority` a new sweep has the default one and a known sweep keeps its own.
    fn submit_sweep(
        &self,
        sweep: &Sweep,
        numerics: Hash,
        priority: Option<Priority>,
        now: Timestamp,
    ) -> Result<Submitted, StoreError>;

    /// Binds a sweep to these numerics unless it has results of others; whether it is bound to them now.
    fn bind_numerics(&self, sweep: SweepId, numerics: Hash) -> Result<bool, StoreError>;

    /// A sweep.
    fn sweep(&self, sweep: SweepId) -> Result<Option<StoredSweep>, StoreError>;

    /// Every sweep, oldest first.
    fn sweeps(&self) -> Result<Vec<StoredSweep>, StoreError>;

    /// Sets what clients want of a sweep; whether it exists.
    fn set_lifecycle(&self, sweep: SweepId, lifecycle: Lifecycle) -> Result<bool, StoreError>;

    /// Forgets a sweep with everything that belongs to it; whether it existed.
    fn delete_sweep(&self, sweep: SweepId) -> Result<bool, StoreError>;

    /// Records results, first writer wins, in one transaction: all of them or, on an error, none. One outcome each, in
    /// order. An accepted result ends its unit's failures.
    fn record(&self, results: &[UnitResult], now: Timestamp) -> Result<Vec<Outcome>, StoreError>;

    /// Carries out decisions in one transaction, in order.
    fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// The units that have a result and no conflict, in plan order.
    fn done(&self, sweep: SweepId) -> Result<Vec<UnitRange>, StoreError>;

    /// The units that have conflicting results, in plan order.
    fn conflicts(&self, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError>;

    /// Every result of a unit that was kept, the one stored first in front.
    fn rivals(&self, unit: UnitId) -> Result<Vec<Rival>, StoreError>;

    /// The units that failed and have no result, in plan order.
    fn failures(&self, sweep: SweepId) -> Result<Vec<Failure>, StoreError>;

    /// Puts back those of `units` (of all, if there are none) that are quarantined or have conflicting results, in one
    /// transaction: forgets their failures and every result of theirs. Returns them, in plan order.
    fn retry(&self, sweep: SweepId, units: &[UnitKey]) -> Result<Vec<UnitKey>, StoreError>;

    /// What units of each cell cost in microseconds, as far as it was saved, in the order of cells.
    fn costs(&self, sweep: SweepId) -> Result<Vec<(CellId, u64)>, StoreError>;

    /// The trajectories of one (cell, replicate) in the order of blocks, as bytes, without conflicting units.
    fn trajectories(
        &self,
        sweep: SweepId,
        cell: CellId,
        replicate: Replicate,
    ) -> Result<Vec<(Block, Vec<u8>)>, StoreError>;

    /// Every lease that was saved and not dropped.
    fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// Keeps a data set if `content` is what `data` says; keeping it twice is keeping it once.
    fn put_data(&self, data: &StoredData, content: &[u8]) -> Result<(), StoreError>;

    /// A data set's description, if the whole of it is present.
    fn data(&self, hash: Hash) -> Result<Option<StoredData>, StoreError>;

    /// How many data sets there are, and how large. Reads no content.
    fn data_total(&self) -> Result<DataTotal, StoreError>;

    /// The piece of a data set that begins at `chunk` x [`bistable_common::wire::CHUNK_BYTES`].
    fn data_chunk(&self, hash: Hash, chunk: u32) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts everything where a copy of the store's files has it. For a polite shutdown: nothing depends on it.
    fn flush(&self) -> Result<(), StoreError>;
}

/// Opens the store at `address`: an SQLite file (`sqlite:PATH`, `sqlite://PATH` or a bare path) or a PostgreSQL database
/// (`postgres://...` or `postgresql://...`).
pub fn open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    match address.parse()? {
        StoreAddress::Sqlite(path) => Ok(Arc::new(Sqlite::open(&path)?)),
        StoreAddress::Postgres(address) => Ok(Arc::new(Postgres::open(&address)?)),
    }
}

/// Calls a store from async code: on a thread that may block, if the store does.
pub async fn blocking<T, E>(
    store: &Arc<dyn Store>,
    call: impl FnOnce(&dyn Store) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    if !store.blocks() {
        return call(store.as_ref());
    }
    let store = Arc::clone(store);
    tokio::task::spawn_blocking(move || call(store.as_ref()))
        .await
        .unwrap_or_else(|_| Err(StoreError::Interrupted.into()))
}
