//! Whether a trajectory is one that its unit can have. Its numbers are its worker's word; its shape is checked here, so that
//! everything in the store can be read by everyone.

use bistable_common::{
    ids::UnitKey,
    plan::Plan,
    spec::Traits,
    sweep::{Cell, Replace, Sweep},
    trajectory::{CurvePoint, Experiment, Stop, Trajectory, curve_rounds},
};

use super::orders::Orders;

/// Why a trajectory cannot be its unit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misshapen {
    #[error("the sweep has no such unit")]
    NoSuchUnit,
    #[error("{found} experiments, where the unit has {expected}")]
    Experiments { found: usize, expected: usize },
    #[error("index {found}, where the unit has {expected}")]
    Index { found: u32, expected: u32 },
    #[error("a run stopped after {0} outer iterations, which it does not have")]
    Stop(u64),
    #[error("{what}: {found} entries, where {expected} K were reached")]
    Reached {
        what: &'static str,
        found: usize,
        expected: usize,
    },
    #[error("the base run's curve has other rounds than the unit's")]
    Curve,
    #[error("0-1 errors belong to classification problems, and to all of their records")]
    Errors,
    #[error("distances in z belong to minimax problems, and to all of their records")]
    Dual,
    #[error("a squared distance is negative")]
    Negative,
}

/// What trajectories of a sweep must look like.
pub(super) struct Expected<'a> {
    pub sweep: &'a Sweep,
    pub plan: &'a Plan,
    pub orders: &'a Orders,
}

impl Expected<'_> {
    /// Checks the shape of the trajectory of `unit`.
    pub fn check(&self, unit: UnitKey, trajectory: &Trajectory) -> Result<(), Misshapen> {
        if !self.plan.contains(unit) {
            return Err(Misshapen::NoSuchUnit);
        }
        let cell = self.sweep.cell(unit.cell);
        let traits = self.sweep.facts().problem.traits();
        let errors = traits.is_classification;
        self.check_indices(unit, &trajectory.experiments)?;
        check_stop(cell, trajectory.base_stop)?;
        check_reached(
            "base states",
            cell,
            trajectory.base_stop,
            trajectory.base_states.len(),
        )?;
        check_curve(cell, unit, trajectory)?;
        let mixed = |point: &CurvePoint| {
            point.val_error.is_some() != errors || point.test_error.is_some() != errors
        };
        if trajectory.curve.iter().any(mixed) {
            return Err(Misshapen::Errors);
        }
        let mut experiments = trajectory.experiments.iter();
        // Of a training sample, a record has its part of the inner objective alone.
        let of_records = Traits {
            is_classification: errors && self.sweep.facts().replace == Replace::Validation,
            ..traits
        };
        experiments.try_for_each(|experiment| check_experiment(cell, experiment, &of_records))
    }

    /// A unit's experiments replace the indices at its positions of the run's order, of which there may be fewer than
    /// planned.
    fn check_indices(&self, unit: UnitKey, experiments: &[Experiment]) -> Result<(), Misshapen> {
        let order = self.orders.get(self.sweep, unit.cell, unit.replicate);
        let positions = self.plan.positions(unit.cell, unit.block);
        let first = (positions.start as usize).min(order.len());
        let end = (positions.end as usize).min(order.len());
        let expected = &order[first..end];
        if experiments.len() != expected.len() {
            return Err(Misshapen::Experiments {
                found: experiments.len(),
                expected: expected.len(),
            });
        }
        let mut pairs = experiments.iter().zip(expected);
        match pairs.find(|(experiment, expected)| experiment.index != **expected) {
            None => Ok(()),
            Some((experiment, &expected)) => Err(Misshapen::Index {
                found: experiment.index,
                expected,
            }),
        }
    }
}

fn check_stop(cell: &Cell, stop: Stop) -> Result<(), Misshapen> {
    match stop {
        Stop::Diverged { at } if at == 0 || at > cell.last_k() => Err(Misshapen::Stop(at)),
        Stop::Diverged { .. } | Stop::Completed => Ok(()),
    }
}

fn check_reached(
    what: &'static str,
    cell: &Cell,
    stop: Stop,
    found: usize,
) -> Result<(), Misshapen> {
    let expected = cell.ks.iter().filter(|&&k| stop.reached(k)).count();
    match found == expected {
        true => Ok(()),
        false => Err(Misshapen::Reached {
            what,
            found,
            expected,
        }),
    }
}

fn check_curve(cell: &Cell, unit: UnitKey, trajectory: &Trajectory) -> Result<(), Misshapen> {
    let rounds = match unit.block.0 {
        0 => curve_rounds(&cell.ks),
        _ => Vec::new(),
    };
    let mut reached = rounds
        .into_iter()
        .filter(|&k| trajectory.base_stop.reached(k));
    // A beginning of them: a curve ends where a loss leaves the finite numbers, which is before its run does.
    match trajectory
        .curve
        .iter()
        .all(|point| reached.next() == Some(point.k))
    {
        true => Ok(()),
        false => Err(Misshapen::Curve),
    }
}

