//! Who leads, by the store's clock, which is the same for everyone.

use std::sync::Arc;

use super::Memory;
use crate::{
    board::Timestamp,
    store::{Elections, Epoch, Standing, StoreError, TERM},
};

/// The present term.
#[derive(Default)]
pub(super) struct Leader {
    epoch: i64,
    url: String,
    expires_at: Timestamp,
}

impl Leader {
    /// Makes sure that a write is the leader's.
    pub fn fence(&self, epoch: Epoch, now: Timestamp) -> Result<(), StoreError> {
        match epoch.0 == self.epoch {
            false => Err(StoreError::Deposed),
            true if self.expires_at <= now => Err(StoreError::Lapsed),
            true => Ok(()),
        }
    }

    fn begin(&mut self, url: &str, now: Timestamp) -> Option<Epoch> {
        if now < self.expires_at && self.url != url {
            return None;
        }
        *self = Self {
            epoch: self.epoch + 1,
            url: url.to_owned(),
            expires_at: now + TERM,
        };
        Some(Epoch(self.epoch))
    }
}

impl Elections for Memory {
    fn campaign(&self, url: &str) -> Result<Standing, StoreError> {
        self.reach()?;
        let now = (self.time)();
        self.with(|contents| {
            Ok(match contents.leader.begin(url, now) {
                Some(epoch) => {
                    tracing::debug!(%epoch, url, "elected");
                    let store = Arc::new(self.in_term(Some(epoch)));
                    Standing::Elected { epoch, store }
                }
                None => Standing::Following {
                    leader: contents.leader.url.clone(),
                },
            })
        })
    }

    fn renew(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.reach()?;
        let now = (self.time)();
        self.with(|contents| {
            if contents.leader.epoch != epoch.0 {
                return Err(StoreError::Deposed);
            }
            contents.leader.expires_at = now + TERM;
            Ok(())
        })
    }

    fn resign(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.reach()?;
        self.with(|contents| {
            if contents.leader.epoch == epoch.0 {
                contents.leader = Leader {
                    epoch: epoch.0 + 1,
                    ..Leader::default()
                };
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bistable_common::ids::Hash;

    use super::*;
    use crate::{board::fixture, store::Store};

    fn elected(memory: &Memory, url: &str) -> Option<(Epoch, Arc<dyn Store>)> {
        match memory.campaign(url).expect("a campaign") {
            Standing::Elected { epoch, store } => Some((epoch, store)),
            Standing::Following { .. } => None,
        }
    }

    fn writes(store: &dyn Store) -> Result<(), StoreError> {
        let sweep = fixture::sweep(40, 2, 1);
        let submitted = store.submit_sweep(&sweep, Hash([7; 32]), None, Timestamp(1));
        submitted.map(|_| ())
    }

    #[test]
    fn a_term_ends_with_its_time_and_fences_every_write() {
        let time = Arc::new(AtomicU64::new(1));
        let clock = Arc::clone(&time);
        let memory = Memory::new(Arc::new(move || Timestamp(clock.load(Ordering::Relaxed))));
        let (epoch, first) = elected(&memory, "a").expect("a leader");
        assert!(elected(&memory, "b").is_none());
        writes(&*first).expect("a write");
        time.fetch_add(TERM.as_millis() as u64, Ordering::Relaxed);
        assert!(matches!(writes(&*first), Err(StoreError::Lapsed)));
        memory.renew(epoch).expect("nobody else led");
        writes(&*first).expect("a write");
        memory.resign(epoch).expect("a resignation");
        let (_, second) = elected(&memory, "b").expect("another leader");
        assert!(matches!(writes(&*first), Err(StoreError::Deposed)));
        assert!(matches!(memory.renew(epoch), Err(StoreError::Deposed)));
        assert!(matches!(writes(&memory), Err(StoreError::Deposed)));
        writes(&*second).expect("a write");
    }
}
