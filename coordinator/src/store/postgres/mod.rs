//! The store that several coordinators share: a PostgreSQL database, 15 or later.
//!
//! One of them leads, and only its handle of the store writes: each write transaction first makes sure that the handle's
//! epoch is the present one. Everyone reads.

mod address;
mod changes;
mod data;
mod database;
mod encryption;
mod error;
mod failures;
mod handshake;
mod leader;
mod record;
mod results;
mod row;
mod schema;
mod session;
mod sweeps;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use bistable_common::{
    ids::{Block, CellId, Hash, Replicate, SweepId, UnitId, UnitKey},
    sweep::Sweep,
};

pub use self::{
    address::{InvalidPostgres, PostgresAddress},
    error::PostgresError,
};
use self::{
    database::{Database, Lane},
    session::Session,
};
use super::{
    Change, DataTotal, Elections, Epoch, Lifecycle, Outcome, Rival, Standing, Store, StoreError,
    StoredData, StoredSweep, Submitted, UnitResult,
};
use crate::board::{Failure, Lease, Priority, Timestamp, UnitRange};

/// A handle of a database: a reader's, or a leader's.
pub struct Postgres {
    database: Arc<Database>,
    /// Which handle this is among those of all processes that ever opened the database.
    candidate: [u8; 16],
    /// The term that writes belong to.
    epoch: Option<Epoch>,
}

impl Postgres {
    /// Opens a database, creating and migrating its tables as needed. The handle reads; to write, win its elections.
    pub fn open(address: &PostgresAddress) -> Result<Self, StoreError> {
        let mut candidate = [0; 16];
        getrandom::fill(&mut candidate).map_err(|error| StoreError::Random(error.to_string()))?;
        let database = Database::new(address.clone())?;
        database.write(Lane::Facts, schema::migrate)?;
        Ok(Self {
            database: Arc::new(database),
            candidate,
            epoch: None,
        })
    }

    fn read<T>(
        &self,
        work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.database.read(work)
    }

    fn write<T>(
        &self,
        work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write_by(Lane::Facts, work)
    }

    fn write_by<T>(
        &self,
        lane: Lane,
        mut work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let epoch = self.epoch.ok_or(StoreError::Deposed)?;
        self.database.write(lane, async |session| {
            leader::fence(session, epoch).await?;
            work(session).await
        })
    }
}

impl Elections for Postgres {
    fn campaign(&self, url: &str) -> Result<Standing, StoreError> {
        let elected = self.database.elect(async |session| {
            let elected = leader::campaign(session, &self.candidate, url).await?;
            match elected {
                Some(epoch) => Ok(Ok(epoch)),
                None => Ok(Err(leader::url(session).await?)),
            }
        })?;
        Ok(match elected {
            Ok(epoch) => Standing::Elected {
                epoch,
                store: Arc::new(Self {
                    database: Arc::clone(&self.database),
                    candidate: self.candidate,
                    epoch: Some(epoch),
                }),
            },
            Err(leader) => Standing::Following { leader },
        })
    }

    fn renew(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.database
            .elect(async |session| leader::renew(session, epoch).await)
    }

    fn resign(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.database
            .elect(async |session| leader::resign(session, epoch).await)
    }
}

/// A write may be tried again although its first try was committed, if the connection broke before it said so. What the
/// first try found is then the truth, and the second finds what the first has done.
impl Store for Postgres {
    fn elections(&self) -> Option<&dyn Elections> {
        Some(self)
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.database.ping()
    }

    fn submit_sweep(
        &self,
        sweep: &Sweep,
        numerics: Hash,
        priority: Option<Priority>,
        now: Timestamp,
    ) -> Result<Submitted, StoreError> {
        let mut inserted = false;
        self.write(async |db| {
            let submitted = sweeps::submit(db, sweep, numerics, priority, now).await?;
            inserted |= submitted == Submitted::Inserted;
            Ok(match inserted {
                true => Submitted::Inserted,
                false => submitted,
            })
        })
    }

    fn bind_numerics(&self, sweep: SweepId, numerics: Hash) -> Result<bool, StoreError> {
        self.write(async |db| sweeps::bind_numerics(db, sweep, numerics).await)
    }

    fn sweep(&self, sweep: SweepId) -> Result<Option<StoredSweep>, StoreError> {
        self.read(async |db| sweeps::find(db, sweep).await)
    }

    fn sweeps(&self) -> Result<Vec<StoredSweep>, StoreError> {
        self.read(sweeps::list)
    }

    fn set_lifecycle(&self, sweep: SweepId, lifecycle: Lifecycle) -> Result<bool, StoreError> {
        self.write(async |db| sweeps::set_lifecycle(db, sweep, lifecycle).await)
    }

    fn delete_sweep(&self, sweep: SweepId) -> Result<bool, StoreError> {
        let mut existed = false;
        self.write(async |db| {
            existed |= sweeps::delete(db, sweep).await?;
            Ok(existed)
        })
    }

    fn record(&self, results: &[UnitResult], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        self.write(async |db| record::record(db, results, now).await)
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let lane = match changes.iter().any(changes::is_about_units) {
            true => Lane::Facts,
            false => Lane::Leases,
        };
        self.write_by(lane, async |db| changes::apply(db, changes).await)
    }

    fn done(&self, sweep: SweepId) -> Result<Vec<UnitRange>, StoreError> {
        self.read(async |db| results::done(db, sweep).await)
    }

    fn conflicts(&self, sweep: SweepId) -> Result<Vec<UnitKey>, StoreError> {
        self.read(async |db| results::conflicts(db, sweep).await)
    }

    fn rivals(&self, unit: UnitId) -> Result<Vec<Rival>, StoreError> {
        self.read(async |db| results::rivals(db, unit).await)
    }

    fn failures(&self, sweep: SweepId) -> Result<Vec<Failure>, StoreError> {
        self.read(async |db| failures::list(db, sweep).await)
    }

    fn retry(&self, sweep: SweepId, units: &[UnitKey]) -> Result<Vec<UnitKey>, StoreError> {
        let mut back = BTreeSet::new();
        self.write(async |db| {
            back.extend(failures::retry(db, sweep, units).await?);
            Ok(back.iter().copied().collect())
        })
    }

    fn costs(&self, sweep: SweepId) -> Result<Vec<(CellId, u64)>, StoreError> {
        self.read(async |db| changes::costs(db, sweep).await)
    }

    fn trajectories(
        &self,
        sweep: SweepId,
        cell: CellId,
        replicate: Replicate,
    ) -> Result<Vec<(Block, Vec<u8>)>, StoreError> {
        self.read(async |db| results::trajectories(db, sweep, cell, replicate).await)
    }

    fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.read(changes::leases)
    }

    fn put_data(&self, data: &StoredData, content: &[u8]) -> Result<(), StoreError> {
        data.check(content)?;
        self.write(async |db| data::put(db, data, content).await)
    }

    fn data(&self, hash: Hash) -> Result<Option<StoredData>, StoreError> {
        self.read(async |db| data::find(db, hash).await)
    }

    fn data_total(&self) -> Result<DataTotal, StoreError> {
        self.read(data::total)
    }

    fn data_chunk(&self, hash: Hash, chunk: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(async |db| data::chunk(db, hash, chunk).await)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.database.disconnect();
        Ok(())
    }
}
