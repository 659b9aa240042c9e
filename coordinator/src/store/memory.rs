//! A store in memory, for simulations: several coordinators may share it, and it outlives them. It never blocks.

mod election;
mod tables;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey},
    sweep::Sweep,
    wire::CHUNK_BYTES,
};

use self::{
    election::Leader,
    tables::{Tables, Unit},
};
use super::{
    Change, DataTotal, Elections, Epoch, Lifecycle, Outcome, Rival, Store, StoreError, StoredData,
    StoredSweep, Submitted, UnitResult,
};
use crate::board::{Failure, Lease, Priority, Timestamp, UnitRange};

/// The time by the store's own clock.
pub(crate) type Time = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What several handles share.
#[derive(Default)]
struct Contents {
    tables: Tables,
    leader: Leader,
}

/// A handle of a store.
pub(crate) struct Memory {
    contents: Arc<Mutex<Contents>>,
    time: Time,
    /// Whether the store is out of reach.
    cut: Arc<AtomicBool>,
    /// Under which it writes; without one it reads.
    epoch: Option<Epoch>,
}

impl Memory {
    /// An empty store. The handle reads; to write, win its elections.
    pub fn new(time: Time) -> Self {
        Self {
            contents: Arc::default(),
            time,
            cut: Arc::default(),
            epoch: None,
        }
    }

    /// What became of each report of each unit, for as long as the store exists.
    pub fn history(&self) -> BTreeMap<UnitId, Vec<Outcome>> {
        self.with(|contents| contents.tables.history.clone())
    }

    /// The machines on which attempts failed.
    pub fn blamed(&self) -> BTreeSet<String> {
        self.with(|contents| contents.tables.blamed.clone())
    }

    /// Another handle that reads, and that fails while `cut` says so.
    pub fn handle(&self, cut: &Arc<AtomicBool>) -> Self {
        Self {
            cut: Arc::clone(cut),
            ..self.in_term(None)
        }
    }

