//! Giving leases: to the worker that waited longest, of the sweep that has fewest.

use bistable_common::ids::{LeaseToken, SweepId};

use super::{
    Board, Effect, Lease, LeaseEntry, Move, SessionId, Timestamp, UnitRange, ranges::RangeSet,
};

/// An endless source of tokens that nobody can guess who does not know the seed.
#[derive(Debug)]
pub(super) struct Tokens {
    seed: [u8; 32],
    used: u64,
}

impl Tokens {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, used: 0 }
    }

    fn next(&mut self) -> LeaseToken {
        let hash = blake3::keyed_hash(&self.seed, &self.used.to_le_bytes());
        self.used += 1;
        let mut token = [0; 16];
        token.copy_from_slice(&hash.as_bytes()[..16]);
        LeaseToken(token)
    }
}

impl Board {
    /// Gives leases while there is a worker that waits and a unit that does.
    pub(super) fn grant(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.waiting.is_empty() {
            return;
        }
        let slots = self.slots();
        while let Some(session) = self.waiting.front().copied() {
            if self.workers.get(&session).is_none_or(|w| w.credit == 0) {
                self.waiting.pop_front();
                continue;
            }
            let Some((sweep, units)) = self.next_units(slots) else {
                return;
            };
            self.waiting.pop_front();
            self.lease(now, session, sweep, units, out);
            if self.workers.get(&session).is_some_and(|w| w.credit > 0) {
                self.waiting.push_back(session);
            }
        }
    }

    fn next_units(&self, slots: u64) -> Option<(SweepId, UnitRange)> {
        let (&id, entry) = self
            .sweeps
            .iter()
            .filter(|(_, entry)| entry.wants_workers())
            .min_by_key(|(_, entry)| (entry.lease_count(), entry.served))?;
        let mut units = entry.units.next_pending()?;
        let pending = entry.units.counts().pending;
        let size = entry.costs.lease_size(units.cell, pending, slots);
        units.blocks.end = units
            .blocks
            .end
            .min(units.blocks.start.saturating_add(size));
        Some((id, units))
    }

    fn lease(
        &mut self,
        now: Timestamp,
        session: SessionId,
        sweep: SweepId,
        units: UnitRange,
        out: &mut Vec<Effect>,
    ) {
        let (Some(worker), Some(entry)) =
            (self.workers.get_mut(&session), self.sweeps.get_mut(&sweep))
        else {
            return;
        };
        for unit in units.units() {
            let moved = entry.units.make(unit, Move::Lease);
            debug_assert!(moved.is_ok(), "{moved:?}");
        }
        let attempts = units.units().filter_map(|unit| entry.attempts.get(&unit));
        let attempts = attempts.map(|attempts| attempts.count);
        let deadline = now + self.lease_timeout;
        let lease = Lease {
            token: self.tokens.next(),
            sweep,
            attempt: attempts.max().unwrap_or(0).saturating_add(1),
            worker: worker.worker.clone(),
            host: worker.host.clone(),
            deadline,
            units,
        };
        // A worker without leases need not beat, so its silence so far says nothing.
        if worker.leases.is_empty() {
            worker.seen = now;
        }
        worker.credit -= 1;
        worker.leases.insert(lease.token);
        self.granted += 1;
        entry.served = self.granted;
        entry
            .leases
            .entry((lease.units.cell, lease.units.replicate))
            .or_default()
            .insert(lease.token);
        self.deadlines.insert((deadline, lease.token));
        let blocks = &lease.units.blocks;
        self.leases.insert(
            lease.token,
            LeaseEntry {
                outstanding: RangeSet::from(u64::from(blocks.start)..u64::from(blocks.end)),
                lease: lease.clone(),
                session,
                saved_deadline: deadline,
            },
        );
        out.push(Effect::SaveLease(lease.clone()));
        out.push(Effect::SendLease(session, lease));
        out.push(Effect::Progressed(sweep));
    }
}
