//! Which of the samples that can be replaced a run reads, and when: known from the draws alone, before anything is computed.

use std::convert::Infallible;

use super::{Key, Level, Purpose, Sampler};
use crate::{
    ids::Replicate,
    spec::{Direction, Implicit, Inverse, Solver},
    sweep::{Cell, Facts, Indices, Replace},
};

/// The length of a randomly truncated series of `steps` terms in outer iteration `k`: uniform in `0..steps`.
pub fn truncation(key: &mut Key, k: u64, steps: u32) -> u32 {
    key.stream(k, 0).below(steps)
}

/// The batches of outer iterations, as far as samples are replaced in them.
struct Reads<'a> {
    replace: Replace,
    solver: &'a Solver,
    outer: Sampler,
    inner: Sampler,
    curvature: Sampler,
    cross: Sampler,
    truncation: Key,
}

impl<'a> Reads<'a> {
    fn new(facts: &Facts, cell: &'a Cell, replicate: Replicate) -> Self {
        let sampler = |level| Sampler::new(facts.seed, replicate, cell, level);
        Self {
            replace: facts.replace,
            solver: &cell.solver,
            outer: sampler(Level::Outer),
            inner: sampler(Level::Inner),
            curvature: sampler(Level::Curvature),
            cross: sampler(Level::Cross),
            truncation: Key::new(facts.seed, replicate, Purpose::Truncation),
        }
    }

    /// Gives every index that is read in outer iteration `k` to `read`. Where a tolerance ends the inner steps, those that
    /// would have come are among them: a run that leaves earlier than it must is the same run.
    fn of(&mut self, k: u64, batch: &mut Vec<u32>, read: &mut impl FnMut(u32)) {
        match self.replace {
            Replace::Validation => {
                self.outer.batch(k, 0, batch);
                batch.iter().copied().for_each(read);
            }
            Replace::Training => self.training(k, batch, read),
        }
    }

    fn training(&mut self, k: u64, batch: &mut Vec<u32>, read: &mut impl FnMut(u32)) {
        let ascent = (self.solver.ascent).map_or(0, |ascent| ascent.turns.batches());
        for t in 0..self.solver.schedule.steps(k) + ascent {
            self.inner.batch(k, t, batch);
            batch.iter().copied().for_each(&mut *read);
        }
        if let Direction::Implicit(implicit) = self.solver.direction {
            self.products(&implicit, k, batch, read);
            self.cross.batch(k, 0, batch);
            batch.iter().copied().for_each(read);
        }
    }

    fn products(
        &mut self,
        implicit: &Implicit,
        k: u64,
        batch: &mut Vec<u32>,
        read: &mut impl FnMut(u32),
    ) {
        let products = match implicit.inverse {
            Inverse::Cg { .. } | Inverse::FixedPoint { .. } => 0..=0,
            Inverse::Neumann { steps, .. } => 1..=steps,
            Inverse::RandomNeumann { steps, .. } => 1..=truncation(&mut self.truncation, k, steps),
            Inverse::Identity { .. } => return,
        };
        for j in products {
            let size = implicit.product_batch(j, self.curvature.samples());
            self.curvature.batch_of(size, k, j, batch);
            batch.iter().copied().for_each(&mut *read);
        }
    }
}

/// For every index that can be replaced, the outer iteration that first reads it before the cell's largest K.
pub fn first_draws(facts: &Facts, cell: &Cell, replicate: Replicate) -> Vec<Option<u64>> {
    let Ok(first) = first_draws_while(facts, cell, replicate, || Ok::<(), Infallible>(()));
    first
}

/// The same, as long as `go_on` says so before each iteration: a large K takes a while.
pub fn first_draws_while<E>(
    facts: &Facts,
    cell: &Cell,
    replicate: Replicate,
    go_on: impl Fn() -> Result<(), E>,
) -> Result<Vec<Option<u64>>, E> {
    let mut reads = Reads::new(facts, cell, replicate);
    let mut first = vec![None; facts.replace.samples(cell) as usize];
    let mut batch = Vec::new();
    let mut left = first.len();
    for round in 0..cell.last_k() {
        // However large K is: once every index is drawn there is nothing to find.
        if left == 0 {
            break;
        }
        go_on()?;
        reads.of(round, &mut batch, &mut |index| {
            let draw = &mut first[index as usize];
            left -= usize::from(draw.is_none());
            draw.get_or_insert(round);
        });
    }
    Ok(first)
}

/// The indices that are replaced, in the order in which blocks are cut from them: the replicate's seeded random order
/// of all indices; if only a number of them is measured, the first that are drawn at all before the largest K
/// (stratified sampling: the never drawn are known to be exactly 0).
pub fn measured_order(
    facts: &Facts,
    cell: &Cell,
    replicate: Replicate,
    first_draws: &[Option<u64>],
) -> Vec<u32> {
    let samples = facts.replace.samples(cell);
    let mut order = Vec::new();
    Key::new(facts.seed, replicate, Purpose::IndexOrder)
        .stream(u64::from(samples), 0)
        .permutation(samples, &mut order);
    if let Indices::Count(count) = facts.indices {
        order.retain(|&index| first_draws[index as usize].is_some());
        order.truncate(count as usize);
    }
    order
}
