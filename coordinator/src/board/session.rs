//! Workers come, come back, ask for work and give signs of life.

use std::{collections::BTreeSet, time::Duration};

use bistable_common::ids::{LeaseToken, UnitId, WorkerId};

use super::{
    Arrival, Board, Effect, Ending, Lease, LeaseEntry, Move, SessionId, Timestamp, WorkerEntry,
    ranges::RangeSet,
};

/// The most slots that a worker is believed to have.
const MAX_SLOTS: u32 = 1024;

/// Leases a slot that a worker can have asked for, at most.
const MAX_CREDIT: u32 = 64;

/// Beats a millisecond that a coordinator wants to hear, at most.
const BEATS_PER_MS: u32 = 1;

/// Beats that may be missing before a worker counts as lost.
const MISSED_BEATS: u32 = 4;

impl Board {
    /// How often workers are to beat: less often where there are very many.
    pub fn beat_interval(&self) -> Duration {
        let workers = u64::try_from(self.workers.len()).unwrap_or(u64::MAX);
        let fleet = Duration::from_millis(workers / u64::from(BEATS_PER_MS));
        self.terms.beat_interval.max(fleet)
    }

    /// How long a worker may be silent.
    pub(super) fn patience(&self, worker: &WorkerEntry) -> Duration {
        // By what this worker was told: when a fleet shrinks, those that remain still beat as it was.
        self.terms
            .lease_timeout
            .max(worker.beats_every * MISSED_BEATS)
    }

    /// Whether `arrival` goes by the name of another worker, whose session lives.
    pub fn is_taken(&self, arrival: &Arrival) -> bool {
        let session = self.sessions.get(&arrival.worker);
        let known = session.and_then(|session| self.workers.get(session));
        known.is_some_and(|known| known.proof != arrival.proof)
    }

    /// Opens a session. Leases that the worker presents stay its own; those it does not mention nobody works on.
    pub(super) fn on_joined(
        &mut self,
        now: Timestamp,
        session: SessionId,
        arrival: Arrival,
        out: &mut Vec<Effect>,
    ) {
        let Arrival {
            worker,
            host,
            slots,
            held,
            remaining,
            proof,
        } = arrival;
        if let Some(old) = self.sessions.get(&worker).copied() {
            self.orphan(old, out);
        }
        let entry = WorkerEntry {
            worker: worker.clone(),
            host,
            slots: slots.clamp(1, MAX_SLOTS),
            credit: 0,
            leases: BTreeSet::new(),
            seen: now,
            beats_every: self.terms.beat_interval,
            until: remaining.map(|remaining| now + remaining),
            units: 0,
            compute_us: 0,
            proof,
        };
        self.slots += u64::from(entry.slots);
        self.sessions.insert(worker.clone(), session);
        self.workers.insert(session, entry);
        self.tell_interval(session);
        for token in held {
            self.adopt(now, session, &worker, token, out);
        }
        self.release_unclaimed(&worker, out);
    }

    /// A session of which there is a newer one ends, and its leases wait for what the newer one presents.
    fn orphan(&mut self, session: SessionId, out: &mut Vec<Effect>) {
        let Some(worker) = self.remove_worker(session) else {
            return;
        };
        for token in worker.leases {
            if let Some(entry) = self.leases.get_mut(&token) {
                entry.session = None;
            }
        }
        out.push(Effect::Disconnect(session));
    }

    /// Forgets a session, though not its leases.
    pub(super) fn remove_worker(&mut self, session: SessionId) -> Option<WorkerEntry> {
        let worker = self.workers.remove(&session)?;
        self.slots -= u64::from(worker.slots);
        self.sessions.remove(&worker.worker);
        if worker.credit > 0 {
            self.waiting.retain(|waiting| *waiting != session);
        }
        Some(worker)
    }

    fn adopt(
        &mut self,
        now: Timestamp,
        session: SessionId,
        worker: &WorkerId,
        token: LeaseToken,
        out: &mut Vec<Effect>,
    ) {
        let adopted = match self.leases.get_mut(&token) {
            Some(entry) if entry.session == Some(session) => return,
            Some(entry) if entry.session.is_none() && entry.lease.worker == *worker => {
                entry.session = Some(session);
                entry.lease.sweep
            }
            _ => {
                out.push(Effect::Revoke(session, token));
                return;
            }
        };
        if let Some(entry) = self.workers.get_mut(&session) {
            entry.leases.insert(token);
        }
        self.extend(now, session, token, out);
        out.push(Effect::Progressed(adopted));
    }

