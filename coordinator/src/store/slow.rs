//! A store that keeps others waiting, for tests.

use std::sync::{Mutex, PoisonError, mpsc};

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey},
    sweep::Sweep,
};
use tokio::sync::Notify;

use super::{
    Change, DataTotal, Lifecycle, Outcome, Rival, Sqlite, Store, StoreError, StoredData,
    StoredSweep, Submitted, UnitResult,
};
use crate::board::{Failure, Lease, Priority, Timestamp, UnitRange};

/// It has recorded results, or read trajectories, long before it says so.
pub struct Slow {
    store: Sqlite,
    /// Told whenever it has.
    pub done_so: Notify,
    /// A word for each time that it may say so.
    words: Mutex<mpsc::Receiver<()>>,
}

impl Slow {
    /// It says so when it is told to.
    pub fn new(store: Sqlite) -> (Self, mpsc::Sender<()>) {
        let (word, words) = mpsc::channel();
        let slow = Self {
            store,
            done_so: Notify::new(),
            words: Mutex::new(words),
        };
        (slow, word)
    }

    fn wait(&self) {
        self.done_so.notify_one();
        let words = self.words.lock();
        // A test that is over has no more to say.
        let _ = words.unwrap_or_else(PoisonError::into_inner).recv();
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
            self.store.$name($($argument),*)
        })*
    };
}

impl Store for Slow {
    fn record(&self, results: &[UnitResult], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.store.record(results, now);
        self.wait();
        outcomes
    }

    fn trajectories(
        &self,
        sweep: SweepId,
        cell: CellId,
        replicate: Replicate,
    ) -> Result<Vec<(Block, Vec<u8>)>, StoreError> {
        let trajectories = self.store.trajectories(sweep, cell, replicate);
        self.wait();
        trajectories
    }

    pass_on! {
        ping() -> ();
        submit_sweep(sweep: &Sweep, numerics: Hash, priority: Option<Priority>, now: Timestamp) -> Submitted;
        bind_numerics(sweep: SweepId, numerics: Hash) -> bool;
        sweep(sweep: SweepId) -> Option<StoredSweep>;
        sweeps() -> Vec<StoredSweep>;
        set_lifecycle(sweep: SweepId, lifecycle: Lifecycle) -> bool;
        delete_sweep(sweep: SweepId) -> bool;
        apply(changes: &[Change]) -> ();
        done(sweep: SweepId) -> Vec<UnitRange>;
        conflicts(sweep: SweepId) -> Vec<UnitKey>;
        rivals(unit: UnitId) -> Vec<Rival>;
        failures(sweep: SweepId) -> Vec<Failure>;
        retry(sweep: SweepId, units: &[UnitKey]) -> Vec<UnitKey>;
        costs(sweep: SweepId) -> Vec<(CellId, u64)>;
        leases() -> Vec<Lease>;
        put_data(data: &StoredData, content: &[u8]) -> ();
        data(hash: Hash) -> Option<StoredData>;
        data_total() -> DataTotal;
        data_chunk(hash: Hash, chunk: u32) -> Option<Vec<u8>>;
        flush() -> ();
    }
}
