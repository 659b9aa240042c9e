//! What must hold after every event. Re-derives each cross-reference from scratch.

use std::collections::{BTreeMap, BTreeSet};

use bistable_common::ids::{SweepId, UnitKey};

use super::{Board, LeaseEntry, Mode, SweepEntry, Timestamp, UnitState, WorkerEntry};

impl Board {
    /// Panics if anything does not fit together.
    pub(crate) fn check_invariants(&self, now: Timestamp) {
        self.check_workers();
        let holders = self.check_leases();
        for (id, entry) in &self.sweeps {
            let held = holders.keys().filter(|(sweep, _)| sweep == id).count();
            self.check_sweep(*id, entry, held as u64);
        }
        self.check_work_conserved(now);
    }

    fn check_sweep(&self, id: SweepId, entry: &SweepEntry, held: u64) {
        let counts = entry.units.counts();
        let sum = counts.pending
            + counts.leased
            + counts.done
            + entry.units.quarantined().len() as u64
            + entry.units.conflicting().len() as u64;
        assert_eq!(sum, entry.units.plan().units(), "{id}: a unit is lost");
        assert_eq!(
            held, counts.leased,
            "{id}: leased units are those of leases"
        );
        assert_eq!(entry.lease_tokens().count(), entry.lease_count());
        if entry.mode == Mode::Cancelled {
            assert_eq!(entry.lease_count(), 0, "{id}: cancelled, yet leased");
        }
        let offered: u64 = entry
            .units
            .pending_ranges()
            .map(|range| range.blocks.len() as u64)
            .sum();
        assert_eq!(offered, counts.pending, "{id}: pending units are offered");
        for unit in entry.attempts.keys() {
            let state = entry.units.state(*unit);
            assert!(
                !matches!(state, UnitState::Done | UnitState::Conflicting),
                "{id}: {unit:?} has a result and failed attempts"
            );
        }
    }

    fn check_workers(&self) {
        assert_eq!(self.sessions.len(), self.workers.len());
        let slots: u64 = self.workers.values().map(|w| u64::from(w.slots)).sum();
        assert_eq!(self.slots, slots);
        for (session, worker) in &self.workers {
            assert_eq!(self.sessions.get(&worker.worker), Some(session));
            for token in &worker.leases {
                assert_eq!(self.leases[token].session, Some(*session));
            }
            let waits = self.waiting.iter().filter(|w| *w == session).count();
            assert_eq!(
                waits,
                usize::from(worker.credit > 0),
                "{session:?} waits once"
            );
        }
        let gone = |session| !self.workers.contains_key(session);
        assert!(
            !self.waiting.iter().any(gone),
            "a session waits after its end"
        );
    }

    /// Checks every lease; returns which sessions work on each leased unit.
    fn check_leases(&self) -> BTreeMap<(SweepId, UnitKey), BTreeSet<String>> {
        let mut holders: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (token, entry) in &self.leases {
            let lease = &entry.lease;
            assert!(self.deadlines.contains(&(lease.deadline, *token)));
            let sweep = &self.sweeps[&lease.sweep];
            assert!(sweep.leases_of(entry.run()).any(|other| other == *token));
            self.check_holder(entry);
            for block in entry.outstanding.iter() {
                let unit = entry.unit(block);
                assert!(lease.units.blocks.contains(&unit.block.0));
                assert_eq!(sweep.units.state(unit), UnitState::Leased);
                let held = holders.entry((lease.sweep, unit)).or_default();
                assert!(
                    held.insert(lease.worker.0.clone()),
                    "{unit:?} twice at one worker"
                );
                assert!(held.len() <= 2, "{unit:?} at more than two workers");
            }
        }
        assert_eq!(self.deadlines.len(), self.leases.len());
        holders
    }

    fn check_holder(&self, entry: &LeaseEntry) {
        if let Some(session) = entry.session {
            let worker = &self.workers[&session];
            assert!(worker.leases.contains(&entry.lease.token));
            assert_eq!(worker.worker, entry.lease.worker);
        }
    }

    /// Nobody waits while there is work for it.
    fn check_work_conserved(&self, now: Timestamp) {
        let waiting = self.waiting.iter().map(|session| &self.workers[session]);
        for worker in waiting.filter(|worker| self.has_room(worker)) {
            assert!(self.next_units(now, worker).is_none(), "{worker:?} waits");
            if self.is_unencumbered(worker) {
                let work = self.sweeps.values().any(|entry| entry.wants_workers());
                assert!(!work, "{worker:?} waits beside work");
            }
        }
    }

    /// Whether any unit suits a worker.
    fn is_unencumbered(&self, worker: &WorkerEntry) -> bool {
        let failed_here = |entry: &SweepEntry| {
            let mut attempts = entry.attempts.values();
            attempts.any(|attempts| attempts.hosts.contains(&worker.host))
        };
        worker.until.is_none() && !self.sweeps.values().any(failed_here)
    }
}
