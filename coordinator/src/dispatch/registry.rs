//! The sweeps that the coordinator knows, for everyone who only reads.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use bistable_common::{ids::SweepId, plan::Plan, sweep::Sweep};

use crate::{
    board::{Priority, Timestamp},
    store::Lifecycle,
};

/// A sweep that the coordinator knows.
#[derive(Debug)]
pub(crate) struct Known {
    pub sweep: Sweep,
    pub plan: Plan,
    pub canonical_json: String,
    pub submitted_at: Timestamp,
    pub lifecycle: Lifecycle,
    pub priority: Priority,
    /// Whether its results are of numerics that no worker of this coordinator has.
    pub foreign: bool,
}

/// Written by the dispatcher alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry(Arc<RwLock<HashMap<SweepId, Arc<Known>>>>);

impl Registry {
    pub fn get(&self, sweep: SweepId) -> Option<Arc<Known>> {
        let sweeps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sweeps.get(&sweep).cloned()
    }

    /// Every sweep, oldest first.
    pub fn all(&self) -> Vec<Arc<Known>> {
        let sweeps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = sweeps.values().cloned().collect();
        all.sort_by_key(|known| (known.submitted_at, known.sweep.id()));
        all
    }

    pub fn put(&self, known: Known) {
        let mut sweeps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        sweeps.insert(known.sweep.id(), Arc::new(known));
    }

    pub(super) fn remove(&self, sweep: SweepId) {
        let mut sweeps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        sweeps.remove(&sweep);
    }
}
