//! How much of its run a replica computes: what comes after the first draw of its index.

use bistable_common::{
    spec::{Batch, Direction, Implicit, Inverse, Solver},
    sweep::{Cell, Replace},
};

/// How often runs read a sample that can be replaced.
pub(super) struct Reads {
    /// The chance that an outer iteration reads a given one.
    chance: f64,
    iterations: f64,
}

impl Reads {
    /// Of a cell.
    pub fn new(replace: Replace, cell: &Cell) -> Self {
        let solver = &cell.solver;
        let batches = match replace {
            Replace::Validation => vec![(solver.batch_x, 1.0)],
            Replace::Training => training(solver, cell.last_k()),
        };
        let samples = replace.samples(cell);
        let missed = batches.into_iter().map(|(batch, times)| {
            let share = f64::from(batch.size(samples)) / f64::from(samples);
            (1.0 - share).max(0.0).powf(times)
        });
        Self {
            chance: 1.0 - missed.product::<f64>(),
            iterations: cell.last_k() as f64,
        }
    }

    /// The expected share of all indices that a run reads.
    pub fn drawn_share(&self) -> f64 {
        1.0 - (1.0 - self.chance).powf(self.iterations)
    }

    /// The expected share of its run that a replica computes.
    pub fn replica_share(&self) -> f64 {
        1.0 - self.drawn_share() / (self.iterations * self.chance)
    }
}

/// Batches of an outer iteration, and how many of each; of sizes that fall the first for all.
fn training(solver: &Solver, last_k: u64) -> Vec<(Batch, f64)> {
    let steps = f64::from(solver.schedule.steps(last_k / 2));
    let mut batches = vec![(solver.batch_y, steps)];
    if let Direction::Implicit(Implicit { inverse, batch_v }) = solver.direction {
        let products = match inverse {
            Inverse::Cg { .. } | Inverse::FixedPoint { .. } => 1.0,
            Inverse::Neumann { steps, .. } => f64::from(steps),
            Inverse::RandomNeumann { steps, .. } => f64::from(steps - 1) / 2.0,
            Inverse::Identity { .. } => 0.0,
        };
        batches.push((batch_v, products + 1.0));
    }
    batches
}
