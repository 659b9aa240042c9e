//! Where every unit of a sweep stands, without a row for each: what is not listed is done.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bistable_common::{
    ids::{CellId, Replicate, UnitKey},
    plan::Plan,
};

use super::{
    UnitRange,
    moves::{IllegalMove, Move, UnitState, next},
    ranges::RangeSet,
};

/// A sweep's units. A run is a (cell, replicate), numbered in plan order.
#[derive(Debug)]
pub(super) struct Units {
    plan: Plan,
    /// Runs all of whose units are pending: at first one range, whatever the size of the sweep.
    fresh: RangeSet,
    /// Pending blocks of the other runs; no empty sets.
    pending: BTreeMap<u64, RangeSet>,
    /// Leased blocks; no empty sets.
    leased: BTreeMap<u64, RangeSet>,
    quarantined: BTreeSet<UnitKey>,
    conflicting: BTreeSet<UnitKey>,
    counts: Counts,
    /// Units of each cell that are pending or leased.
    open: Vec<u64>,
}

/// How many units stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub pending: u64,
    pub leased: u64,
    pub done: u64,
    /// Experiments in the units done.
    pub experiments_done: u64,
}

impl Units {
    pub fn new(plan: Plan, done: &[UnitRange]) -> Self {
        let runs = u64::from(plan.cells()) * u64::from(plan.replicates());
        let open = (0..plan.cells())
            .map(|cell| u64::from(plan.blocks(CellId(cell))) * u64::from(plan.replicates()))
            .collect();
        let mut units = Self {
            fresh: RangeSet::from(0..runs),
            pending: BTreeMap::new(),
            leased: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            conflicting: BTreeSet::new(),
            counts: Counts {
                pending: plan.units(),
                ..Counts::default()
            },
            open,
            plan,
        };
        done.iter().for_each(|range| units.load_done(range));
        units
    }

    fn load_done(&mut self, range: &UnitRange) {
        let in_plan = range.units().filter(|unit| self.plan.contains(*unit));
        for unit in in_plan.collect::<Vec<_>>() {
            self.leave(UnitState::Pending, unit);
            self.enter(UnitState::Done, unit);
        }
    }

    /// Marks units as given up or conflicting, as the store knows them.
    pub fn load_blocked(&mut self, unit: UnitKey, state: UnitState) {
        if self.plan.contains(unit) && self.state(unit) == UnitState::Pending {
            self.leave(UnitState::Pending, unit);
            self.enter(state, unit);
        }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn quarantined(&self) -> &BTreeSet<UnitKey> {
        &self.quarantined
    }

    pub fn conflicting(&self) -> &BTreeSet<UnitKey> {
        &self.conflicting
    }

    /// Units of `cell` that are pending or leased.
    pub fn open(&self, cell: CellId) -> u64 {
        self.open[cell.0 as usize]
    }

    /// Leased units of each cell that has any.
    pub fn leased_by_cell(&self) -> BTreeMap<CellId, u64> {
        let mut cells = BTreeMap::new();
        for (run, blocks) in &self.leased {
            *cells.entry(self.cell_of(*run).0).or_default() += blocks.len();
        }
        cells
    }

    pub fn state(&self, unit: UnitKey) -> UnitState {
        let (run, block) = (self.run(unit.cell, unit.replicate), u64::from(unit.block.0));
        let within = |sets: &BTreeMap<u64, RangeSet>| {
            sets.get(&run).is_some_and(|blocks| blocks.contains(block))
        };
        if self.quarantined.contains(&unit) {
            UnitState::Quarantined
        } else if self.conflicting.contains(&unit) {
            UnitState::Conflicting
        } else if within(&self.leased) {
            UnitState::Leased
        } else if self.fresh.contains(run) || within(&self.pending) {
            UnitState::Pending
        } else {
            UnitState::Done
        }
    }

    /// Makes a move, if the table allows it. The unit is one of the plan's.
    pub fn make(&mut self, unit: UnitKey, attempted: Move) -> Result<UnitState, IllegalMove> {
        let from = self.state(unit);
        let to = next(from, attempted)?;
        if from != to {
            self.leave(from, unit);
            self.enter(to, unit);
        }
        Ok(to)
    }

    /// Pending units in ranges of one run each. Runs that were begun come first, so that they end.
    pub fn pending_ranges(&self) -> impl Iterator<Item = UnitRange> + '_ {
        let begun = self
            .pending
            .iter()
            .flat_map(|(&run, blocks)| blocks.ranges().map(move |range| (run, range)));
        let fresh = self.fresh.iter().map(|run| (run, self.blocks_of(run)));
        begun.chain(fresh).map(|(run, blocks)| {
            let (cell, replicate) = self.cell_of(run);
            UnitRange {
                cell,
                replicate,
                blocks: blocks.start as u32..blocks.end as u32,
            }
        })
    }

