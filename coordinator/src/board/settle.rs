//! What the store decided about units: results, conflicts, second chances.

use std::time::Duration;

use bistable_common::ids::{SweepId, UnitId, UnitKey, WorkerId};

use super::{Board, Effect, Ending, LeaseToken, Move, Timestamp};

/// The highest cost that is believed of a unit that its reporter is not known to have had.
const HEARSAY: Duration = Duration::from_secs(3600);

impl Board {
    pub(super) fn on_unit_done(
        &mut self,
        now: Timestamp,
        unit: UnitId,
        worker: &WorkerId,
        compute_us: u64,
        out: &mut Vec<Effect>,
    ) {
        let had_us = self.had_us(now, unit, worker);
        if !self.settle(now, unit, Move::Finish, Some(worker), out) {
            return;
        }
        let (cell, compute_us) = (unit.key.cell, compute_us.min(had_us));
        self.credit(worker, compute_us);
        if let Some(entry) = self.sweeps.get_mut(&unit.sweep)
            && let Some(us) = entry.costs.observe(cell, compute_us)
        {
            out.push(Effect::SaveCost(unit.sweep, cell, us));
        }
    }

    /// Counts a unit for the worker that brought its first result, if it is here.
    fn credit(&mut self, worker: &WorkerId, compute_us: u64) {
        let session = self.sessions.get(worker);
        if let Some(entry) = session.and_then(|session| self.workers.get_mut(session)) {
            entry.units += 1;
            entry.compute_us = entry.compute_us.saturating_add(compute_us);
        }
    }

    /// How long a worker has had a unit: what it says of the unit's cost cannot be more. Of a lease of an earlier life, and
    /// of one that is over, nobody knows.
    fn had_us(&self, now: Timestamp, unit: UnitId, worker: &WorkerId) -> u64 {
        let leases = self.holders(unit).into_iter();
        let begun = leases
            .filter_map(|token| self.leases.get(&token))
            .filter(|entry| entry.lease.worker == *worker)
            .filter_map(|entry| entry.begun)
            .min();
        // Time is counted in whole milliseconds here.
        let had = begun.map(|begun| now.since(begun) + Duration::from_millis(1));
        let had = had.unwrap_or(HEARSAY).as_micros();
        u64::try_from(had).unwrap_or(u64::MAX)
    }

    pub(super) fn on_unit_conflicting(
        &mut self,
        now: Timestamp,
        unit: UnitId,
        out: &mut Vec<Effect>,
    ) {
        self.settle(now, unit, Move::Conflict, None, out);
    }

    /// Makes a move that the store has decided; whether anything changed. Leases on which nothing is left to do are taken
    /// away, except from `reporter`, who knows.
    fn settle(
        &mut self,
        now: Timestamp,
        unit: UnitId,
        decided: Move,
        reporter: Option<&WorkerId>,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(entry) = self.sweeps.get_mut(&unit.sweep) else {
            return false;
        };
        if !entry.units.plan().contains(unit.key) {
            return false;
        }
        let before = entry.units.state(unit.key);
        let Ok(after) = entry.units.make(unit.key, decided) else {
            return false;
        };
        entry.attempts.remove(&unit.key);
        for token in self.holders(unit) {
            self.tick_off(now, token, unit, reporter, out);
        }
        if before != after {
            out.push(Effect::Progressed(unit.sweep));
        }
        before != after
    }

    /// The leases in which a unit is outstanding.
    pub(super) fn holders(&self, unit: UnitId) -> Vec<LeaseToken> {
        let Some(entry) = self.sweeps.get(&unit.sweep) else {
            return Vec::new();
        };
        let block = u64::from(unit.key.block.0);
        let holds = |token: &LeaseToken| {
            let lease = self.leases.get(token);
            lease.is_some_and(|lease| lease.outstanding.contains(block))
        };
        let run = (unit.key.cell, unit.key.replicate);
        entry.leases_of(run).filter(holds).collect()
    }

    fn tick_off(
        &mut self,
        now: Timestamp,
        token: LeaseToken,
        unit: UnitId,
        reporter: Option<&WorkerId>,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.leases.get_mut(&token) else {
            return;
        };
        let block = u64::from(unit.key.block.0);
        entry.outstanding.remove(block..block + 1);
        entry.progressed = now;
        if entry.outstanding.is_empty() && reporter != Some(&entry.lease.worker) {
            if let Some(session) = entry.session {
                out.push(Effect::Revoke(session, token));
            }
            self.release(token, Ending::Withdrawn, out);
        }
    }

    pub(super) fn on_units_retried(
        &mut self,
        sweep: SweepId,
        units: Vec<UnitKey>,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.sweeps.get_mut(&sweep) else {
            return;
        };
        for unit in units {
            if entry.units.plan().contains(unit) && entry.units.make(unit, Move::Retry).is_ok() {
                entry.attempts.remove(&unit);
            }
        }
        out.push(Effect::Progressed(sweep));
    }
}
