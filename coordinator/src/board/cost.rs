//! What units cost, learned from reports, and how many of them make a lease.

use std::time::Duration;

use bistable_common::ids::CellId;

/// The work in a lease: long enough that its base run is a small share, short enough that losing it costs little.
const TARGET_US: f64 = 30e6;

/// Units in a lease of a cell of which nothing is known.
const FIRST_GUESS: f64 = 2.0;

/// What a unit counts as in a sweep of which nothing is measured. Too little costs those who start workers a moment, until
/// the first reports; too much would have them start workers for nothing.
const UNMEASURED_US: f64 = 1e6;

/// Units in a lease, at most: so many are a message's worth even if they take no time.
const MAX_UNITS: u64 = 4096;

/// The weight of the newest report.
const SMOOTHING: f64 = 0.2;

/// A cost is saved again when it has changed by this factor.
const WORTH_SAVING: f64 = 1.25;

/// A unit straggles when it takes this many times what its cell's units usually take,
const STRAGGLES_AFTER: f64 = 2.0;
/// but not before this,
const STRAGGLES_AT_LEAST: Duration = Duration::from_secs(1);
/// and after this where nothing is known.
const STRAGGLES_UNKNOWN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    us: Option<f64>,
    saved: Option<f64>,
}

/// Microseconds a unit, for each cell of a sweep.
#[derive(Debug)]
pub(super) struct Costs(Vec<Cost>);

impl Costs {
    pub fn new(cells: u32, saved: &[(CellId, u64)]) -> Self {
        let mut costs = vec![Cost::default(); cells as usize];
        for (cell, us) in saved {
            if let Some(cost) = costs.get_mut(cell.0 as usize) {
                let us = Some((*us as f64).max(1.0));
                *cost = Cost { us, saved: us };
            }
        }
        Self(costs)
    }

    /// Learns from a unit; the cell's cost, if it should be saved.
    pub fn observe(&mut self, cell: CellId, compute_us: u64) -> Option<u64> {
        let us = (compute_us as f64).max(1.0);
        let cost = &mut self.0[cell.0 as usize];
        let learned = cost.us.map_or(us, |old| old + SMOOTHING * (us - old));
        cost.us = Some(learned);
        let known = cost
            .saved
            .is_some_and(|saved| learned < saved * WORTH_SAVING && saved < learned * WORTH_SAVING);
        if known {
            return None;
        }
        cost.saved = cost.us;
        Some(learned.round() as u64)
    }

    /// Microseconds a unit, if they are known.
    pub fn unit_us(&self, cell: CellId) -> Option<f64> {
        self.0[cell.0 as usize].us
    }

    /// How many units of `cell` to lease to a worker that has time for `time_us`, with `pending` units for `slots` slots:
    /// near the end of a sweep everybody gets a share. `None`: not even one unit would be done in time.
    pub fn lease_size(
        &self,
        cell: CellId,
        pending: u64,
        slots: u64,
        time_us: Option<f64>,
    ) -> Option<u32> {
        let by_time = match (self.unit_us(cell), time_us) {
            (Some(us), Some(time)) if us > time => return None,
            (Some(us), time) => TARGET_US.min(time.unwrap_or(TARGET_US)) / us,
            (None, Some(_)) => 1.0,
            (None, None) => FIRST_GUESS,
        };
        let fair = pending.div_ceil(slots.max(1));
        Some((by_time as u64).min(fair).clamp(1, MAX_UNITS) as u32)
    }

    /// How long a unit of `cell` may take before somebody else should try it too.
    pub fn patience(&self, cell: CellId) -> Duration {
        match self.unit_us(cell) {
            Some(us) => {
                let seconds = (STRAGGLES_AFTER * us / 1e6).min(1e9);
                Duration::from_secs_f64(seconds).max(STRAGGLES_AT_LEAST)
            }
            None => STRAGGLES_UNKNOWN,
        }
    }

    /// Seconds until `open` units of each cell are done on `slots` slots; unmeasured cells count as the mean of the
    /// measured ones. `None` while nothing is known.
    pub fn eta_seconds(&self, open: impl Fn(CellId) -> u64, slots: u64) -> Option<f64> {
        if slots == 0 {
            return None;
        }
        let mean = self.mean_us()?;
        Some(self.sum_us(open, mean) / 1e6 / slots as f64)
    }

    /// Microseconds of one thread that `open` units of each cell take; unmeasured cells count as the mean of the measured
    /// ones, and units as a second each where nothing is measured.
    pub fn work_us(&self, open: impl Fn(CellId) -> u64) -> f64 {
        self.sum_us(open, self.mean_us().unwrap_or(UNMEASURED_US))
    }

    /// The mean over measured cells.
    fn mean_us(&self) -> Option<f64> {
        let measured = self.0.iter().filter_map(|cost| cost.us);
        let (count, sum) = measured.fold((0_u32, 0.0), |(count, sum), us| (count + 1, sum + us));
        (count > 0).then(|| sum / f64::from(count))
    }

    fn sum_us(&self, open: impl Fn(CellId) -> u64, unmeasured_us: f64) -> f64 {
        (0_u32..)
            .zip(&self.0)
            .map(|(cell, cost)| open(CellId(cell)) as f64 * cost.us.unwrap_or(unmeasured_us))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: CellId = CellId(0);

    fn measured(us: u64) -> Costs {
        let mut costs = Costs::new(1, &[]);
        costs.observe(CELL, us);
        costs
    }

    #[test]
    fn lease_size_follows_cost_fairness_and_the_cap() {
        let unknown = Costs::new(1, &[]);
        assert_eq!(unknown.lease_size(CELL, 1_000, 2, None), Some(2));
        assert_eq!(unknown.eta_seconds(|_| 10, 2), None);
        let costs = measured(3_000_000);
        assert_eq!(costs.lease_size(CELL, 1_000, 2, None), Some(10));
        assert_eq!(costs.lease_size(CELL, 7, 2, None), Some(4));
        assert_eq!(costs.lease_size(CELL, 1, 8, None), Some(1));
        assert_eq!(costs.eta_seconds(|_| 10, 2), Some(15.0));
        let cheap = measured(0);
        assert_eq!(cheap.lease_size(CELL, 1_000_000, 2, None), Some(4096));
        let dear = measured(u64::MAX);
        assert_eq!(dear.lease_size(CELL, 1_000_000, 2, None), Some(1));
        assert!(dear.patience(CELL) > STRAGGLES_UNKNOWN);
    }

    #[test]
    fn a_lease_ends_before_its_worker_does() {
        let costs = measured(3_000_000);
        let size = |time| costs.lease_size(CELL, 1_000, 2, Some(time));
        assert_eq!(size(60e6), Some(10));
        assert_eq!(size(7e6), Some(2));
        assert_eq!(size(2.9e6), None);
        let unknown = Costs::new(1, &[]);
        assert_eq!(unknown.lease_size(CELL, 1_000, 2, Some(1e6)), Some(1));
    }

    #[test]
    fn what_was_learned_is_saved_when_it_is_news() {
        let mut costs = Costs::new(2, &[]);
        assert_eq!(costs.observe(CELL, 1_000), Some(1_000));
        assert_eq!(costs.observe(CELL, 1_100), None);
        assert_eq!(costs.observe(CELL, 4_000), Some(1_616));
        let mut reloaded = Costs::new(2, &[(CELL, 1_616), (CellId(7), 1)]);
        assert_eq!(reloaded.unit_us(CELL), Some(1_616.0));
        assert_eq!(reloaded.unit_us(CellId(1)), None);
        assert_eq!(reloaded.observe(CELL, 1_616), None);
    }
}
