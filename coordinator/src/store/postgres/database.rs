//! The connections to one database, and calls that outlive them.
//!
//! Reads have connections of their own, so that no query keeps a write waiting. Writes about sweeps and units share one, so
//! that they follow each other; those about leases have another, so that the disk serves both at a time. A call whose connection breaks is made again on a new one for a while. That is safe for every write of
//! the store: what it does is keyed, so that doing it twice, should the first time have been committed after all, is doing it
//! once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    time::timeout,
};

use super::{address::PostgresAddress, error::PostgresError, session::Session};
use crate::store::StoreError;

/// Connections for reading, at most.
const MAX_READERS: usize = 6;

/// How long a call is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How long one try may take: a server that hangs must not hold its callers for ever. Deleting or reading millions of rows
/// takes a while.
const LONGEST_CALL: Duration = Duration::from_secs(120);

/// How long a leader's sign of life may take.
const LONGEST_SIGN: Duration = Duration::from_secs(2);

/// Which connection a write goes by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    /// Sweeps, results, failures, data.
    Facts,
    /// Leases and what units cost.
    Leases,
}

/// Room for one connection.
pub(super) type Slot = Mutex<Option<Session>>;

/// A database.
pub(super) struct Database {
    pub address: PostgresAddress,
    /// Carries the connections. Only ever taken when this value goes.
    runtime: Option<Runtime>,
    writer: Slot,
    lessor: Slot,
    elector: Slot,
    pinger: Slot,
    idle_readers: Mutex<Vec<Session>>,
    readers: Semaphore,
}

impl Database {
    /// Connects to nothing yet.
    pub fn new(address: PostgresAddress) -> Result<Self, PostgresError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(PostgresError::Threads)?;
        Ok(Self {
            address,
            runtime: Some(runtime),
            writer: Slot::default(),
            lessor: Slot::default(),
            elector: Slot::default(),
            pinger: Slot::default(),
            idle_readers: Mutex::default(),
            readers: Semaphore::new(MAX_READERS),
        })
    }

    /// Reads. Sees one moment only within a statement.
    pub fn read<T>(
        &self,
        work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.block_on(async {
            // Never closed, so there is always a permit some time.
            let _permit = self.readers.acquire().await;
            let mut slot = locked(&self.idle_readers).pop();
            let value = self.patiently(&mut slot, work).await;
            locked(&self.idle_readers).extend(slot);
            value
        })
    }

    /// Does all of `work` or, on an error, none of it.
    pub fn write<T>(
        &self,
        lane: Lane,
        mut work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = locked(match lane {
            Lane::Facts => &self.writer,
            Lane::Leases => &self.lessor,
        });
        self.block_on(self.patiently(&mut slot, async |session| {
            session
                .batch("BEGIN ISOLATION LEVEL READ COMMITTED")
                .await?;
            let value = work(session).await;
            if value.is_err() {
                session.batch("ROLLBACK").await?;
            }
            let value = value?;
            session.batch("COMMIT").await?;
            Ok(value)
        }))
    }

    /// Asks about the leader, once: whoever asks has its own idea of when to ask again.
    pub fn elect<T>(
        &self,
        work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = locked(&self.elector);
        self.block_on(self.once(&mut slot, LONGEST_SIGN, work))
    }

    /// Asks for a sign of life, once.
    pub fn ping(&self) -> Result<(), StoreError> {
        let mut slot = locked(&self.pinger);
        self.block_on(self.once(&mut slot, LONGEST_SIGN, async |session| {
            Ok(session.batch("SELECT 1").await?)
        }))
    }

    /// Ends every idle connection.
    pub fn disconnect(&self) {
        locked(&self.idle_readers).clear();
        locked(&self.pinger).take();
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("taken by drop alone");
        runtime.handle().block_on(work)
    }

    async fn patiently<T>(
        &self,
        slot: &mut Option<Session>,
        mut work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(10));
        loop {
            match self.once(slot, LONGEST_CALL, &mut work).await {
                Err(error) if error.is_transient() && waited < PATIENCE => {
                    tracing::debug!(%error, "calling PostgreSQL again");
                }
                result => return result,
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// One try. A connection survives it only if nothing is wrong with it: whatever transaction is open on any other ends
    /// with it.
    async fn once<T>(
        &self,
        slot: &mut Option<Session>,
        limit: Duration,
        mut work: impl AsyncFnMut(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let call = async {
            let session = match slot.take().filter(|session| !session.is_closed()) {
                Some(session) => session,
                None => Session::open(&self.address).await?,
            };
            let value = work(&session).await;
            if !matches!(&value, Err(error) if error.is_transient()) {
                *slot = Some(session);
            }
            value
        };
        timeout(limit, call).await.unwrap_or_else(|_| {
            let place = self.address.to_string();
            let silent = PostgresError::Silent {
                place,
                patience: limit,
            };
            Err(silent.into())
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its thread is not allowed in async code, and nothing that is left matters.
            runtime.shutdown_background();
        }
    }
}

/// What is behind a lock: a call that panicked took its connection with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
