//! The coordinator's mind: who works on what, what failed how often, and which sweep is next.
//!
//! [`Board::handle`] takes the time and an event and returns what is to be done. There is no clock, no socket, no store and
//! no randomness here, so a test can put it through anything. It owns leases, attempts and fairness between sweeps; it does
//! not own results: the store decides what a report is, and the board hears of it. It is rebuilt from the store at start.

mod cost;
mod entry;
mod event;
mod failure;
#[cfg(test)]
pub(crate) mod fixture;
mod grant;
#[cfg(test)]
mod invariants;
mod lease;
mod moves;
#[cfg(test)]
mod random_test;
mod ranges;
mod release;
#[cfg(test)]
mod tests;
mod time;
mod units;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bistable_common::ids::{LeaseToken, SweepId, UnitId, WorkerId};

pub use event::{Effect, Event, KnownSweep, Mode, Priority, Progress, SessionId, SweepState};
pub use failure::{Complaint, Failure, FailureKind, Fate};
pub use lease::{Lease, UnitRange};
pub use moves::{IllegalMove, Move, UnitState, next};
pub use time::Timestamp;

use entry::{LeaseEntry, SweepEntry, WorkerEntry};
use grant::Tokens;
use release::Ending;

/// The most slots that a worker is believed to have.
const MAX_SLOTS: u32 = 1024;

/// The board.
#[derive(Debug)]
pub struct Board {
    lease_timeout: Duration,
    tokens: Tokens,
    sweeps: BTreeMap<SweepId, SweepEntry>,
    workers: BTreeMap<SessionId, WorkerEntry>,
    sessions: BTreeMap<WorkerId, SessionId>,
    leases: BTreeMap<LeaseToken, LeaseEntry>,
    deadlines: BTreeSet<(Timestamp, LeaseToken)>,
    /// Sessions with credit, the one that has waited longest first. May name sessions that are gone.
    waiting: VecDeque<SessionId>,
    granted: u64,
}

impl Board {
    /// An empty board. Tokens are a function of `seed`, which is therefore random and never used twice.
    pub fn new(seed: [u8; 32], lease_timeout: Duration) -> Self {
        Self {
            lease_timeout,
            tokens: Tokens::new(seed),
            sweeps: BTreeMap::new(),
            workers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            leases: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            granted: 0,
        }
    }

    /// When to send [`Event::Tick`] if nothing happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Where a sweep stands; `None` if it is unknown.
    pub fn progress(&self, sweep: SweepId) -> Option<Progress> {
        let entry = self.sweeps.get(&sweep)?;
        let holders: BTreeSet<SessionId> = entry
            .lease_tokens()
            .filter_map(|token| self.leases.get(&token))
            .map(|lease| lease.session)
            .collect();
        Some(entry.progress(holders.len() as u64, self.slots()))
    }