    fn run(&self, cell: CellId, replicate: Replicate) -> u64 {
        u64::from(cell.0) * u64::from(self.plan.replicates()) + u64::from(replicate.0)
    }

    fn cell_of(&self, run: u64) -> (CellId, Replicate) {
        let replicates = u64::from(self.plan.replicates());
        (
            CellId((run / replicates) as u32),
            Replicate((run % replicates) as u32),
        )
    }

    fn blocks_of(&self, run: u64) -> Range<u64> {
        0..u64::from(self.plan.blocks(self.cell_of(run).0))
    }

    fn leave(&mut self, state: UnitState, unit: UnitKey) {
        let run = self.run(unit.cell, unit.replicate);
        match state {
            UnitState::Pending => {
                if self.fresh.contains(run) {
                    self.fresh.remove(run..run + 1);
                    self.pending.insert(run, self.blocks_of(run).into());
                }
                take(&mut self.pending, run, unit);
                self.counts.pending -= 1;
                self.open[unit.cell.0 as usize] -= 1;
            }
            UnitState::Leased => {
                take(&mut self.leased, run, unit);
                self.counts.leased -= 1;
                self.open[unit.cell.0 as usize] -= 1;
            }
            UnitState::Done => {
                self.counts.done -= 1;
                self.counts.experiments_done -= self.experiments(unit);
            }
            UnitState::Quarantined => {
                self.quarantined.remove(&unit);
            }
            UnitState::Conflicting => {
                self.conflicting.remove(&unit);
            }
        }
    }

    fn enter(&mut self, state: UnitState, unit: UnitKey) {
        let run = self.run(unit.cell, unit.replicate);
        match state {
            UnitState::Pending => {
                put(&mut self.pending, run, unit);
                self.counts.pending += 1;
                self.open[unit.cell.0 as usize] += 1;
            }
            UnitState::Leased => {
                put(&mut self.leased, run, unit);
                self.counts.leased += 1;
                self.open[unit.cell.0 as usize] += 1;
            }
            UnitState::Done => {
                self.counts.done += 1;
                self.counts.experiments_done += self.experiments(unit);
            }
            UnitState::Quarantined => {
                self.quarantined.insert(unit);
            }
            UnitState::Conflicting => {
                self.conflicting.insert(unit);
            }
        }
    }

    fn experiments(&self, unit: UnitKey) -> u64 {
        self.plan.positions(unit.cell, unit.block).len() as u64
    }
}

fn take(sets: &mut BTreeMap<u64, RangeSet>, run: u64, unit: UnitKey) {
    let block = u64::from(unit.block.0);
    if let Some(blocks) = sets.get_mut(&run) {
        blocks.remove(block..block + 1);
        if blocks.is_empty() {
            sets.remove(&run);
        }
    }
}

fn put(sets: &mut BTreeMap<u64, RangeSet>, run: u64, unit: UnitKey) {
    let block = u64::from(unit.block.0);
    sets.entry(run).or_default().insert(block..block + 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::fixture;

    #[test]
    fn a_huge_sweep_is_one_range() {
        let plan = fixture::plan(1 << 20, 1 << 10);
        let total = plan.units();
        assert!(total > 60_000_000);
        let units = Units::new(plan, &[]);
        assert_eq!(units.counts().pending, total);
        assert_eq!(units.pending.len() + units.leased.len(), 0);
    }

    #[test]
    fn done_units_are_not_offered_again() {
        let done = UnitRange {
            cell: CellId(0),
            replicate: Replicate(0),
            blocks: 1..3,
        };
        let mut units = Units::new(fixture::plan(64, 2), std::slice::from_ref(&done));
        let offered = |units: &Units| units.pending_ranges().next().map(|range| range.blocks);
        assert_eq!(offered(&units), Some(0..1));
        for unit in [0, 3].map(|block| fixture::unit(0, block)) {
            units.make(unit, Move::Lease).expect("a legal move");
        }
        assert_eq!(offered(&units), Some(0..4));
        assert_eq!(units.counts().done, 2);
        assert_eq!(units.counts().experiments_done, 32);
    }
}
