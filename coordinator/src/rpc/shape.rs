//! Whether a trajectory is one that its unit can have. Its numbers are its worker's word; its shape is checked here, so that
//! everything in the store can be read by everyone.

use std::collections::BTreeSet;

use bistable_common::{
    ids::UnitKey,
    plan::Plan,
    sweep::{Cell, Indices, Sweep},
    trajectory::{CurvePoint, Experiment, Stop, Trajectory, curve_rounds},
};

/// Why a trajectory cannot be its unit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misshapen {
    #[error("the sweep has no such unit")]
    NoSuchUnit,
    #[error("{found} experiments, where the unit has {expected}")]
    Experiments { found: usize, expected: usize },
    #[error("index {0} is out of range or there twice")]
    Index(u32),
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
    #[error("a squared distance is negative")]
    Negative,
}

/// Checks the shape of the trajectory of `unit`.
pub(super) fn check(
    sweep: &Sweep,
    plan: &Plan,
    unit: UnitKey,
    trajectory: &Trajectory,
) -> Result<(), Misshapen> {
    if !plan.contains(unit) {
        return Err(Misshapen::NoSuchUnit);
    }
    let cell = sweep.cell(unit.cell);
    let errors = sweep.facts().problem.is_classification();
    let positions = plan.positions(unit.cell, unit.block).len();
    check_count(
        sweep.facts().indices,
        trajectory.experiments.len(),
        positions,
    )?;
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
    let mut seen = BTreeSet::new();
    trajectory.experiments.iter().try_for_each(|experiment| {
        if experiment.index >= cell.m1 || !seen.insert(experiment.index) {
            return Err(Misshapen::Index(experiment.index));
        }
        check_experiment(cell, experiment, errors)
    })
}

fn check_count(indices: Indices, found: usize, expected: usize) -> Result<(), Misshapen> {
    let fits = match indices {
        Indices::All => found == expected,
        // A run may draw fewer indices than were asked for.
        Indices::Count(_) => found <= expected,
    };
    match fits {
        true => Ok(()),
        false => Err(Misshapen::Experiments { found, expected }),
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

fn check_experiment(cell: &Cell, experiment: &Experiment, errors: bool) -> Result<(), Misshapen> {
    check_stop(cell, experiment.stop)?;
    check_reached("records", cell, experiment.stop, experiment.records.len())?;
    experiment.records.iter().try_for_each(|record| {
        if record.error.is_some() != errors {
            Err(Misshapen::Errors)
        } else if record.dx2 < 0.0 || record.dy2 < 0.0 {
            Err(Misshapen::Negative)
        } else {
            Ok(())
        }
    })
}

#[cfg(test)]
mod tests {
    use bistable_common::trajectory::{Record, ReplaceOne};

    use super::*;
    use crate::board::fixture;

    fn trajectory(block: u32) -> Trajectory {
        let one = ReplaceOne {
            perturbed_at_original: 0.0,
            base_at_original: 0.0,
            base_at_replacement: 0.0,
            perturbed_at_replacement: 0.0,
        };
        let record = Record {
            dx2: 0.0,
            dy2: 0.0,
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
            experiments: (0..16)
                .map(|index| Experiment {
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
        let mut trajectory = trajectory(block);
        change(&mut trajectory);
        check(&sweep, &plan, fixture::unit(0, block), &trajectory)
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
        let twice = |t: &mut Trajectory| t.experiments[1].index = 0;
        assert_eq!(verdict(1, twice), Err(Misshapen::Index(0)));
        let beyond = |t: &mut Trajectory| t.experiments[1].index = 32;
        assert_eq!(verdict(1, beyond), Err(Misshapen::Index(32)));
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
    }
}
