//! The base run on D: its states at every K, its curve, and the forks that it leaves on the way.

use bistable_common::{
    ids::Hash,
    trajectory::{CurvePoint, Stop, curve_rounds},
};

use super::{Draws, Fork, Setting};
use crate::{
    kernel::Real,
    problem::{Iterate, Metrics, Table},
    solver::{Round, State, Stepper, Twin},
    unit::{Mode, RunError},
};

/// Forks to be taken, in the order of their rounds.
pub(super) struct Forks<R: Real> {
    forks: Vec<Fork<R>>,
    taken: usize,
}

impl<R: Real> Forks<R> {
    /// Room for a fork of every group of replaced indices that needs one: where one of them is first drawn or, to prove
    /// that this changes nothing, at the very start.
    pub fn new<'a>(
        stepper: &impl Stepper<Real = R>,
        groups: impl Iterator<Item = &'a [u32]>,
        draws: &Draws,
        mode: Mode,
    ) -> Self {
        let round = |group: &[u32]| group.iter().filter_map(|&i| draws.leaves(i, mode)).min();
        let fork = |(group, indices)| {
            round(indices).map(|round| Fork {
                group,
                round,
                state: stepper.start().clone(),
            })
        };
        let mut forks: Vec<_> = groups.enumerate().filter_map(fork).collect();
        forks.sort_by_key(|fork| fork.round);
        Self { forks, taken: 0 }
    }

    fn take(&mut self, stepper: &impl Stepper<Real = R>, round: u64, base: &State<R>) {
        while let Some(fork) = self
            .forks
            .get_mut(self.taken)
            .filter(|fork| fork.round == round)
        {
            stepper.get(base, 0, &mut fork.state);
            self.taken += 1;
        }
    }

    /// The fork of a group, if the base run reached it.
    pub fn of(&self, group: usize) -> Option<&Fork<R>> {
        self.forks[..self.taken]
            .iter()
            .find(|fork| fork.group == group)
    }
}

/// A finished base run.
pub(super) struct Base<R: Real> {
    /// How it ended.
    pub stop: Stop,
    /// Its states at every K that it reached.
    pub states: Vec<Iterate<R>>,
    /// Their hashes.
    pub hashes: Vec<[u8; 32]>,
    /// Its curve, if it was asked for.
    pub curve: Vec<CurvePoint>,
}

impl<R: Real> Base<R> {
    pub fn run<S: Stepper<Real = R>>(
        stepper: &mut S,
        setting: Setting<'_>,
        draws: &Draws,
        forks: &mut Forks<R>,
        with_curve: bool,
    ) -> Result<Self, RunError> {
        let cell = setting.cell();
        let curve_at = if with_curve {
            curve_rounds(&cell.ks)
        } else {
            Vec::new()
        };
        let mut evaluator = Evaluator::new(setting, draws);
        let mut bytes = Vec::new();
        let mut base = Self {
            stop: Stop::Completed,
            states: cell.ks.iter().map(|_| stepper.start().at.clone()).collect(),
            hashes: Vec::with_capacity(cell.ks.len()),
            curve: Vec::with_capacity(curve_at.len()),
        };
        let (mut group, mut state) = (stepper.group_start().clone(), stepper.start().clone());
        for round in 0..cell.last_k() {
            forks.take(stepper, round, &group);
            let (k, reached) = (round + 1, base.hashes.len());
            let twins = &[Twin::Base];
            let health = stepper.iterate(&mut group, Round { k: round, twins })?;
            let checkpoint = cell.ks[reached] == k;
            let curve = curve_at.get(base.curve.len()) == Some(&k);
            if checkpoint || curve {
                stepper.get(&group, 0, &mut state);
            }
            let diverged = health.diverged(0) || (checkpoint && !state.at.is_finite());
            let point = match (checkpoint || curve) && !diverged {
                true => evaluator.point(stepper, &state.at, k),
                false => None,
            };
            // Parameters may be finite where their loss is not. Every base run looks at every K, whether it has a curve
            // or not: units of one replicate agree about its base run.
            if diverged || (checkpoint && point.is_none()) {
                base.stop = Stop::Diverged { at: k };
                break;
            }
            if checkpoint {
                base.states[reached].copy_from(&state.at);
                base.hashes.push(hash(&state.at, &mut bytes));
            }
            if curve {
                base.curve.extend(point);
            }
        }
        base.states.truncate(base.hashes.len());
        Ok(base)
    }
}

/// BLAKE3 of a state: x, then y, then z, as little-endian floats.
fn hash<R: Real>(state: &Iterate<R>, bytes: &mut Vec<u8>) -> [u8; 32] {
    bytes.clear();
    state
        .x
        .iter()
        .chain(&*state.y)
        .chain(&state.z)
        .for_each(|value| value.put_le(bytes));
    Hash::of(bytes).0
}

/// Evaluates the base run on all of D and on the test set.
struct Evaluator {
    validation: Vec<u32>,
    test: Vec<u32>,
    /// First draws, ascending.
    drawn: Vec<u64>,
}

impl Evaluator {
    fn new(setting: Setting<'_>, draws: &Draws) -> Self {
        let mut drawn: Vec<u64> = draws.first.iter().copied().flatten().collect();
        drawn.sort_unstable();
        Self {
            validation: (0..setting.cell().m1).collect(),
            test: (0..setting.facts.test).collect(),
            drawn,
        }
    }

    /// The curve's point after `k` iterations; none if a loss left the finite numbers (no NaN is stored), and then
    /// none after it.
    fn point<S: Stepper>(
        &mut self,
        stepper: &mut S,
        state: &Iterate<S::Real>,
        k: u64,
    ) -> Option<CurvePoint> {
        let mut on = |table, rows: &[u32]| stepper.evaluate(state, table, rows);
        let validation: Metrics = on(Table::Validation, &self.validation);
        let test = on(Table::Test, &self.test);
        let drawn = self.drawn.partition_point(|&first| first < k) as u64;
        (validation.loss.is_finite() && test.loss.is_finite()).then_some(CurvePoint {
            k,
            val_loss: validation.loss,
            test_loss: test.loss,
            val_error: validation.error,
            test_error: test.error,
            drawn,
        })
    }
}
