//! What is stored, and what is done to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bistable_common::{
    ids::{CellId, Hash, LeaseToken, SweepId, UnitId, UnitKey},
    sweep::Sweep,
};

use crate::{
    board::{Failure, Fate, Lease, Priority, Timestamp},
    store::{
        Change, Lifecycle, MAX_RIVALS, Outcome, Rival, StoreError, StoredData, StoredSweep,
        Submitted, UnitResult,
    },
};

/// Everything. Cloned by each transaction.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub sweeps: BTreeMap<SweepId, SweepRow>,
    pub leases: BTreeMap<LeaseToken, Lease>,
    pub data: BTreeMap<Hash, (StoredData, Arc<[u8]>)>,
    /// What became of each report.
    pub history: BTreeMap<UnitId, Vec<Outcome>>,
    /// Where attempts failed.
    pub blamed: BTreeSet<String>,
}

/// A sweep and what belongs to it.
#[derive(Clone)]
pub(super) struct SweepRow {
    pub stored: StoredSweep,
    pub units: BTreeMap<UnitKey, Unit>,
    pub failures: BTreeMap<UnitKey, Failure>,
    pub costs: BTreeMap<CellId, u64>,
}

/// The results of a unit.
#[derive(Clone)]
pub(super) struct Unit {
    pub first: Arc<UnitResult>,
    reported_at: Timestamp,
    rivals: Vec<(Arc<UnitResult>, Timestamp)>,
}

impl Unit {
    pub fn is_done(&self) -> bool {
        self.rivals.is_empty()
    }

    pub fn is_torn(&self) -> bool {
        !self.is_done()
    }

    fn compare(&mut self, result: &UnitResult, now: Timestamp) -> Outcome {
        if self.first.trajectory == result.trajectory {
            return Outcome::Duplicate;
        }
        let same = |(rival, _): &(Arc<UnitResult>, _)| rival.trajectory == result.trajectory;
        let room = self.rivals.len() < MAX_RIVALS as usize;
        if room && !self.rivals.iter().any(same) {
            self.rivals.push((Arc::new(result.clone()), now));
        }
        Outcome::Conflicting
    }
}

impl Tables {
    pub fn submit(
        &mut self,
        sweep: &Sweep,
        numerics: Hash,
        priority: Option<Priority>,
        now: Timestamp,
    ) -> Submitted {
        let id = sweep.id();
        if self.sweeps.contains_key(&id) && !self.bind(id, numerics) {
            return Submitted::ForeignNumerics;
        }
        if let Some(row) = self.sweeps.get_mut(&id) {
            row.stored.sweep = sweep.clone();
            row.stored.lifecycle = Lifecycle::Running;
            row.stored.priority = priority.unwrap_or(row.stored.priority);
            return Submitted::Revived;
        }
        let stored = StoredSweep {
            sweep: sweep.clone(),
            lifecycle: Lifecycle::Running,
            numerics,
            priority: priority.unwrap_or_default(),
            submitted_at: now,
        };
        let row = SweepRow {
            stored,
            units: BTreeMap::new(),
            failures: BTreeMap::new(),
            costs: BTreeMap::new(),
        };
        self.sweeps.insert(id, row);
        Submitted::Inserted
    }

    pub fn bind(&mut self, sweep: SweepId, numerics: Hash) -> bool {
        let Some(row) = self.sweeps.get_mut(&sweep) else {
            return false;
        };
        if row.units.is_empty() {
            row.stored.numerics = numerics;
        }
        row.stored.numerics == numerics
    }

    pub fn record(&mut self, result: &UnitResult, now: Timestamp) -> Outcome {
        let outcome = self.compare_or_keep(result, now);
        self.history.entry(result.unit).or_default().push(outcome);
        outcome
    }

    fn compare_or_keep(&mut self, result: &UnitResult, now: Timestamp) -> Outcome {
        let UnitId { sweep, key } = result.unit;
        let Some(row) = self.sweeps.get_mut(&sweep) else {
            return Outcome::Stale;
        };
        let cancelled = row.stored.lifecycle == Lifecycle::Cancelled;
        if cancelled || row.stored.numerics != result.numerics {
            return Outcome::Stale;
        }
        if let Some(unit) = row.units.get_mut(&key) {
            return unit.compare(result, now);
        }
        let unit = Unit {
            first: Arc::new(result.clone()),
            reported_at: now,
            rivals: Vec::new(),
        };
        row.units.insert(key, unit);
        row.failures.remove(&key);
        Outcome::Accepted
    }

    pub fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::SaveLease(lease) => return self.save_lease(lease),
            Change::ExtendLease(token, deadline) => {
                if let Some(lease) = self.leases.get_mut(token) {
                    lease.deadline = *deadline;
                }
            }
            Change::DropLease(token) => drop(self.leases.remove(token)),
            Change::RecordFailure(failure) => return self.record_failure(failure),
            Change::SaveCost(sweep, cell, us) => {
                if let Some(row) = self.sweeps.get_mut(sweep) {
                    row.costs.insert(*cell, *us);
                }
            }
        }
        Ok(())
    }

    fn save_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let known = self.sweeps.contains_key(&lease.sweep);
        if !known || self.leases.insert(lease.token, lease.clone()).is_some() {
            return Err(StoreError::Damaged("a lease of no sweep, or twice".into()));
        }
        Ok(())
    }

    fn record_failure(&mut self, failure: &Failure) -> Result<(), StoreError> {
        self.blamed.insert(failure.host.clone());
        let UnitId { sweep, key } = failure.unit;
        let Some(row) = self.sweeps.get_mut(&sweep) else {
            return Err(StoreError::Damaged("a failure of no sweep".into()));
        };
        if !row.units.contains_key(&key) {
            row.failures.insert(key, failure.clone());
        }
        Ok(())
    }

    /// The units of a sweep with such results, in plan order.
    pub fn units(
        &self,
        sweep: SweepId,
        which: impl Fn(&Unit) -> bool,
    ) -> impl Iterator<Item = UnitKey> {
        let units = self.sweeps.get(&sweep).map(|row| row.units.iter());
        let units = units.into_iter().flatten();
        units
            .filter(move |(_, unit)| which(unit))
            .map(|(key, _)| *key)
    }

    pub fn rivals(&self, UnitId { sweep, key }: UnitId) -> Vec<Rival> {
        let unit = self.sweeps.get(&sweep).and_then(|row| row.units.get(&key));
        let Some(unit) = unit else {
            return Vec::new();
        };
        let rival = |result: &UnitResult, reported_at| Rival {
            trajectory: Hash::of(&result.trajectory),
            build: result.build.clone(),
            worker: result.worker.clone(),
            reported_at,
        };
        let mut rivals = vec![rival(&unit.first, unit.reported_at)];
        rivals.extend(unit.rivals.iter().map(|(result, at)| rival(result, *at)));
        rivals
    }

    pub fn retry(&mut self, sweep: SweepId, units: &[UnitKey]) -> Vec<UnitKey> {
        let mut blocked: BTreeSet<UnitKey> = self.units(sweep, Unit::is_torn).collect();
        let Some(row) = self.sweeps.get_mut(&sweep) else {
            return Vec::new();
        };
        let given_up = |failure: &&Failure| failure.fate == Fate::Quarantined;
        let quarantined = row.failures.values().filter(given_up);
        blocked.extend(quarantined.map(|failure| failure.unit.key));
        blocked.retain(|unit| units.is_empty() || units.contains(unit));
        for unit in &blocked {
            row.units.remove(unit);
            row.failures.remove(unit);
        }
        blocked.into_iter().collect()
    }
}
