//! How everything stands together, for those who watch the coordinator and not one sweep. Costs time by cells, sweeps,
//! leases and workers, never by units.

use bistable_common::ids::{SweepId, WorkerId};

use super::{Board, Mode, SweepState, entry::SweepEntry};

/// Units of all sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnitCounts {
    /// With a result.
    pub done: u64,
    /// In a lease.
    pub leased: u64,
    /// Without either; those of sweeps that were cancelled are not counted.
    pub pending: u64,
    /// Given up.
    pub quarantined: u64,
    /// With results that differ.
    pub conflicting: u64,
}

/// A worker that has a session, and what it did in it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerSurvey {
    /// Its name.
    pub worker: WorkerId,
    /// Its machine.
    pub host: String,
    /// First results of units that it brought.
    pub units: u64,
    /// What they cost.
    pub compute_seconds: f64,
}

/// What the board has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deeds {
    /// Leases given.
    pub granted: u64,
    /// Units taken back from workers that were lost, to be leased again.
    pub taken_back: u64,
    /// Workers lost that had something left to do.
    pub workers_lost: u64,
}

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// Units of all sweeps.
    pub units: UnitCounts,
    /// Where each sweep stands.
    pub sweeps: Vec<(SweepId, SweepState)>,
    /// Leases that are out.
    pub leases: u64,
    /// Leases that all workers together can work on at once.
    pub slots: u64,
    /// Predicted seconds of work that is wanted, of one thread.
    pub remaining_seconds: f64,
    /// The workers that have a session.
    pub workers: Vec<WorkerSurvey>,
}

impl Board {
    /// What it has done since it was made.
    pub fn deeds(&self) -> Deeds {
        Deeds {
            granted: self.granted,
            ..self.deeds
        }
    }

    /// How everything stands.
    pub fn survey(&self) -> Survey {
        let mut units = UnitCounts::default();
        let mut remaining_us = 0.0;
        for entry in self.sweeps.values() {
            units.add(entry);
            remaining_us += entry.wanted_us();
        }
        let states = self.sweeps.iter().map(|(id, entry)| (*id, entry.state()));
        let workers = self.workers.values().map(|entry| WorkerSurvey {
            worker: entry.worker.clone(),
            host: entry.host.clone(),
            units: entry.units,
            compute_seconds: entry.compute_us as f64 / 1e6,
        });
        Survey {
            units,
            sweeps: states.collect(),
            leases: self.leases.len() as u64,
            slots: self.slots,
            remaining_seconds: remaining_us / 1e6,
            workers: workers.collect(),
        }
    }
}

impl UnitCounts {
    fn add(&mut self, entry: &SweepEntry) {
        let counts = entry.units.counts();
        self.done += counts.done;
        self.leased += counts.leased;
        if entry.mode != Mode::Cancelled {
            self.pending += counts.pending;
        }
        self.quarantined += entry.units.quarantined().len() as u64;
        self.conflicting += entry.units.conflicting().len() as u64;
    }
}

impl SweepEntry {
    /// Predicted microseconds of the work that is wanted: of a sweep that is paused only what is leased goes on.
    fn wanted_us(&self) -> f64 {
        let counts = self.units.counts();
        if counts.pending + counts.leased == 0 {
            return 0.0;
        }
        match self.mode {
            Mode::Running => self.costs.work_us(|cell| self.units.open(cell)),
            Mode::Paused => {
                let leased = self.units.leased_by_cell();
                self.costs
                    .work_us(|cell| leased.get(&cell).copied().unwrap_or(0))
            }
            Mode::Cancelled => 0.0,
        }
    }
}