    /// Ends the leases of a worker that is here and did not present them: they were lost on the way to it, or it is
    /// through with them. Nothing failed.
    fn release_unclaimed(&mut self, worker: &WorkerId, out: &mut Vec<Effect>) {
        let unclaimed =
            |entry: &&LeaseEntry| entry.session.is_none() && entry.lease.worker == *worker;
        let tokens: Vec<LeaseToken> = self
            .leases
            .values()
            .filter(unclaimed)
            .map(|entry| entry.lease.token)
            .collect();
        for token in tokens {
            self.release(token, Ending::HandedBack, out);
        }
    }

    /// Takes up a lease of an earlier life: it waits for its worker.
    pub(super) fn restore(&mut self, now: Timestamp, mut lease: Lease, out: &mut Vec<Effect>) {
        let token = lease.token;
        if self.leases.contains_key(&token) {
            return;
        }
        let outstanding = self.reclaim(&lease);
        if outstanding.is_empty() {
            out.push(Effect::DropLease(token));
            return;
        }
        let saved_deadline = lease.deadline;
        lease.deadline = now + self.terms.grace;
        let entry = LeaseEntry {
            lease,
            session: None,
            outstanding,
            granted: 0,
            begun: None,
            progressed: now,
            saved_deadline,
        };
        if let Some(sweep) = self.sweeps.get_mut(&entry.lease.sweep) {
            sweep.link(entry.run(), token);
        }
        self.deadlines.insert((entry.lease.deadline, token));
        self.leases.insert(token, entry);
        if self.terms.grace.is_zero() {
            self.release(token, Ending::Withdrawn, out);
        }
    }

    /// Leases the open units of a lease of an earlier life again. One that failed may be in a later lease of the same
    /// worker, and one that took long in that of another.
    fn reclaim(&mut self, lease: &Lease) -> RangeSet {
        let mut outstanding = RangeSet::default();
        for key in lease.units.units() {
            let unit = UnitId {
                sweep: lease.sweep,
                key,
            };
            let holders = self.holders(unit);
            let holder = |token| self.leases.get(token).map(|entry| &entry.lease.worker);
            let shared = match &holders[..] {
                [] => false,
                [other] if holder(other) != Some(&lease.worker) => true,
                _ => continue,
            };
            let Some(sweep) = self.sweeps.get_mut(&lease.sweep) else {
                break;
            };
            let open = shared
                || sweep.units.plan().contains(key) && sweep.units.make(key, Move::Lease).is_ok();
            if open {
                let block = u64::from(key.block.0);
                outstanding.insert(block..block + 1);
            }
        }
        outstanding
    }

    pub(super) fn on_credit(&mut self, session: SessionId, leases: u32) {
        let Some(worker) = self.workers.get_mut(&session) else {
            return;
        };
        if worker.credit == 0 && leases > 0 {
            self.waiting.push_back(session);
        }
        // Bounds what a broken worker can hoard.
        worker.credit = worker
            .credit
            .saturating_add(leases)
            .min(MAX_CREDIT * worker.slots);
    }

    pub(super) fn on_beat(
        &mut self,
        now: Timestamp,
        worker: &WorkerId,
        tokens: Vec<LeaseToken>,
        out: &mut Vec<Effect>,
    ) {
        let session = self.sessions.get(worker).copied();
        if let Some(session) = session {
            self.tell_interval(session);
            if let Some(worker) = self.workers.get_mut(&session) {
                worker.seen = now;
            }
        }
        for token in tokens {
            match (session, self.leases.get(&token)) {
                (Some(session), Some(entry)) if entry.session == Some(session) => {
                    self.extend(now, session, token, out);
                }
                _ => out.push(Effect::Refuse(token)),
            }
        }
    }

    /// The answer to a beat tells the worker when to beat next.
    fn tell_interval(&mut self, session: SessionId) {
        let interval = self.beat_interval();
        if let Some(worker) = self.workers.get_mut(&session) {
            worker.beats_every = interval;
        }
    }

    fn extend(
        &mut self,
        now: Timestamp,
        session: SessionId,
        token: LeaseToken,
        out: &mut Vec<Effect>,
    ) {
        let Some(patience) = self
            .workers
            .get(&session)
            .map(|worker| self.patience(worker))
        else {
            return;
        };
        let deadline = now + patience;
        self.postpone(token, deadline);
        if let Some(entry) = self.leases.get_mut(&token)
            && deadline.since(entry.saved_deadline) >= patience / 2
        {
            entry.saved_deadline = deadline;
            out.push(Effect::ExtendLease(token, deadline));
        }
    }

    /// Sets a lease's deadline.
    pub(super) fn postpone(&mut self, token: LeaseToken, deadline: Timestamp) {
        if let Some(entry) = self.leases.get_mut(&token) {
            self.deadlines.remove(&(entry.lease.deadline, token));
            self.deadlines.insert((deadline, token));
            entry.lease.deadline = deadline;
        }
    }
}
