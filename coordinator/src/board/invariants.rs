//! What must hold after every event. Re-derives each cross-reference from scratch.

use std::collections::BTreeSet;

use bistable_common::ids::{Block, UnitKey};

use super::{Board, Mode, moves::UnitState};

impl Board {
    /// Panics if anything does not fit together.
    pub(super) fn check_invariants(&self) {
        self.check_workers();
        self.check_leases();
        for (id, entry) in &self.sweeps {
            let counts = entry.units.counts();
            let sum = counts.pending
                + counts.leased
                + counts.done
                + entry.units.quarantined().len() as u64
                + entry.units.conflicting().len() as u64;
            assert_eq!(sum, entry.units.plan().units(), "{id}: a unit is lost");
            let leased: u64 = entry
                .lease_tokens()
                .map(|token| self.leases[&token].outstanding.iter().count() as u64)
                .sum();
            assert_eq!(
                leased, counts.leased,
                "{id}: leased units are those of leases"
            );
            if entry.mode == Mode::Cancelled {
                assert_eq!(entry.lease_count(), 0, "{id}: cancelled, yet leased");
            }
            assert_eq!(
                entry.units.next_pending().is_some(),
                counts.pending > 0,
                "{id}: pending units are offered"
            );
        }
        self.check_work_conserved();
    }

    fn check_workers(&self) {
        assert_eq!(self.sessions.len(), self.workers.len());
        for (session, worker) in &self.workers {
            assert_eq!(self.sessions.get(&worker.worker), Some(session));
            assert!(worker.credit <= 2 * worker.slots);
            for token in &worker.leases {
                assert_eq!(self.leases[token].session, *session);
            }
            let waits = self.waiting.iter().filter(|w| *w == session).count();
            assert_eq!(
                waits,
                usize::from(worker.credit > 0),
                "{session:?} waits once"
            );
        }
    }

    fn check_leases(&self) {
        let mut held = BTreeSet::new();
        for (token, entry) in &self.leases {
            let lease = &entry.lease;
            assert!(self.workers[&entry.session].leases.contains(token));
            assert!(self.deadlines.contains(&(lease.deadline, *token)));
            let sweep = &self.sweeps[&lease.sweep];
            assert!(sweep.lease_tokens().any(|other| other == *token));
            for block in entry.outstanding.iter() {
                let unit = UnitKey {
                    cell: lease.units.cell,
                    replicate: lease.units.replicate,
                    block: Block(block as u32),
                };
                assert!(lease.units.blocks.contains(&unit.block.0));
                assert_eq!(sweep.units.state(unit), UnitState::Leased);
                assert!(held.insert((lease.sweep, unit)), "{unit:?} is leased twice");
            }
        }
        assert_eq!(self.deadlines.len(), self.leases.len());
    }

    /// Nobody waits while there is work.
    fn check_work_conserved(&self) {
        let work = self.sweeps.values().any(|entry| entry.wants_workers());
        assert!(!work || self.waiting.is_empty(), "workers wait beside work");
    }
}
