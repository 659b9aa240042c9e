//! The coordinator's mind: who works on what, what failed how often, and which sweep is next.
//!
//! [`Board::handle`] takes the time and an event and returns what is to be done. There is no clock, no socket, no store and
//! no randomness here, so a test can put it through anything. It owns leases, attempts and fairness between sweeps; it does
//! not own results: the store decides what a report is, and the board hears of it. It is rebuilt from the store at start,
//! and then waits for the workers that it knew to present the leases they hold.

mod choose;
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
mod session;
mod settle;
mod straggler;
mod survey;
#[cfg(test)]
mod tests;
mod time;
mod units;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bistable_common::ids::{LeaseToken, SweepId, WorkerId};

pub use event::{
    Arrival, Effect, Event, KnownSweep, Mode, Priority, Progress, SessionId, SweepState,
};
pub use failure::{Complaint, Failure, FailureKind, Fate};
pub use lease::{Lease, UnitRange};
pub use moves::{IllegalMove, Move, UnitState, next};
pub use survey::{Deeds, Survey, UnitCounts, WorkerSurvey};
pub use time::Timestamp;

use entry::{LeaseEntry, SweepEntry, WorkerEntry};
use grant::Tokens;
use release::Ending;

/// What workers are held to.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How often workers beat, unless there are very many.
    pub beat_interval: Duration,
    /// How long a lease lives without a beat, at least.
    pub lease_timeout: Duration,
    /// How long leases of an earlier life wait for their workers; zero: they are over at once.
    pub grace: Duration,
}

/// The board.
#[derive(Debug)]
pub struct Board {
    terms: Terms,
    tokens: Tokens,
    sweeps: BTreeMap<SweepId, SweepEntry>,
    workers: BTreeMap<SessionId, WorkerEntry>,
    sessions: BTreeMap<WorkerId, SessionId>,
    /// Slots of all workers.
    slots: u64,
    leases: BTreeMap<LeaseToken, LeaseEntry>,
    deadlines: BTreeSet<(Timestamp, LeaseToken)>,
    /// Sessions with credit, the one that has waited longest first.
    waiting: VecDeque<SessionId>,
    /// When the next unit will have taken so long that an idle worker is to try it too.
    straggles_at: Option<Timestamp>,
    granted: u64,
    /// Beside the leases that were granted.
    deeds: Deeds,
}

impl Board {
    /// An empty board. Tokens are a function of `seed`, which is therefore random and never used twice.
    pub fn new(seed: [u8; 32], terms: Terms) -> Self {
        Self {
            terms,
            tokens: Tokens::new(seed),
            sweeps: BTreeMap::new(),
            workers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            slots: 0,
            leases: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            straggles_at: None,
            granted: 0,
            deeds: Deeds::default(),
        }
    }

    /// When to send [`Event::Tick`] if nothing happens before. A tick that comes much later shows that nobody was
    /// listening, and costs no worker its lease.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let lease = self.deadlines.first().map(|(deadline, _)| *deadline);
        lease.into_iter().chain(self.straggles_at).min()
    }

    /// What state a sweep is in; `None` if it is unknown.
    pub fn state(&self, sweep: SweepId) -> Option<SweepState> {
        self.sweeps.get(&sweep).map(SweepEntry::state)
    }

    /// Where a sweep stands; `None` if it is unknown.
    pub fn progress(&self, sweep: SweepId) -> Option<Progress> {
        let entry = self.sweeps.get(&sweep)?;
        let holders: BTreeSet<SessionId> = entry
            .lease_tokens()
            .filter_map(|token| self.leases.get(&token)?.session)
            .collect();
        Some(entry.progress(holders.len() as u64, self.slots))
    }

    /// Hears an event at `now`; returns what to do, in order.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        let out = &mut effects;
        let is_beat = matches!(event, Event::Beat(..));
        self.hear(now, event, out);
        let expired = self.expire(now, out);
        // Beats are the most frequent events, and give nobody a reason for a lease.
        if expired || !is_beat {
            self.grant(now, out);
        }
        effects
    }

    fn hear(&mut self, now: Timestamp, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::SweepAdded(known) => self.on_sweep_added(now, known, out),
            Event::ModeSet(sweep, mode) => self.on_mode_set(sweep, mode, out),
            Event::PrioritySet(sweep, priority) => self.on_priority_set(sweep, priority, out),
            Event::SweepRemoved(sweep) => self.on_sweep_removed(sweep, out),
            Event::WorkerJoined(session, arrival) => self.on_joined(now, session, arrival, out),
            Event::WorkerLost(session) => self.lose_worker(session, "its session ended", out),
            Event::Credit(session, leases) => self.on_credit(session, leases),
            Event::Beat(worker, tokens) => self.on_beat(now, &worker, tokens, out),
            Event::UnitDone {
                unit,
                worker,
                compute_us,
            } => self.on_unit_done(now, unit, &worker, compute_us, out),
            Event::UnitConflicting(unit) => self.on_unit_conflicting(now, unit, out),
            Event::UnitsRetried(sweep, units) => self.on_units_retried(sweep, units, out),
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
    }

    fn on_sweep_added(&mut self, now: Timestamp, mut known: KnownSweep, out: &mut Vec<Effect>) {
        let id = known.id;
        self.on_sweep_removed(id, out);
        let leases = std::mem::take(&mut known.leases);
        let mode = known.mode;
        self.sweeps.insert(id, SweepEntry::new(known));
        for lease in leases {
            self.restore(now, lease, out);
        }
        if mode == Mode::Cancelled {
            self.withdraw_all(id, out);
        }
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

    fn on_priority_set(&mut self, sweep: SweepId, priority: Priority, out: &mut Vec<Effect>) {
        if let Some(entry) = self.sweeps.get_mut(&sweep) {
            entry.priority = priority;
            out.push(Effect::Progressed(sweep));
        }
    }

    fn on_sweep_removed(&mut self, sweep: SweepId, out: &mut Vec<Effect>) {
        self.withdraw_all(sweep, out);
        if self.sweeps.remove(&sweep).is_some() {
            out.push(Effect::Progressed(sweep));
        }
    }
}
