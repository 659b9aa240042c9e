//! A group of experiments: runs on D^(i), and their distances from the base run at every K.

use bistable_common::{
    sweep::Replace,
    trajectory::{Experiment, Record, ReplaceOne, Stop},
};

use super::{Draws, Fork, Setting, base::Base};
use crate::{
    kernel::{LANES, Real, ops::distance2},
    problem::{Iterate, Metrics, Problem, Table},
    solver::{Round, State, Stepper, Twin},
    unit::RunError,
};

/// Room for a group that is run, and for one of its replicas.
pub(super) struct Room<R: Real> {
    group: State<R>,
    single: State<R>,
}

impl<R: Real> Room<R> {
    pub fn new(stepper: &impl Stepper<Real = R>) -> Self {
        Self {
            group: stepper.group_start().clone(),
            single: stepper.start().clone(),
        }
    }
}

/// One lane of a group.
struct Replica {
    experiment: Experiment,
    /// The round from which on it may differ from the base run.
    leaves: Option<u64>,
    over: bool,
}

impl Replica {
    fn diverged(&mut self, at: u64) {
        self.experiment.stop = Stop::Diverged { at };
        self.over = true;
    }
}

/// A group on its way.
struct Group<'a, S: Stepper> {
    setting: Setting<'a>,
    stepper: &'a mut S,
    room: &'a mut Room<S::Real>,
    twins: [Twin; LANES],
    replicas: Vec<Replica>,
    round: u64,
}

/// Runs the experiments of `indices`, a group, from their fork (`None`: no sample is ever read, or not before the base
/// run diverged, so that every run is the base run).
pub(super) fn run<S: Stepper>(
    stepper: &mut S,
    setting: Setting<'_>,
    base: &Base<S::Real>,
    indices: &[u32],
    draws: &Draws,
    fork: Option<&Fork<S::Real>>,
    room: &mut Room<S::Real>,
) -> Result<Vec<Experiment>, RunError> {
    let rounds = match base.stop {
        Stop::Completed => setting.cell().last_k(),
        Stop::Diverged { at } => at,
    };
    let mut twins = [Twin::Base; LANES];
    for (twin, &index) in twins.iter_mut().zip(indices) {
        *twin = Twin::Replaced(index);
    }
    if let Some(fork) = fork {
        (0..S::Problem::REPLICAS).for_each(|lane| stepper.put(&fork.state, lane, &mut room.group));
    }
    let replica = |&index: &u32| Replica {
        experiment: Experiment {
            index,
            first_drawn: draws.first[index as usize],
            stop: base.stop,
            records: Vec::with_capacity(base.states.len()),
        },
        leaves: draws.leaves(index, setting.mode),
        over: false,
    };
    let mut group = Group {
        setting,
        stepper,
        room,
        twins,
        replicas: indices.iter().map(replica).collect(),
        round: fork.map_or(rounds, |fork| fork.round),
    };
    for (&k, base_state) in setting.cell().ks.iter().zip(&base.states) {
        group.advance(k.min(rounds))?;
        group.record(k, base_state);
    }
    // The base run diverged between two K: whichever of the two runs leaves the finite numbers first decides.
    group.advance(rounds)?;
    let experiments = group.replicas.into_iter().map(|replica| replica.experiment);
    Ok(experiments.collect())
}

impl<S: Stepper> Group<'_, S> {
    fn advance(&mut self, to: u64) -> Result<(), RunError> {
        while self.round < to && self.replicas.iter().any(|replica| !replica.over) {
            let round = Round {
                k: self.round,
                twins: &self.twins[..S::Problem::REPLICAS],
            };
            let health = self.stepper.iterate(&mut self.room.group, round)?;
            self.round += 1;
            for (lane, replica) in self.replicas.iter_mut().enumerate() {
                if !replica.over && health.diverged(lane) {
                    replica.diverged(self.round);
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, k: u64, base: &Iterate<S::Real>) {
        for (lane, replica) in self.replicas.iter_mut().enumerate() {
            if replica.over {
                continue;
            }
            // One that leaves later, or never: up to here the two runs are one.
            let left = replica.leaves.is_some_and(|round| round < k);
            let Room { group, single } = &mut *self.room;
            let perturbed = if left {
                self.stepper.get(group, lane, single);
                &single.at
            } else {
                base
            };
            let index = replica.experiment.index;
            match record(self.stepper, self.setting, index, base, perturbed) {
                Some(record) => replica.experiment.records.push(record),
                None => replica.diverged(k),
            }
        }
    }
}

/// Distances and the replace-one losses at one K; `None` if anything is not finite.
fn record<S: Stepper>(
    stepper: &mut S,
    setting: Setting<'_>,
    index: u32,
    base: &Iterate<S::Real>,
    perturbed: &Iterate<S::Real>,
) -> Option<Record> {
    let replace = setting.facts.replace;
    // Of a training sample, its part of the inner objective.
    let mut at = |state: &Iterate<S::Real>, row: u32| match replace {
        Replace::Validation => stepper.evaluate(state, Table::Validation, &[row]),
        Replace::Training => Metrics {
            loss: stepper.inner_value(state, &[row]),
            error: None,
        },
    };
    let counterpart = replace.samples(setting.cell()) + index;
    let base_at = [at(base, index), at(base, counterpart)];
    let perturbed_at = [at(perturbed, index), at(perturbed, counterpart)];
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
        dz2: (!base.z.is_empty()).then(|| distance2(setting.simd, &base.z, &perturbed.z)),
        loss: four(|metrics| Some(metrics.loss))?,
        error: four(|metrics| metrics.error),
    };
    let losses = record.loss;
    let numbers = [
        record.dx2,
        record.dy2,
        record.dz2.unwrap_or(0.0),
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
