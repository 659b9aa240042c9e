//! What units cost, learned from reports, and how many of them make a lease.

use bistable_common::ids::CellId;

/// The work in a lease: long enough that its base run is a small share, short enough that losing it costs little.
const TARGET_US: f64 = 30e6;

/// Units in a lease of a cell of which nothing is known.
const FIRST_GUESS: f64 = 2.0;

/// Units in a lease, at most.
const MAX_UNITS: u64 = 64;

/// The weight of the newest report.
const SMOOTHING: f64 = 0.2;

/// Microseconds a unit, for each cell of a sweep.
#[derive(Debug)]
pub(super) struct Costs(Vec<Option<f64>>);

impl Costs {
    pub fn new(cells: u32) -> Self {
        Self(vec![None; cells as usize])
    }

    pub fn observe(&mut self, cell: CellId, compute_us: u64) {
        let us = (compute_us as f64).max(1.0);
        let cost = &mut self.0[cell.0 as usize];
        *cost = Some(cost.map_or(us, |old| old + SMOOTHING * (us - old)));
    }

    /// How many units of `cell` to lease, with `pending` units for `slots` slots: near the end of a sweep everybody gets
    /// a share.
    pub fn lease_size(&self, cell: CellId, pending: u64, slots: u64) -> u32 {
        let by_time = self.0[cell.0 as usize].map_or(FIRST_GUESS, |us| TARGET_US / us);
        let fair = pending.div_ceil(slots.max(1));
        (by_time as u64).min(fair).clamp(1, MAX_UNITS) as u32
    }

    /// Seconds until `open` units of each cell are done on `slots` slots; unmeasured cells count as the mean of the
    /// measured ones. `None` while nothing is known.
    pub fn eta_seconds(&self, open: impl Fn(CellId) -> u64, slots: u64) -> Option<f64> {
        let measured: Vec<f64> = self.0.iter().flatten().copied().collect();
        if measured.is_empty() || slots == 0 {
            return None;
        }
        let mean = measured.iter().sum::<f64>() / measured.len() as f64;
        let us: f64 = (0_u32..)
            .zip(&self.0)
            .map(|(cell, cost)| open(CellId(cell)) as f64 * cost.unwrap_or(mean))
            .sum();
        Some(us / 1e6 / slots as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: CellId = CellId(0);

    #[test]
    fn lease_size_follows_cost_fairness_and_the_cap() {
        let mut costs = Costs::new(1);
        assert_eq!(costs.lease_size(CELL, 1_000, 2), 2);
        assert_eq!(costs.eta_seconds(|_| 10, 2), None);
        costs.observe(CELL, 3_000_000);
        assert_eq!(costs.lease_size(CELL, 1_000, 2), 10);
        assert_eq!(costs.lease_size(CELL, 7, 2), 4);
        assert_eq!(costs.lease_size(CELL, 1, 8), 1);
        assert_eq!(costs.eta_seconds(|_| 10, 2), Some(15.0));
        let mut costs = Costs::new(1);
        costs.observe(CELL, 0);
        assert_eq!(costs.lease_size(CELL, 1_000_000, 2), 64);
        let mut costs = Costs::new(1);
        costs.observe(CELL, u64::MAX);
        assert_eq!(costs.lease_size(CELL, 1_000_000, 2), 1);
    }
}
