//! Giving leases: to the worker that waited longest, of the most urgent sweep, and of several the one that has fewest.

use std::collections::{BTreeSet, VecDeque};

use bistable_common::ids::{LeaseToken, SweepId};

use super::{
    Board, Effect, Lease, LeaseEntry, Move, SessionId, Timestamp, UnitRange, UnitState,
    ranges::RangeSet,
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
    /// Gives leases while there is a worker that waits and a unit that does; what then waits may help with what takes
    /// long.
    pub(super) fn grant(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.straggles_at = None;
        if self.waiting.is_empty() {
            return;
        }
        if self.sweeps.values().any(|entry| entry.wants_workers()) {
            self.grant_pending(now, out);
        }
        if !self.waiting.is_empty() {
            self.duplicate_stragglers(now, out);
        }
    }

    fn grant_pending(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let mut left = VecDeque::new();
        let mut barren = BTreeSet::new();
        while let Some(session) = self.waiting.pop_front() {
            let Some(worker) = self.workers.get(&session) else {
                continue;
            };
            // What was not found for one worker of a machine is not there for the next.
            let hopeless = worker.until.is_none() && barren.contains(&worker.host);
            if hopeless || !self.has_room(worker) {
                left.push_back(session);
                continue;
            }
            match self.next_units(now, worker) {
                Some((sweep, units)) => {
                    self.lease(now, session, sweep, units, out);
                    if self.workers.get(&session).is_some_and(|w| w.credit > 0) {
                        self.waiting.push_back(session);
                    }
                }
                None => {
                    if worker.until.is_none() {
                        barren.insert(worker.host.clone());
                    }
                    left.push_back(session);
                }
            }
        }
        self.waiting = left;
    }

    /// Leases units, which are pending or leased to somebody else.
    pub(super) fn lease(
        &mut self,
        now: Timestamp,
        session: SessionId,
        sweep: SweepId,
        units: UnitRange,
        out: &mut Vec<Effect>,
    ) {
        let token = self.tokens.next();
        let Some(patience) = self
            .workers
            .get(&session)
            .map(|worker| self.patience(worker))
        else {
            return;
        };
        let (Some(worker), Some(entry)) =
            (self.workers.get_mut(&session), self.sweeps.get_mut(&sweep))
        else {
            return;
        };
        for unit in units.units() {
            if entry.units.state(unit) != UnitState::Leased {
                let moved = entry.units.make(unit, Move::Lease);
                debug_assert!(moved.is_ok(), "{moved:?}");
            }
        }
        let deadline = now + patience;
        let lease = Lease {
            token,
            sweep,
            attempt: entry.failed_attempts(&units).saturating_add(1),
            worker: worker.worker.clone(),
            host: worker.host.clone(),
            deadline,
            units,
        };
        // A worker without leases need not beat, so its silence so far says nothing.
        if worker.leases.is_empty() {
            worker.seen = now;
        }
        worker.credit = worker.credit.saturating_sub(1);
        worker.leases.insert(token);
        self.granted += 1;
        entry.served = self.granted;
        let blocks = &lease.units.blocks;
        let held = LeaseEntry {
            outstanding: RangeSet::from(u64::from(blocks.start)..u64::from(blocks.end)),
            lease: lease.clone(),
            session: Some(session),
            granted: self.granted,
            begun: Some(now),
            progressed: now,
            saved_deadline: deadline,
        };
        entry.link(held.run(), token);
        self.deadlines.insert((deadline, token));
        self.leases.insert(token, held);
        out.push(Effect::SaveLease(lease.clone()));
        out.push(Effect::SendLease(session, lease));
        out.push(Effect::Progressed(sweep));
    }
}
