//! Coupled runs: one base run on D, and for every replaced index a run on D^(i) with the same S, start and stream.
//!
//! Until the base run first reads sample `i` the two are the same floating-point computation, so the perturbed run is a
//! fork of the base run at that outer iteration (SBO Definition 5; the README says why no bit changes). It then runs to
//! the end on its own, so that its parameters stay in cache; replicas of a small problem run sixteen together, a SIMD
//! lane each, from the first of their forks.

mod base;
mod replica;

use std::sync::atomic::{AtomicBool, Ordering};

use bistable_common::{
    draw::{first_draws_while, measured_order},
    ids::Block,
    plan::{BLOCK, Plan},
    trajectory::{Experiment, Trajectory},
};

use crate::{
    kernel::Real,
    problem::Problem,
    setting::{Mode, Setting},
    solver::{State, Stepper, Words, shape},
    unit::RunError,
};
use base::{Base, Forks};
use replica::Room;

/// Bytes of forked states that a thread keeps at once: enough for the base run to be a small share of the work, and little
/// enough for a node with many cores.
pub const FORK_BYTES: u64 = 64 << 20;

/// Bytes beyond which a run is refused rather than tried: an allocation that fails would end the whole worker.
const MAX_RUN_BYTES: u64 = 16 << 30;

/// What the draws alone decide.
struct Draws {
    /// The outer iteration that first reads each index that can be replaced.
    first: Vec<Option<u64>>,
    /// The replicate's index order, as far as it is measured.
    order: Vec<u32>,
}

impl Draws {
    /// The round in which the run without sample `index` leaves the base run: where it is first read or, to prove that
    /// this changes nothing, the very first.
    fn leaves(&self, index: u32, mode: Mode) -> Option<u64> {
        match mode {
            Mode::Forked => self.first[index as usize],
            Mode::Naive => Some(0),
        }
    }
}

/// Blocks whose forks fit into [`FORK_BYTES`] together; a group of replicas shares a fork.
pub fn blocks_per_base_run(state_bytes: u64, replicas: usize) -> u32 {
    let block = state_bytes.max(1) * u64::from(BLOCK).div_ceil(replicas as u64);
    u32::try_from(FORK_BYTES / block).unwrap_or(u32::MAX).max(1)
}

/// Runs `blocks` of a cell by the stepper that `new` makes, giving each unit to `done` when it is finished.
pub fn run<'a, P: Problem, S: Stepper<Problem = P>>(
    problem: &'a P,
    setting: Setting<'a>,
    new: impl FnOnce(&'a P, Setting<'a>, &'a AtomicBool) -> S,
    blocks: std::ops::Range<u32>,
    stop: &'a AtomicBool,
    done: &mut dyn FnMut(Block, Trajectory),
) -> Result<(), RunError> {
    let state_bytes = check_memory(problem, setting)?;
    let mut stepper = new(problem, setting, stop);
    let (facts, cell, replicate) = (setting.facts, setting.cell(), setting.replicate);
    let go_on = || match stop.load(Ordering::Relaxed) {
        true => Err(RunError::Stopped),
        false => Ok(()),
    };
    let first = first_draws_while(facts, cell, replicate, go_on)?;
    let order = measured_order(facts, cell, replicate, &first);
    let draws = Draws { first, order };
    // One base run serves as many blocks as memory allows.
    let group = blocks_per_base_run(state_bytes, P::REPLICAS);
    let mut first = blocks.start;
    while first < blocks.end {
        let end = blocks.end.min(first.saturating_add(group));
        run_group(&mut stepper, setting, &draws, first..end, done)?;
        first = end;
    }
    Ok(())
}

/// Bytes of the state of one replica of `problem`, if there is room for a run.
fn check_memory<P: Problem>(problem: &P, setting: Setting<'_>) -> Result<u64, RunError> {
    let cell = setting.cell();
    let dims = problem.dims();
    let bytes = |words: usize| (words * size_of::<P::Real>()) as u64;
    let words = Words::new(&cell.solver, dims);
    let state = bytes(dims.all() + words.memory);
    let group = problem.group_dims();
    let needed = state * (cell.ks.len() as u64 + 3)
        + 4 * bytes(group.all())
        + bytes(words.room)
        + problem.scratch_bytes(shape(cell));
    if needed > MAX_RUN_BYTES {
        return Err(RunError::Memory { needed });
    }
    Ok(state)
}

fn run_group<S: Stepper>(
    stepper: &mut S,
    setting: Setting<'_>,
    draws: &Draws,
    blocks: std::ops::Range<u32>,
    done: &mut dyn FnMut(Block, Trajectory),
) -> Result<(), RunError> {
    let plan = Plan::new(setting.facts);
    let indices = |block: u32| {
        let positions = plan.positions(setting.cell, Block(block));
        let end = draws.order.len();
        &draws.order[end.min(positions.start as usize)..end.min(positions.end as usize)]
    };
    let groups = |block: u32| indices(block).chunks(S::Problem::REPLICAS);
    let all = blocks.clone().flat_map(groups);
    let mut forks = Forks::new(stepper, all, draws, setting.mode);
    let with_curve = blocks.start == 0;
    let base = Base::run(stepper, setting, draws, &mut forks, with_curve)?;
    let mut room = Room::new(stepper);
    let mut number = 0;
    for block in blocks {
        let mut experiments: Vec<Experiment> = Vec::with_capacity(indices(block).len());
        for group in groups(block) {
            let fork = forks.of(number);
            experiments.extend(replica::run(
                stepper, setting, &base, group, draws, fork, &mut room,
            )?);
            number += 1;
        }
        done(
            Block(block),
            Trajectory {
                base_stop: base.stop,
                base_states: base.hashes.clone(),
                curve: if block == 0 {
                    base.curve.clone()
                } else {
                    Vec::new()
                },
                experiments,
            },
        );
    }
    Ok(())
}

/// A forked state and the outer iteration at which it was taken.
struct Fork<R: Real> {
    /// Whose it is: the number of the group in its run.
    group: usize,
    round: u64,
    state: State<R>,
}

#[cfg(test)]
mod tests;
