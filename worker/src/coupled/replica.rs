//! One experiment: the run on D^(i), and its distance from the base run at every K.

use std::sync::atomic::AtomicBool;

use bistable_common::trajectory::{Experiment, Record, ReplaceOne, Stop};

use super::{Draws, Fork, Setting, base::Base, check_stop};
use crate::{
    kernel::ops::distance2,
    problem::{Iterate, Metrics, Problem, Table},
    solver::{Health, Stepper, Twin},
    unit::RunError,
};

/// Runs the experiment of `index` from its fork (`None`: the sample is never read, or not before the base run diverged,
/// so the run is the base run).
#[expect(
    clippy::too_many_arguments,
    reason = "the loop's state, all of it reused from replica to replica"
)]
pub(super) fn run<P: Problem>(
    problem: &P,
    setting: Setting<'_>,
    base: &Base<P::Real>,
    index: u32,
    draws: &Draws,
    fork: Option<&Fork<P::Real>>,
    state: &mut Iterate<P::Real>,
    stepper: &mut Stepper<'_, P>,
    stop: &AtomicBool,
) -> Result<Experiment, RunError> {
    let cell = setting.cell();
    let rounds = match base.stop {
        Stop::Completed => cell.last_k(),
        Stop::Diverged { at } => at,
    };
    let mut experiment = Experiment {
        index,
        first_drawn: draws.first[index as usize],
        stop: base.stop,
        records: Vec::with_capacity(base.states.len()),
    };
    let mut round = fork.map_or(rounds, |fork| fork.round);
    if let Some(fork) = fork {
        state.copy_from(&fork.state);
    }
    for (&k, base_state) in cell.ks.iter().zip(&base.states) {
        while round < k.min(rounds) {
            check_stop(stop)?;
            if stepper.iterate(state, round, Twin::Replaced(index)) == Health::Diverged {
                experiment.stop = Stop::Diverged { at: round + 1 };
                return Ok(experiment);
            }
            round += 1;
        }
        // A fork that lies ahead, or none: up to here the two runs are one.
        let forked = fork.is_some_and(|fork| fork.round < k);
        let perturbed = if forked { &*state } else { base_state };
        match record(problem, setting, index, base_state, perturbed, stepper) {
            Some(record) => experiment.records.push(record),
            None => {
                experiment.stop = Stop::Diverged { at: k };
                return Ok(experiment);
            }
        }
    }
    // The base run diverged between two K: whichever of the two runs leaves the finite numbers first decides.
    while round < rounds {
        check_stop(stop)?;
        if stepper.iterate(state, round, Twin::Replaced(index)) == Health::Diverged {
            experiment.stop = Stop::Diverged { at: round + 1 };
            return Ok(experiment);
        }
        round += 1;
    }
    Ok(experiment)
}

/// Distances and the replace-one losses at one K; `None` if anything is not finite.
fn record<P: Problem>(
    problem: &P,
    setting: Setting<'_>,
    index: u32,
    base: &Iterate<P::Real>,
    perturbed: &Iterate<P::Real>,
    stepper: &mut Stepper<'_, P>,
) -> Option<Record> {
    let m1 = setting.cell().m1;
    let mut at = |state: &Iterate<P::Real>, row: u32| {
        problem.evaluate(stepper.scratch(), state, Table::Validation, &[row])
    };
    let base_at = [at(base, index), at(base, m1 + index)];
    let perturbed_at = [at(perturbed, index), at(perturbed, m1 + index)];
    let four = |pick: fn(&Metrics) -> Option<f64>| {
        Some(ReplaceOne {
            perturbed_at_original: pick(&perturbed_at[0])?,
            base_at_original: pick(&base_at[0])?,
            base_at_replacement: pick(&base_at[1])?,
            perturbed_at_replacement: pick(&perturbed_at[1])?,
        })
    };
    let record = Record {
        dx2: distance2(setting.simd, &base.x, &perturbed.x),
        dy2: distance2(setting.simd, &base.y, &perturbed.y),
        loss: four(|metrics| Some(metrics.loss))?,
        error: four(|metrics| metrics.error),
    };
    let losses = record.loss;
    let numbers = [
        record.dx2,
        record.dy2,
        losses.perturbed_at_original,
        losses.base_at_original,
        losses.base_at_replacement,
        losses.perturbed_at_replacement,
    ];
    numbers
        .iter()
        .all(|number| number.is_finite())
        .then_some(record)
}
