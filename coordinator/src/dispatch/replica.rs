//! Where sweeps stand, from the store alone: what a coordinator that does not lead can say.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bistable_common::ids::{Hash, SweepId};
use tokio::sync::Mutex;

use super::{Clock, DispatchError, Known, SweepStatus, load::read};
use crate::{
    board::{Board, Event, Lease, Terms, Timestamp},
    store::{Store, StoreError, StoredSweep, blocking},
};

/// How old an answer may be. Looking at a sweep of a million units takes a database a while, so lookers share.
const FRESH: Duration = Duration::from_secs(1);

/// For a board that is asked once, at the moment at which it is made: leases must live that long, and nobody beats.
const TERMS: Terms = Terms {
    beat_interval: FRESH,
    lease_timeout: FRESH,
    grace: FRESH,
};

/// A reader of the store.
#[derive(Clone)]
pub(crate) struct Replica {
    store: Arc<dyn Store>,
    numerics: Hash,
    clock: Clock,
    seen: Arc<Mutex<HashMap<SweepId, (Timestamp, SweepStatus)>>>,
}

impl Replica {
    pub fn new(store: Arc<dyn Store>, numerics: Hash, clock: Clock) -> Self {
        Self {
            store,
            numerics,
            clock,
            seen: Arc::default(),
        }
    }

    /// A sweep.
    pub async fn known(&self, id: SweepId) -> Result<Arc<Known>, DispatchError> {
        Ok(self.status(id).await?.known)
    }

    /// Where a sweep stands.
    pub async fn status(&self, id: SweepId) -> Result<SweepStatus, DispatchError> {
        // Held while the store is read: others who ask get the same answer instead of asking too.
        let mut seen = self.seen.lock().await;
        let now = self.clock.now();
        seen.retain(|_, (at, _)| now.since(*at) < FRESH);
        if let Some((_, status)) = seen.get(&id) {
            return Ok(status.clone());
        }
        let numerics = self.numerics;
        let status = blocking(&self.store, move |store| look(store, id, numerics, now)).await?;
        seen.insert(id, (self.clock.now(), status.clone()));
        Ok(status)
    }

    /// Where every sweep stands, oldest first.
    pub async fn list(&self) -> Result<Vec<SweepStatus>, DispatchError> {
        let sweeps = blocking::<_, StoreError>(&self.store, |store| store.sweeps()).await?;
        let mut statuses = Vec::with_capacity(sweeps.len());
        for stored in sweeps {
            match self.status(stored.sweep.id()).await {
                Ok(status) => statuses.push(status),
                // Deleted meanwhile.
                Err(DispatchError::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(statuses)
    }
}

/// Asks a board that was told what the store knows, and nothing else.
fn look(
    store: &dyn Store,
    id: SweepId,
    numerics: Hash,
    now: Timestamp,
) -> Result<SweepStatus, DispatchError> {
    let stored = store.sweep(id)?.ok_or(DispatchError::Unknown(id))?;
    let foreign = is_foreign(store, &stored, numerics)?;
    let mut leases = store.leases()?;
    leases.retain(|lease| lease.sweep == id);
    let workers = workers(&leases);
    let (known, loaded) = read(store, stored, leases, foreign)?;
    let mut board = Board::new([0; 32], TERMS);
    board.handle(now, Event::SweepAdded(loaded));
    let mut progress = board.progress(id).ok_or(DispatchError::Unknown(id))?;
    // The leader knows them; here nobody has a session.
    progress.workers = workers;
    Ok(SweepStatus::new(Arc::new(known), progress))
}

fn is_foreign(store: &dyn Store, stored: &StoredSweep, numerics: Hash) -> Result<bool, StoreError> {
    let id = stored.sweep.id();
    Ok(stored.numerics != numerics
        && !(store.done(id)?.is_empty() && store.conflicts(id)?.is_empty()))
}

fn workers(leases: &[Lease]) -> u64 {
    let names: BTreeSet<_> = leases.iter().map(|lease| &lease.worker).collect();
    names.len() as u64
}
