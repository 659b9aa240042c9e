//! Ending leases, in one way whatever ended them, and counting failures.

use std::time::Duration;

use bistable_common::ids::{LeaseToken, SweepId, UnitId, UnitKey};

use super::{
    Board, Complaint, Effect, Failure, FailureKind, Fate, LeaseEntry, Move, SessionId, Timestamp,
};

/// Failed attempts after which a unit is given up.
pub(super) const MAX_ATTEMPTS: u32 = 5;

/// A deadline that passed so long ago shows that nobody was listening: the fault is not the worker's.
const INATTENTIVE: Duration = Duration::from_millis(500);

/// How a lease ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending<'a> {
    /// Its worker is through with it.
    Finished,
    /// Its worker leaves it, as planned: nothing failed.
    HandedBack,
    /// Its sweep is over: nothing failed.
    Withdrawn,
    /// Its worker is lost, or lost it. The unit that was running may be why, so it is counted as failed.
    Lost(&'a str),
}

impl Board {
    /// The one path for a lost worker, whatever detected it.
    pub(super) fn lose_worker(&mut self, session: SessionId, why: &str, out: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get(&session) else {
            return;
        };
        let why = format!("worker {} was lost: {why}", worker.worker);
        let slots = worker.slots as usize;
        let mut leases: Vec<_> = worker
            .leases
            .iter()
            .filter_map(|token| self.leases.get(token))
            .map(|entry| {
                (
                    entry.outstanding.is_empty(),
                    entry.granted,
                    entry.lease.token,
                )
            })
            .collect();
        leases.sort_unstable();
        let idle = leases.iter().all(|(nothing_left, ..)| *nothing_left);
        self.deeds.workers_lost += u64::from(!idle);
        for (place, (_, _, token)) in leases.into_iter().enumerate() {
            // A worker takes its leases in order, so the others were not begun.
            let ending = match place < slots {
                true => Ending::Lost(&why),
                false => Ending::HandedBack,
            };
            self.deeds.taken_back += self.release(token, ending, out);
        }
        self.remove_worker(session);
        out.push(Effect::Disconnect(session));
    }

    /// Ends leases whose deadline has passed: with their worker if it is silent, alone if it forgot them. Whether there
    /// were any.
    pub(super) fn expire(&mut self, now: Timestamp, out: &mut Vec<Effect>) -> bool {
        let mut any = false;
        while let Some(&(deadline, token)) = self.deadlines.first()
            && deadline <= now
        {
            if !self.leases.contains_key(&token) {
                self.deadlines.remove(&(deadline, token));
                continue;
            }
            if now.since(deadline) > INATTENTIVE {
                self.postpone(token, now + self.reprieve(token));
                continue;
            }
            any = true;
            let session = self.leases.get(&token).and_then(|entry| entry.session);
            let Some(session) = session else {
                let ending = Ending::Lost("its worker did not come back");
                self.deeds.taken_back += self.release(token, ending, out);
                continue;
            };
            let silent = self
                .workers
                .get(&session)
                .is_none_or(|worker| now.since(worker.seen) >= self.patience(worker));
            if silent {
                self.lose_worker(session, "it stopped beating", out);
            } else {
                let ending = Ending::Lost("its worker forgot the lease");
                self.deeds.taken_back += self.release(token, ending, out);
                out.push(Effect::Revoke(session, token));
            }
        }
        any
    }

    /// Time for beats that wait to be heard.
    fn reprieve(&self, token: LeaseToken) -> Duration {
        let session = self.leases.get(&token).and_then(|entry| entry.session);
        let usual = match session.and_then(|session| self.workers.get(&session)) {
            Some(worker) => 2 * worker.beats_every,
            None => self.terms.grace,
        };
        usual.max(INATTENTIVE)
    }

    /// Ends a lease if it is this session's.
    pub(super) fn release_own(
        &mut self,
        session: SessionId,
        token: LeaseToken,
        ending: Ending<'_>,
        out: &mut Vec<Effect>,
    ) {
        if self.owns(session, token) {
            self.release(token, ending, out);
        }
    }

    fn owns(&self, session: SessionId, token: LeaseToken) -> bool {
        self.leases
            .get(&token)
            .is_some_and(|entry| entry.session == Some(session))
    }

    /// Takes every lease of a sweep away.
    pub(super) fn withdraw_all(&mut self, sweep: SweepId, out: &mut Vec<Effect>) {
        let Some(entry) = self.sweeps.get(&sweep) else {
            return;
        };
        for token in entry.lease_tokens().collect::<Vec<_>>() {
            if let Some(session) = self.leases.get(&token).and_then(|lease| lease.session) {
                out.push(Effect::Revoke(session, token));
            }
            self.release(token, Ending::Withdrawn, out);
        }
    }