    fn in_term(&self, epoch: Option<Epoch>) -> Self {
        Self {
            contents: Arc::clone(&self.contents),
            time: Arc::clone(&self.time),
            cut: Arc::clone(&self.cut),
            epoch,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> T {
        work(&mut self.contents.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fails while the way to the store is cut.
    fn reach(&self) -> Result<(), StoreError> {
        match self.cut.load(Ordering::Relaxed) {
            true => Err(StoreError::Interrupted),
            false => Ok(()),
        }
    }

    fn read<T>(&self, work: impl FnOnce(&Tables) -> T) -> Result<T, StoreError> {
        self.reach()?;
        Ok(self.with(|contents| work(&contents.tables)))
    }

    /// A transaction.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.reach()?;
        let epoch = self.epoch.ok_or(StoreError::Deposed)?;
        let now = (self.time)();
        self.with(|contents| {
            contents.leader.fence(epoch, now)?;
            let mut draft = contents.tables.clone();
            let value = work(&mut draft)?;
            contents.tables = draft;
            Ok(value)
        })
    }
}

impl Store for Memory {
    fn elections(&self) -> Option<&dyn Elections> {
        Some(self)
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.reach()
    }

    fn blocks(&self) -> bool {
        false
    }

    fn submit_sweep(
        &self,
        sweep: &Sweep,
        numerics: Hash,
        priority: Option<Priority>,
        now: Timestamp,
    ) -> Result<Submitted, StoreError> {
        self.write(|tables| Ok(tables.submit(sweep, numerics, priority, now)))
    }

    fn bind_numerics(&self, sweep: SweepId, numerics: Hash) -> Result<bool, StoreError> {
        self.write(|tables| Ok(tables.bind(sweep, numerics)))
    }

    fn sweep(&self, sweep: SweepId) -> Result<Option<StoredSweep>, StoreError> {
        self.read(|tables| tables.sweeps.get(&sweep).map(|row| row.stored.clone()))
    }

    fn sweeps(&self) -> Result<Vec<StoredSweep>, StoreError> {
        let rows = self.read(|tables| tables.sweeps.values().cloned().collect::<Vec<_>>())?;
        let mut stored: Vec<_> = rows.into_iter().map(|row| row.stored).collect();
        stored.sort_by_key(|sweep| (sweep.submitted_at, sweep.sweep.id()));
        Ok(stored)
    }

    fn set_lifecycle(&self, sweep: SweepId, lifecycle: Lifecycle) -> Result<bool, StoreError> {
        self.write(|tables| {
            let row = tables.sweeps.get_mut(&sweep);
            Ok(row.map(|row| row.stored.lifecycle = lifecycle).is_some())
        })
    }

    fn delete_sweep(&self, sweep: SweepId) -> Result<bool, StoreError> {
        self.write(|tables| {
            tables.leases.retain(|_, lease| lease.sweep != sweep);
            Ok(tables.sweeps.remove(&sweep).is_some())
        })
    }

    fn record(&self, results: &[UnitResult], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        let recorded = self.write(|tables| {
            let outcomes = results.iter().map(|result| tables.record(result, now));
            Ok(outcomes.collect())
        });
        let units = results
            .iter()
            .map(|result| (&result.unit, &result.worker.0));
        tracing::debug!(units = ?units.collect::<Vec<_>>(), ?recorded, "reports");
        recorded
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        tracing::debug!(?changes, "decisions");
        self.write(|tables| changes.iter().try_for_each(|change| tables.apply(change)))
    }

    fn done(&self, sweep: SweepId) -> Result<Vec<UnitRange>, StoreError> {
        self.read(|tables| UnitRange::fold(tables.units(sweep, Unit::is_done).map(Ok)))?
    }

    fn conflicts(&self, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
        self.read(|tables| {
            let torn = tables.units(sweep, Unit::is_torn);
            torn.collect()
        })
    }

    fn rivals(&self, unit: UnitId) -> Result<Vec<Rival>, StoreError> {
        self.read(|tables| tables.rivals(unit))
    }

    fn failures(&self, sweep: SweepId) -> Result<Vec<Failure>, StoreError> {
        self.read(|tables| {
            let row = tables.sweeps.get(&sweep);
            row.map_or(Vec::new(), |row| row.failures.values().cloned().collect())
        })
    }

    fn retry(&self, sweep: SweepId, units: &[UnitKey]) -> Result<Vec<UnitKey>, StoreError> {
        self.write(|tables| Ok(tables.retry(sweep, units)))
    }

    fn costs(&self, sweep: SweepId) -> Result<Vec<(CellId, u64)>, StoreError> {
        self.read(|tables| {
            let costs = tables.sweeps.get(&sweep).map(|row| row.costs.iter());
            let costs = costs.into_iter().flatten();
            costs.map(|(cell, us)| (*cell, *us)).collect()
        })
    }

    fn trajectories(
        &self,
        sweep: SweepId,
        cell: CellId,
        replicate: Replicate,
    ) -> Result<Vec<(Block, Vec<u8>)>, StoreError> {
        self.read(|tables| {
            let run = |key: &UnitKey| (key.cell, key.replicate) == (cell, replicate);
            let units = tables.sweeps.get(&sweep).map(|row| row.units.iter());
            let done = units
                .into_iter()
                .flatten()
                .filter(|(_, unit)| unit.is_done());
            let of_run = done.filter(|(key, _)| run(key));
            of_run
                .map(|(key, unit)| (key.block, unit.first.trajectory.clone()))
                .collect()
        })
    }

    fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.read(|tables| tables.leases.values().cloned().collect())
    }

    fn put_data(&self, data: &StoredData, content: &[u8]) -> Result<(), StoreError> {
        data.check(content)?;
        self.write(|tables| {
            tables.data.insert(data.hash, (*data, content.into()));
            Ok(())
        })
    }

    fn data(&self, hash: Hash) -> Result<Option<StoredData>, StoreError> {
        self.read(|tables| tables.data.get(&hash).map(|(data, _)| *data))
    }

    fn data_total(&self) -> Result<DataTotal, StoreError> {
        self.read(|tables| DataTotal {
            sets: tables.data.len() as u64,
            bytes: tables.data.values().map(|(data, _)| data.bytes).sum(),
        })
    }

    fn data_chunk(&self, hash: Hash, chunk: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|tables| {
            let (_, content) = tables.data.get(&hash)?;
            let piece = content.chunks(CHUNK_BYTES).nth(chunk as usize)?;
            Some(piece.to_vec())
        })
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Standing, conformance};

    #[test]
    fn keeps_every_promise() {
        conformance::test_all(|| {
            let memory = Memory::new(Arc::new(|| Timestamp(1)));
            let handle = memory.handle(&Arc::default());
            conformance::Fixture::new(memory, move || match handle.campaign("here") {
                Ok(Standing::Elected { store, .. }) => store,
                _ => panic!("nobody else leads"),
            })
        });
    }
}
