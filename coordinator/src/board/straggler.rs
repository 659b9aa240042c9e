//! Near the end of a sweep idle workers run duplicates of the units that take longest; the first result wins.

use std::collections::BTreeSet;

use bistable_common::ids::{LeaseToken, SweepId, UnitId};

use super::{Board, Effect, LeaseEntry, Mode, SessionId, Timestamp, UnitRange};

impl Board {
    /// Gives idle workers what takes longest, and notes when to look again.
    pub(super) fn duplicate_stragglers(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let (due, later): (Vec<_>, Vec<_>) = self
            .leases
            .values()
            .filter_map(|entry| Some((self.straggles_at(entry)?, entry.lease.token)))
            .partition(|(at, _)| *at <= now);
        self.straggles_at = later.into_iter().map(|(at, _)| at).min();
        let due = BTreeSet::from_iter(due);
        for (_, holder) in due {
            if self.waiting.is_empty() {
                return;
            }
            if let Some((sweep, units)) = self.untried(holder)
                && let Some(session) = self.helper(now, holder)
            {
                self.lease(now, session, sweep, units, out);
                if self.workers.get(&session).is_none_or(|w| w.credit == 0) {
                    self.waiting.retain(|waiting| *waiting != session);
                }
            }
        }
    }

    /// When a lease will have taken so long that somebody else should try it too; `None` while there is other work, or
    /// nobody works on it.
    fn straggles_at(&self, entry: &LeaseEntry) -> Option<Timestamp> {
        let sweep = self.sweeps.get(&entry.lease.sweep)?;
        let near_the_end = sweep.mode == Mode::Running && sweep.units.counts().pending == 0;
        let at_work = entry.session.is_some() && !entry.outstanding.is_empty();
        let patience = sweep.costs.patience(entry.lease.units.cell);
        (near_the_end && at_work).then(|| entry.progressed + patience)
    }

    /// The later half of what a lease has left and nobody else tries: its holder is at work on the earlier one.
    fn untried(&self, holder: LeaseToken) -> Option<(SweepId, UnitRange)> {
        let entry = self.leases.get(&holder)?;
        let sweep = entry.lease.sweep;
        let alone = |block: &u64| {
            let key = entry.unit(*block);
            self.holders(UnitId { sweep, key }).len() == 1
        };
        let alone: Vec<u64> = entry.outstanding.iter().filter(alone).collect();
        let later = &alone[alone.len() / 2..];
        let last = *later.last()?;
        let adjacent = (0..).zip(later.iter().rev());
        let count = adjacent.take_while(|(back, block)| **block + back == last);
        let first = last + 1 - count.count() as u64;
        let units = UnitRange {
            cell: entry.lease.units.cell,
            replicate: entry.lease.units.replicate,
            blocks: first as u32..last as u32 + 1,
        };
        Some((sweep, units))
    }

    /// An idle worker that can help the holder of a lease, rather one on another host.
    fn helper(&self, now: Timestamp, holder: LeaseToken) -> Option<SessionId> {
        let entry = self.leases.get(&holder)?;
        let costs = &self.sweeps.get(&entry.lease.sweep)?.costs;
        let cell = entry.lease.units.cell;
        let can_help = |session: &&SessionId| {
            let worker = self.workers.get(session);
            entry.session != Some(**session)
                && worker.is_some_and(|worker| {
                    self.has_room(worker)
                        && costs.lease_size(cell, 1, 1, worker.time_us(now)).is_some()
                })
        };
        let suitable = self.waiting.iter().filter(can_help).copied();
        suitable.min_by_key(|session| {
            let worker = self.workers.get(session);
            worker.is_none_or(|worker| worker.host == entry.lease.host)
        })
    }
}