    /// Hears an event at `now`; returns what to do, in order.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        let out = &mut effects;
        match event {
            Event::SweepAdded(known) => self.on_sweep_added(known, out),
            Event::ModeSet(sweep, mode) => self.on_mode_set(sweep, mode, out),
            Event::SweepRemoved(sweep) => self.on_sweep_removed(sweep, out),
            Event::WorkerJoined {
                session,
                worker,
                host,
                slots,
            } => {
                if let Some(old) = self.sessions.get(&worker).copied() {
                    self.lose_worker(old, "it connected again", out);
                }
                self.join(now, session, worker, host, slots);
            }
            Event::WorkerLost(session) => self.lose_worker(session, "its session ended", out),
            Event::Credit(session, leases) => self.on_credit(session, leases),
            Event::Beat(worker, tokens) => self.on_beat(now, &worker, tokens, out),
            Event::UnitDone { unit, compute_us } => self.on_unit_done(unit, compute_us, out),
            Event::UnitConflicting(unit) => self.on_unit_conflicting(unit, out),
            Event::UnitFailed {
                session,
                token,
                unit,
                complaint,
            } => self.on_unit_failed(session, token, unit, complaint, out),
            Event::HandBack(session, token) => {
                self.release_own(session, token, Ending::HandedBack, out);
            }
            Event::Finished(session, token) => {
                self.release_own(session, token, Ending::Finished, out);
            }
            Event::Tick => {}
        }
        self.expire(now, out);
        self.grant(now, out);
        effects
    }

    fn on_sweep_added(&mut self, known: KnownSweep, out: &mut Vec<Effect>) {
        let id = known.id;
        self.on_sweep_removed(id, out);
        self.sweeps.insert(id, SweepEntry::new(known));
        out.push(Effect::Progressed(id));
    }

    fn on_mode_set(&mut self, sweep: SweepId, mode: Mode, out: &mut Vec<Effect>) {
        let Some(entry) = self.sweeps.get_mut(&sweep) else {
            return;
        };
        entry.mode = mode;
        if mode == Mode::Cancelled {
            self.withdraw_all(sweep, out);
        }
        out.push(Effect::Progressed(sweep));
    }

    fn on_sweep_removed(&mut self, sweep: SweepId, out: &mut Vec<Effect>) {
        self.withdraw_all(sweep, out);
        if self.sweeps.remove(&sweep).is_some() {
            out.push(Effect::Progressed(sweep));
        }
    }

    fn join(
        &mut self,
        now: Timestamp,
        session: SessionId,
        worker: WorkerId,
        host: String,
        slots: u32,
    ) {
        self.sessions.insert(worker.clone(), session);
        let entry = WorkerEntry {
            worker,
            host,
            slots: slots.clamp(1, MAX_SLOTS),
            credit: 0,
            leases: BTreeSet::new(),
            seen: now,
        };
        self.workers.insert(session, entry);
    }

    fn on_credit(&mut self, session: SessionId, leases: u32) {
        let Some(worker) = self.workers.get_mut(&session) else {
            return;
        };
        if worker.credit == 0 && leases > 0 {
            self.waiting.push_back(session);
        }
        // Twice its slots is all that a worker can use, and bounds what a broken one can hoard.
        worker.credit = worker.credit.saturating_add(leases).min(2 * worker.slots);
    }

    fn on_beat(
        &mut self,
        now: Timestamp,
        worker: &WorkerId,
        tokens: Vec<LeaseToken>,
        out: &mut Vec<Effect>,
    ) {
        let session = self.sessions.get(worker).copied();
        if let Some(worker) = session.and_then(|session| self.workers.get_mut(&session)) {
            worker.seen = now;
        }
        for token in tokens {
            match self.leases.get_mut(&token) {
                Some(entry) if Some(entry.session) == session => {
                    let deadline = now + self.lease_timeout;
                    self.deadlines.remove(&(entry.lease.deadline, token));
                    self.deadlines.insert((deadline, token));
                    entry.lease.deadline = deadline;
                    if deadline.since(entry.saved_deadline) >= self.lease_timeout / 2 {
                        entry.saved_deadline = deadline;
                        out.push(Effect::ExtendLease(token, deadline));
                    }
                }
                _ => out.push(Effect::Refuse(token)),
            }
        }
    }

    fn on_unit_done(&mut self, unit: UnitId, compute_us: u64, out: &mut Vec<Effect>) {
        if self.settle(unit, Move::Finish, out)
            && let Some(entry) = self.sweeps.get_mut(&unit.sweep)
        {
            entry.costs.observe(unit.key.cell, compute_us);
        }
    }

    fn on_unit_conflicting(&mut self, unit: UnitId, out: &mut Vec<Effect>) {
        self.settle(unit, Move::Conflict, out);
    }

    /// Makes a move that the store has decided; whether anything changed.
    fn settle(&mut self, unit: UnitId, decided: Move, out: &mut Vec<Effect>) -> bool {
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
        let holders = entry.leases.get(&(unit.key.cell, unit.key.replicate));
        let block = u64::from(unit.key.block.0);
        for token in holders.into_iter().flatten() {
            if let Some(lease) = self.leases.get_mut(token) {
                lease.outstanding.remove(block..block + 1);
            }
        }
        if before != after {
            out.push(Effect::Progressed(unit.sweep));
        }
        before != after
    }

    fn slots(&self) -> u64 {
        self.workers
            .values()
            .map(|worker| u64::from(worker.slots))
            .sum()
    }
}
