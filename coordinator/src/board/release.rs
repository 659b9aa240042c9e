//! Ending leases, in one way whatever ended them, and counting failures.

use bistable_common::ids::{Block, LeaseToken, SweepId, UnitId, UnitKey};

use super::{
    Board, Complaint, Effect, Failure, FailureKind, Fate, LeaseEntry, Move, SessionId, Timestamp,
};

/// Failed attempts after which a unit is given up.
pub(super) const MAX_ATTEMPTS: u32 = 5;

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
        for token in worker.leases.clone() {
            self.release(token, Ending::Lost(&why), out);
        }
        if let Some(worker) = self.workers.remove(&session) {
            self.sessions.remove(&worker.worker);
        }
        self.waiting.retain(|waiting| *waiting != session);
        out.push(Effect::Disconnect(session));
    }

    /// Ends leases whose deadline has passed: with their worker if it is silent, alone if it forgot them.
    pub(super) fn expire(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        while let Some(&(deadline, token)) = self.deadlines.first()
            && deadline <= now
        {
            let Some(session) = self.leases.get(&token).map(|entry| entry.session) else {
                self.deadlines.remove(&(deadline, token));
                continue;
            };
            let silent = self
                .workers
                .get(&session)
                .is_none_or(|worker| now.since(worker.seen) >= self.lease_timeout);
            if silent {
                self.lose_worker(session, "it stopped beating", out);
            } else {
                self.release(token, Ending::Lost("its worker forgot the lease"), out);
                out.push(Effect::Revoke(session, token));
            }
        }
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
            .is_some_and(|entry| entry.session == session)
    }

    /// Takes every lease of a sweep away.
    pub(super) fn withdraw_all(&mut self, sweep: SweepId, out: &mut Vec<Effect>) {
        let Some(entry) = self.sweeps.get(&sweep) else {
            return;
        };
        for token in entry.lease_tokens().collect::<Vec<_>>() {
            if let Some(lease) = self.leases.get(&token) {
                out.push(Effect::Revoke(lease.session, token));
            }
            self.release(token, Ending::Withdrawn, out);
        }
    }

    fn release(&mut self, token: LeaseToken, ending: Ending<'_>, out: &mut Vec<Effect>) {
        let Some(entry) = self.leases.remove(&token) else {
            return;
        };
        self.unlink(&entry);
        let why = match ending {
            Ending::Finished => Some("its worker ended the lease without reporting it"),
            Ending::Lost(why) => Some(why),
            Ending::HandedBack | Ending::Withdrawn => None,
        };
        for (position, block) in entry.outstanding.iter().enumerate() {
            let unit = UnitKey {
                cell: entry.lease.units.cell,
                replicate: entry.lease.units.replicate,
                block: Block(block as u32),
            };
            match why {
                // Units run in order, so the first without a result is the one that was running.
                Some(why) if position == 0 => self.strike(&entry, unit, lost(why), out),
                _ => self.give_back(entry.lease.sweep, unit),
            }
        }
        out.push(Effect::DropLease(token));
        out.push(Effect::Progressed(entry.lease.sweep));
    }

    fn unlink(&mut self, entry: &LeaseEntry) {
        let token = entry.lease.token;
        self.deadlines.remove(&(entry.lease.deadline, token));
        if let Some(worker) = self.workers.get_mut(&entry.session) {
            worker.leases.remove(&token);
        }
        let run = (entry.lease.units.cell, entry.lease.units.replicate);
        if let Some(sweep) = self.sweeps.get_mut(&entry.lease.sweep)
            && let Some(tokens) = sweep.leases.get_mut(&run)
        {
            tokens.remove(&token);
            if tokens.is_empty() {
                sweep.leases.remove(&run);
            }
        }
    }

    fn give_back(&mut self, sweep: SweepId, unit: UnitKey) {
        if let Some(entry) = self.sweeps.get_mut(&sweep) {
            let moved = entry.units.make(unit, Move::Return);
            debug_assert!(moved.is_ok(), "{moved:?}");
        }
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

    /// Counts a failed attempt of a leased unit.
    fn strike(
        &mut self,
        entry: &LeaseEntry,
        unit: UnitKey,
        complaint: Complaint,
        out: &mut Vec<Effect>,
    ) {
        let Some(sweep) = self.sweeps.get_mut(&entry.lease.sweep) else {
            return;
        };
        let attempts = sweep.attempts.entry(unit).or_default();
        attempts.count = attempts.count.saturating_add(1);
        attempts.hosts.insert(entry.lease.host.clone());
        let (fate, decided) = match attempts.count >= MAX_ATTEMPTS {
            true => (Fate::Quarantined, Move::Quarantine),
            false => (Fate::Retried, Move::Return),
        };
        let failure = Failure {
            unit: UnitId {
                sweep: entry.lease.sweep,
                key: unit,
            },
            attempts: attempts.count,
            complaint,
            worker: entry.lease.worker.clone(),
            host: entry.lease.host.clone(),
            hosts: attempts.hosts.clone(),
            fate,
        };
        let moved = sweep.units.make(unit, decided);
        debug_assert!(moved.is_ok(), "{moved:?}");
        if fate == Fate::Quarantined {
            sweep.last_error = Some(failure.complaint.error.clone());
        }
        out.push(Effect::RecordFailure(failure));
    }
}

fn lost(why: &str) -> Complaint {
    Complaint {
        kind: FailureKind::WorkerLost,
        error: why.to_owned(),
        log: String::new(),
    }
}