    /// Ends a lease; returns how many of its units wait for another one.
    pub(super) fn release(
        &mut self,
        token: LeaseToken,
        ending: Ending<'_>,
        out: &mut Vec<Effect>,
    ) -> u64 {
        let Some(entry) = self.leases.remove(&token) else {
            return 0;
        };
        self.unlink(&entry);
        let why = match ending {
            Ending::Finished => Some("its worker ended the lease without reporting it"),
            Ending::Lost(why) => Some(why),
            Ending::HandedBack | Ending::Withdrawn => None,
        };
        let mut wait = 0;
        for (position, block) in entry.outstanding.iter().enumerate() {
            let unit = entry.unit(block);
            let waits = match why {
                // Units run in order, so the first without a result is the one that was running.
                Some(why) if position == 0 => self.strike(&entry, unit, lost(why), out),
                _ => self.give_back(entry.lease.sweep, unit),
            };
            wait += u64::from(waits);
        }
        out.push(Effect::DropLease(token));
        out.push(Effect::Progressed(entry.lease.sweep));
        wait
    }

    fn unlink(&mut self, entry: &LeaseEntry) {
        let token = entry.lease.token;
        self.deadlines.remove(&(entry.lease.deadline, token));
        let holder = entry
            .session
            .and_then(|session| self.workers.get_mut(&session));
        if let Some(worker) = holder {
            worker.leases.remove(&token);
        }
        if let Some(sweep) = self.sweeps.get_mut(&entry.lease.sweep) {
            sweep.unlink(entry.run(), token);
        }
    }

    /// Makes a unit pending, unless somebody else is at work on it; whether it is.
    fn give_back(&mut self, sweep: SweepId, unit: UnitKey) -> bool {
        if !self.holders(UnitId { sweep, key: unit }).is_empty() {
            return false;
        }
        let Some(entry) = self.sweeps.get_mut(&sweep) else {
            return false;
        };
        let moved = entry.units.make(unit, Move::Return);
        debug_assert!(moved.is_ok(), "{moved:?}");
        moved.is_ok()
    }

    pub(super) fn on_unit_failed(
        &mut self,
        session: SessionId,
        token: LeaseToken,
        unit: UnitId,
        complaint: Complaint,
        out: &mut Vec<Effect>,
    ) {
        if !self.owns(session, token) {
            return;
        }
        let Some(mut entry) = self.leases.remove(&token) else {
            return;
        };
        let block = u64::from(unit.key.block.0);
        let units = &entry.lease.units;
        let of_lease = (unit.sweep, unit.key.cell, unit.key.replicate)
            == (entry.lease.sweep, units.cell, units.replicate)
            && entry.outstanding.contains(block);
        if of_lease {
            entry.outstanding.remove(block..block + 1);
            self.strike(&entry, unit.key, complaint, out);
            out.push(Effect::Progressed(unit.sweep));
        }
        self.leases.insert(token, entry);
    }

    /// Counts a failed attempt of a unit that was leased, and decides what becomes of it; whether it waits for another
    /// lease.
    fn strike(
        &mut self,
        entry: &LeaseEntry,
        unit: UnitKey,
        complaint: Complaint,
        out: &mut Vec<Effect>,
    ) -> bool {
        let id = UnitId {
            sweep: entry.lease.sweep,
            key: unit,
        };
        let shared = !self.holders(id).is_empty();
        let Some(sweep) = self.sweeps.get_mut(&entry.lease.sweep) else {
            return false;
        };
        let attempts = sweep.attempts.entry(unit).or_default();
        attempts.count = attempts.count.saturating_add(1);
        attempts.hosts.insert(entry.lease.host.clone());
        let (fate, decided) = match attempts.count >= MAX_ATTEMPTS {
            // Somebody else may yet succeed.
            _ if shared => (Fate::Retried, None),
            true => (Fate::Quarantined, Some(Move::Quarantine)),
            false => (Fate::Retried, Some(Move::Return)),
        };
        let failure = Failure {
            unit: id,
            attempts: attempts.count,
            complaint,
            worker: entry.lease.worker.clone(),
            host: entry.lease.host.clone(),
            hosts: attempts.hosts.clone(),
            fate,
        };
        if let Some(decided) = decided {
            let moved = sweep.units.make(unit, decided);
            debug_assert!(moved.is_ok(), "{moved:?}");
        }
        if fate == Fate::Quarantined {
            sweep.last_error = Some(failure.complaint.error.clone());
        }
        out.push(Effect::RecordFailure(failure));
        decided == Some(Move::Return)
    }
}

fn lost(why: &str) -> Complaint {
    Complaint {
        kind: FailureKind::WorkerLost,
        error: why.to_owned(),
        log: String::new(),
    }
}
