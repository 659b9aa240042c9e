//! Which units a worker gets next.

use std::cmp::Reverse;

use bistable_common::ids::{SweepId, UnitKey};

use super::{Board, LeaseEntry, SweepEntry, Timestamp, UnitRange, WorkerEntry};

/// Leases a slot that a worker may have whatever they hold: one to work on, one to go on with.
const LEASES_A_SLOT: usize = 2;

/// Beyond those, predicted work that a worker may have in stock for each slot: many small leases travel together.
const STOCK_US: f64 = 1e6;

/// Ranges of pending units that are looked at for one worker. Those that do not suit it are few, or it is the one that
/// failed at so many.
const MAX_LOOKS: usize = 256;

impl Board {
    /// Whether a worker can do with another lease now.
    pub(super) fn has_room(&self, worker: &WorkerEntry) -> bool {
        let slots = worker.slots as usize;
        worker.leases.len() < LEASES_A_SLOT * slots
            || self.stock_us(worker) < STOCK_US * slots as f64
    }

    /// Predicted work in a worker's leases; endless where nothing is known.
    fn stock_us(&self, worker: &WorkerEntry) -> f64 {
        let leases = worker
            .leases
            .iter()
            .filter_map(|token| self.leases.get(token));
        leases.map(|lease| self.work_us(lease)).sum()
    }

    fn work_us(&self, lease: &LeaseEntry) -> f64 {
        let sweep = self.sweeps.get(&lease.lease.sweep);
        let unit = sweep.and_then(|sweep| sweep.costs.unit_us(lease.lease.units.cell));
        unit.unwrap_or(f64::INFINITY) * lease.outstanding.len().max(1) as f64
    }

    /// The next pending units for a worker: of the most urgent sweeps the one with the fewest leases has the first say.
    pub(super) fn next_units(
        &self,
        now: Timestamp,
        worker: &WorkerEntry,
    ) -> Option<(SweepId, UnitRange)> {
        let mut sweeps: Vec<_> = self
            .sweeps
            .iter()
            .filter(|(_, entry)| entry.wants_workers())
            .collect();
        sweeps
            .sort_by_key(|(_, entry)| (Reverse(entry.priority), entry.lease_count(), entry.served));
        sweeps
            .into_iter()
            .find_map(|(&id, entry)| Some((id, self.units_for(now, worker, entry)?)))
    }

    fn units_for(
        &self,
        now: Timestamp,
        worker: &WorkerEntry,
        sweep: &SweepEntry,
    ) -> Option<UnitRange> {
        let pending = sweep.units.counts().pending;
        let time_us = worker.time_us(now);
        let mut ranges = sweep.units.pending_ranges().take(MAX_LOOKS);
        ranges.find_map(|mut range| {
            let size = sweep
                .costs
                .lease_size(range.cell, pending, self.slots, time_us)?;
            if sweep.attempts.is_empty() {
                range.blocks.end = range
                    .blocks
                    .end
                    .min(range.blocks.start.saturating_add(size));
                return Some(range);
            }
            let suits = |unit: &UnitKey| !self.should_avoid(sweep, *unit, &worker.host);
            let first = range.units().find(suits)?;
            let skipped = first.block.0 - range.blocks.start;
            let suitable = range
                .units()
                .skip(skipped as usize)
                .take(size as usize)
                .take_while(suits);
            range.blocks.end = first.block.0 + suitable.count() as u32;
            range.blocks.start = first.block.0;
            Some(range)
        })
    }

    /// Whether a unit failed on this host, and there is another where it did not.
    fn should_avoid(&self, sweep: &SweepEntry, unit: UnitKey, host: &str) -> bool {
        let Some(attempts) = sweep.attempts.get(&unit) else {
            return false;
        };
        // A worker that neither has nor wants a lease may never want one.
        let takes_part = |worker: &&WorkerEntry| worker.credit > 0 || !worker.leases.is_empty();
        attempts.hosts.contains(host)
            && self
                .workers
                .values()
                .filter(takes_part)
                .any(|worker| !attempts.hosts.contains(&worker.host))
    }
}