fn check_experiment(
    cell: &Cell,
    experiment: &Experiment,
    traits: &Traits,
) -> Result<(), Misshapen> {
    check_stop(cell, experiment.stop)?;
    check_reached("records", cell, experiment.stop, experiment.records.len())?;
    experiment.records.iter().try_for_each(|record| {
        let distances = [Some(record.dx2), Some(record.dy2), record.dz2];
        if record.error.is_some() != traits.is_classification {
            Err(Misshapen::Errors)
        } else if record.dz2.is_some() != traits.is_minimax {
            Err(Misshapen::Dual)
        } else if distances.iter().flatten().any(|&d2| d2 < 0.0) {
            Err(Misshapen::Negative)
        } else {
            Ok(())
        }
    })
}

#[cfg(test)]
mod tests {
    use bistable_common::{
        ids::{CellId, Replicate},
        trajectory::{Record, ReplaceOne},
    };

    use super::*;
    use crate::board::fixture;

    fn trajectory(sweep: &Sweep, block: u32) -> Trajectory {
        let order = Orders::default().get(sweep, CellId(0), Replicate(0));
        let one = ReplaceOne {
            perturbed_at_original: 0.0,
            base_at_original: 0.0,
            base_at_replacement: 0.0,
            perturbed_at_replacement: 0.0,
        };
        let record = Record {
            dx2: 0.0,
            dy2: 0.0,
            dz2: None,
            loss: one,
            error: None,
        };
        let point = |k| CurvePoint {
            k,
            val_loss: 0.0,
            test_loss: 0.0,
            val_error: None,
            test_error: None,
            drawn: 0,
        };
        let rounds = match block {
            0 => curve_rounds(&[2, 4]),
            _ => vec![],
        };
        Trajectory {
            base_stop: Stop::Completed,
            base_states: vec![[0; 32]; 2],
            curve: rounds.into_iter().map(point).collect(),
            experiments: order[16 * block as usize..][..16]
                .iter()
                .map(|&index| Experiment {
                    index,
                    first_drawn: None,
                    stop: Stop::Completed,
                    records: vec![record; 2],
                })
                .collect(),
        }
    }

    fn verdict(block: u32, change: impl FnOnce(&mut Trajectory)) -> Result<(), Misshapen> {
        let sweep = fixture::sweep(32, 1, 1);
        let plan = Plan::new(sweep.facts());
        let mut trajectory = trajectory(&sweep, block.min(1));
        change(&mut trajectory);
        let expected = Expected {
            sweep: &sweep,
            plan: &plan,
            orders: &Orders::default(),
        };
        expected.check(fixture::unit(0, block), &trajectory)
    }

    #[test]
    fn what_a_unit_returns_is_accepted() {
        assert_eq!(verdict(0, |_| {}), Ok(()));
        assert_eq!(verdict(1, |_| {}), Ok(()));
        let diverged = |t: &mut Trajectory| {
            t.experiments[3].stop = Stop::Diverged { at: 3 };
            t.experiments[3].records.pop();
        };
        assert_eq!(verdict(1, diverged), Ok(()));
    }

    #[test]
    fn every_other_shape_is_refused() {
        assert_eq!(verdict(2, |_| {}), Err(Misshapen::NoSuchUnit));
        let index = |result| matches!(result, Err(Misshapen::Index { .. }));
        let twice = |t: &mut Trajectory| t.experiments[1].index = t.experiments[0].index;
        assert!(index(verdict(1, twice)));
        let beyond = |t: &mut Trajectory| t.experiments[1].index = 32;
        assert!(index(verdict(1, beyond)));
        // Each of them is one of the unit's, but the digest knows the order.
        let swapped = |t: &mut Trajectory| t.experiments.swap(3, 4);
        assert!(index(verdict(1, swapped)));
        let late = |t: &mut Trajectory| t.base_stop = Stop::Diverged { at: 5 };
        assert_eq!(verdict(1, late), Err(Misshapen::Stop(5)));
        let curve = |t: &mut Trajectory| t.curve[1].k += 1;
        assert_eq!(verdict(0, curve), Err(Misshapen::Curve));
        let negative = |t: &mut Trajectory| t.experiments[0].records[0].dx2 = -1.0;
        assert_eq!(verdict(1, negative), Err(Misshapen::Negative));
        let few = |t: &mut Trajectory| drop(t.experiments.pop());
        assert!(matches!(
            verdict(1, few),
            Err(Misshapen::Experiments { .. })
        ));
        let short = |t: &mut Trajectory| t.experiments[0].records.truncate(1);
        assert!(matches!(verdict(1, short), Err(Misshapen::Reached { .. })));
        let errors = |t: &mut Trajectory| {
            let loss = t.experiments[0].records[0].loss;
            t.experiments[0].records[0].error = Some(loss);
        };
        assert_eq!(verdict(1, errors), Err(Misshapen::Errors));
        let dual = |t: &mut Trajectory| t.experiments[0].records[0].dz2 = Some(0.0);
        assert_eq!(verdict(1, dual), Err(Misshapen::Dual));
    }
}
