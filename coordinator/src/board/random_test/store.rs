//! What a store would keep, and how it would answer.

use std::collections::BTreeMap;

use bistable_common::{
    ids::{CellId, LeaseToken, SweepId, UnitId, UnitKey, WorkerId},
    plan::Plan,
};

use crate::board::{
    Event, Failure, Fate, KnownSweep, Lease, Mode, Priority, Timestamp, UnitRange, fixture,
};

struct Row {
    plan: Plan,
    mode: Mode,
    priority: Priority,
    /// The bits that were stored first, and whether others came.
    results: BTreeMap<UnitKey, (u64, bool)>,
    failures: BTreeMap<UnitKey, Failure>,
    costs: BTreeMap<CellId, u64>,
}

/// The store.
#[derive(Default)]
pub struct Store {
    sweeps: BTreeMap<SweepId, Row>,
    pub leases: BTreeMap<LeaseToken, Lease>,
}

impl Store {
    pub fn submit(&mut self, id: SweepId) {
        self.sweeps.entry(id).or_insert_with(|| Row {
            plan: fixture::plan(16 * 5, 2),
            mode: Mode::Running,
            priority: Priority::default(),
            results: BTreeMap::new(),
            failures: BTreeMap::new(),
            costs: BTreeMap::new(),
        });
    }

    pub fn ids(&self) -> Vec<SweepId> {
        self.sweeps.keys().copied().collect()
    }

    pub fn set_mode(&mut self, id: SweepId, mode: Mode) {
        if let Some(row) = self.sweeps.get_mut(&id) {
            row.mode = mode;
        }
    }

    pub fn set_priority(&mut self, id: SweepId, priority: Priority) {
        if let Some(row) = self.sweeps.get_mut(&id) {
            row.priority = priority;
        }
    }

    pub fn delete(&mut self, id: SweepId) {
        self.sweeps.remove(&id);
    }

    /// Records a result, first writer wins; what the board is to hear.
    pub fn record(&mut self, unit: UnitId, bits: u64, worker: WorkerId) -> Option<Event> {
        let row = self.sweeps.get_mut(&unit.sweep)?;
        if row.mode == Mode::Cancelled || !row.plan.contains(unit.key) {
            return None;
        }
        let (first, conflict) = row.results.entry(unit.key).or_insert((bits, false));
        row.failures.remove(&unit.key);
        if *first != bits {
            *conflict = true;
            return Some(Event::UnitConflicting(unit));
        }
        Some(Event::UnitDone {
            unit,
            worker,
            compute_us: 100_000 * (unit.key.block.0 as u64 + 1),
        })
    }

    pub fn record_failure(&mut self, failure: Failure) {
        if let Some(row) = self.sweeps.get_mut(&failure.unit.sweep)
            && !row.results.contains_key(&failure.unit.key)
        {
            row.failures.insert(failure.unit.key, failure);
        }
    }

    pub fn save_cost(&mut self, id: SweepId, cell: CellId, us: u64) {
        if let Some(row) = self.sweeps.get_mut(&id) {
            row.costs.insert(cell, us);
        }
    }

    /// Puts back every unit that has trouble, or every second one.
    pub fn retry(&mut self, id: SweepId, every: usize) -> Option<Event> {
        let row = self.sweeps.get_mut(&id)?;
        let given_up = |failure: &&Failure| failure.fate == Fate::Quarantined;
        let quarantined = row.failures.values().filter(given_up);
        let mut units: Vec<UnitKey> = quarantined.map(|failure| failure.unit.key).collect();
        units.extend(conflicting(row));
        let units: Vec<UnitKey> = units.into_iter().step_by(every).collect();
        for unit in &units {
            row.failures.remove(unit);
            row.results.remove(unit);
        }
        Some(Event::UnitsRetried(id, units))
    }

    /// A sweep as it is read at start.
    pub fn load(&self, id: SweepId) -> KnownSweep {
        let row = &self.sweeps[&id];
        let leases = self.leases.values().filter(|lease| lease.sweep == id);
        KnownSweep {
            done: UnitRange::fold(done(row).map(Ok::<_, ()>)).expect("no errors"),
            failures: row.failures.values().cloned().collect(),
            conflicting: conflicting(row).collect(),
            mode: row.mode,
            priority: row.priority,
            costs: row.costs.iter().map(|(cell, us)| (*cell, *us)).collect(),
            leases: leases.cloned().collect(),
            ..fixture::known(id, row.plan.clone())
        }
    }

    pub fn extend(&mut self, token: LeaseToken, deadline: Timestamp) {
        let lease = self.leases.get_mut(&token).expect("a lease that was saved");
        lease.deadline = deadline;
    }

    /// Units with a result and no conflict.
    pub fn done(&self, id: SweepId) -> u64 {
        done(&self.sweeps[&id]).count() as u64
    }
}

fn done(row: &Row) -> impl Iterator<Item = UnitKey> + '_ {
    let whole = row.results.iter().filter(|(_, (_, conflict))| !conflict);
    whole.map(|(unit, _)| *unit)
}

fn conflicting(row: &Row) -> impl Iterator<Item = UnitKey> + '_ {
    let torn = row.results.iter().filter(|(_, (_, conflict))| *conflict);
    torn.map(|(unit, _)| *unit)
}
