//! The embedded store: one SQLite file, one writer, readers that never wait for it.

mod costs;
mod data;
mod failures;
mod leases;
mod lock;
mod results;
mod schema;
mod sweeps;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey},
    sweep::Sweep,
};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use self::lock::Lock;
use super::{
    Change, DataTotal, Lifecycle, Outcome, Rival, Store, StoreError, StoredData, StoredSweep,
    Submitted, UnitResult,
};
use crate::board::{Failure, Lease, Priority, Timestamp, UnitRange};

/// How long a write waits for another process that holds the file (a shell with a transaction open, say).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle read connections that are kept.
const MAX_IDLE_READERS: usize = 4;

/// A store in an SQLite file.
pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Last, so that every connection is closed before it goes.
    _lock: Lock,
}

impl Sqlite {
    /// Opens the file, creating and migrating it as needed. Until this store is dropped, no other can be opened there: two
    /// coordinators would lease the same units.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = Connection::open(path)?;
        let lock = Lock::take(&writer, path)?;
        writer.busy_timeout(BUSY_TIMEOUT)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        // FULL, not NORMAL: in WAL mode NORMAL may lose the last commits when the machine stops.
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut writer)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            _lock: lock,
        })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolled it back, so the connection is as good as new.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle_readers().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => self.open_reader()?,
        };
        let value = work(&reader)?;
        let mut idle = self.idle_readers();
        if idle.len() < MAX_IDLE_READERS {
            idle.push(reader);
        }
        Ok(value)
    }

    fn idle_readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_reader(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.path, flags)?;
        reader.busy_timeout(BUSY_TIMEOUT)?;
        Ok(reader)
    }
}

fn apply(db: &Connection, changes: &[Change]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|change| match change {
        Change::SaveLease(lease) => leases::save(db, lease),
        Change::ExtendLease(token, deadline) => leases::extend(db, *token, *deadline),
        Change::DropLease(token) => leases::remove(db, *token),
        Change::RecordFailure(failure) => failures::record(db, failure),
        Change::SaveCost(sweep, cell, unit_us) => costs::save(db, *sweep, *cell, *unit_us),
    })
}

impl Store for Sqlite {
    fn ping(&self) -> Result<(), StoreError> {
        let look = "SELECT count(*) FROM sqlite_schema";
        self.read(|db| Ok(db.query_row(look, [], |_| Ok(()))?))
    }

    fn submit_sweep(
        &self,
        sweep: &Sweep,
        numerics: Hash,
        priority: Option<Priority>,
        now: Timestamp,
    ) -> Result<Submitted, StoreError> {
        self.write(|tx| sweeps::submit(tx, sweep, numerics, priority, now))
    }

    fn bind_numerics(&self, sweep: SweepId, numerics: Hash) -> Result<bool, StoreError> {
        self.write(|tx| sweeps::bind_numerics(tx, sweep, numerics))
    }

    fn sweep(&self, sweep: SweepId) -> Result<Option<StoredSweep>, StoreError> {
        self.read(|db| sweeps::get(db, sweep))
    }

    fn sweeps(&self) -> Result<Vec<StoredSweep>, StoreError> {
        self.read(sweeps::list)
    }

    fn set_lifecycle(&self, sweep: SweepId, lifecycle: Lifecycle) -> Result<bool, StoreError> {
        self.write(|tx| sweeps::set_lifecycle(tx, sweep, lifecycle))
    }

    fn delete_sweep(&self, sweep: SweepId) -> Result<bool, StoreError> {
        self.write(|tx| sweeps::delete(tx, sweep))
    }

    fn record(&self, results: &[UnitResult], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        self.write(|tx| results::record(tx, results, now))
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.write(|tx| apply(tx, changes))
    }

    fn done(&self, sweep: SweepId) -> Result<Vec<UnitRange>, StoreError> {
        self.read(|db| results::done(db, sweep))
    }

    fn conflicts(&self, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
        self.read(|db| results::conflicts(db, sweep))
    }

    fn rivals(&self, unit: UnitId) -> Result<Vec<Rival>, StoreError> {
        self.read(|db| results::rivals(db, unit))
    }

    fn failures(&self, sweep: SweepId) -> Result<Vec<Failure>, StoreError> {
        self.read(|db| failures::list(db, sweep))
    }

    fn retry(&self, sweep: SweepId, units: &[UnitKey]) -> Result<Vec<UnitKey>, StoreError> {
        self.write(|tx| failures::retry(tx, sweep, units))
    }

    fn costs(&self, sweep: SweepId) -> Result<Vec<(CellId, u64)>, StoreError> {
        self.read(|db| costs::list(db, sweep))
    }

    fn trajectories(
        &self,
        sweep: SweepId,
        cell: CellId,
        replicate: Replicate,
    ) -> Result<Vec<(Block, Vec<u8>)>, StoreError> {
        self.read(|db| results::trajectories(db, sweep, cell, replicate))
    }

    fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.read(leases::list)
    }

    fn put_data(&self, data: &StoredData, content: &[u8]) -> Result<(), StoreError> {
        data.check(content)?;
        self.write(|tx| data::put(tx, data, content))
    }

    fn data(&self, hash: Hash) -> Result<Option<StoredData>, StoreError> {
        self.read(|db| data::get(db, hash))
    }

    fn data_total(&self) -> Result<DataTotal, StoreError> {
        self.read(data::total)
    }

    fn data_chunk(&self, hash: Hash, chunk: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|db| data::chunk(db, hash, chunk))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.idle_readers().clear();
        self.writer().query_row(
            "/* checkpoint */ PRAGMA wal_checkpoint(TRUNCATE)",
            [],
            |_| Ok(()),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::conformance;

    #[test]
    fn keeps_every_promise() {
        conformance::test_all(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("store.db");
            conformance::Fixture::new(folder, move || {
                Arc::new(Sqlite::open(&path).expect("the store opens"))
            })
        });
    }

    #[test]
    fn a_store_is_open_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let first = Sqlite::open(&path).expect("the store opens");
        let second = Sqlite::open(&path);
        assert!(matches!(second, Err(StoreError::InUse { path: at }) if at == path));
        drop(first);
        Sqlite::open(&path).expect("the store opens again");
    }

    #[cfg(unix)]
    #[test]
    fn another_name_does_not_open_it_twice() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let alias = folder.path().join("alias.db");
        let _first = Sqlite::open(&path).expect("the store opens");
        std::os::unix::fs::symlink(&path, &alias).expect("a link");
        let second = Sqlite::open(&alias);
        assert!(matches!(second, Err(StoreError::InUse { path: at }) if at == alias));
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let store = Sqlite::open(&path).expect("the store opens");
        store
            .writer()
            .pragma_update(None, "user_version", 99)
            .expect("a pragma");
        drop(store);
        let refused = Sqlite::open(&path);
        assert!(matches!(refused, Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn a_file_that_is_no_store_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        std::fs::write(&path, "not a database, though long enough to look at").expect("a file");
        assert!(matches!(Sqlite::open(&path), Err(StoreError::Sqlite(_))));
    }
}
