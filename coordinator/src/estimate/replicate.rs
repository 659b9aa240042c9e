//! One replicate of one cell: from its units to one value of every quantity at every K.

use bistable_common::{
    draw::first_draws,
    ids::{Block, CellId, Replicate},
    plan::Plan,
    sweep::{Cell, Facts, Indices},
    trajectory::{CurvePoint, Experiment, Record, ReplaceOne, Trajectory},
};

use super::quantity::{Quantity, Values};

/// A (cell, replicate), reduced to what estimates need.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Run {
    /// Some of its units have no result, so it enters no estimate.
    Partial {
        /// Planned experiments in these units.
        missing: u64,
    },
    /// All units are there.
    Whole(Whole),
}

/// A replicate of which everything is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    /// Indices that were measured.
    pub indices: u64,
    /// One a K of the cell, in order.
    pub points: Vec<Point>,
}

/// What a replicate says at one K.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// The replicate's means.
    pub values: Values,
    /// Experiments that diverged before this K.
    pub diverged: u64,
}

/// Planned experiments in the units of (cell, replicate) that `units` (in the order of blocks) lack. A unit without
/// experiments is a base run alone, and counts as one.
pub(super) fn missing(plan: &Plan, cell: CellId, units: &[(Block, Trajectory)]) -> u64 {
    (0..plan.blocks(cell))
        .map(Block)
        .filter(|block| {
            units
                .binary_search_by_key(block, |(block, _)| *block)
                .is_err()
        })
        .map(|block| (plan.positions(cell, block).len() as u64).max(1))
        .sum()
}

/// Reduces the units of a whole (cell, replicate).
pub(super) fn reduce(
    facts: &Facts,
    cell: &Cell,
    replicate: Replicate,
    units: &[Trajectory],
) -> Whole {
    // By index, so that the sums do not depend on how the index order was cut into units.
    let mut experiments: Vec<&Experiment> =
        units.iter().flat_map(|unit| &unit.experiments).collect();
    experiments.sort_by_key(|experiment| experiment.index);
    let run = Measured {
        base: units.first(),
        experiments,
        share: share(facts, cell, replicate, units.first()),
    };
    Whole {
        indices: run.experiments.len() as u64,
        points: (cell.ks.iter().enumerate())
            .map(|(at, &k)| run.point(at, k))
            .collect(),
    }
}

/// The share of all indices that the measured ones stand for: everything if all are measured, else the indices drawn
/// before the largest K, since the never drawn are known to be exactly 0. `None` if none is measured.
fn share(
    facts: &Facts,
    cell: &Cell,
    replicate: Replicate,
    base: Option<&Trajectory>,
) -> Option<f64> {
    match facts.indices {
        Indices::All => Some(1.0),
        Indices::Count(0) => None,
        Indices::Count(_) => {
            let drawn = base
                .and_then(|base| at_k(&base.curve, cell.last_k()))
                .map(|point| point.drawn)
                .unwrap_or_else(|| count_drawn(facts, cell, replicate));
            Some(drawn as f64 / f64::from(facts.replace.samples(cell)))
        }
    }
}

/// Draws do not depend on the data, so their number is known even where the base run ended early.
fn count_drawn(facts: &Facts, cell: &Cell, replicate: Replicate) -> u64 {
    first_draws(facts, cell, replicate).iter().flatten().count() as u64
}

fn at_k(curve: &[CurvePoint], k: u64) -> Option<&CurvePoint> {
    curve.iter().find(|point| point.k == k)
}

struct Measured<'a> {
    /// Block 0, which carries the curve.
    base: Option<&'a Trajectory>,
    /// Ascending by index.
    experiments: Vec<&'a Experiment>,
    share: Option<f64>,
}

impl Measured<'_> {
    fn point(&self, at: usize, k: u64) -> Point {
        let mut values = Values::default();
        if let Some(base) = self.base.filter(|base| base.base_stop.reached(k)) {
            if let Some(point) = at_k(&base.curve, k) {
                set_curve(&mut values, point);
            }
            if let Some(records) = self.records(at, k) {
                self.set_stability(&mut values, &records);
                self.set_replace_one(&mut values, &records);
            }
        }
        Point {
            values,
            diverged: self.diverged(k),
        }
    }

    /// Every experiment's record at the K with index `at`; `None` if one of them did not reach it: survivors are
    /// never averaged.
    fn records(&self, at: usize, k: u64) -> Option<Vec<&Record>> {
        let reached = |experiment: &&Experiment| experiment.stop.reached(k);
        self.experiments
            .iter()
            .map(|experiment| Some(*experiment).filter(reached)?.records.get(at))
            .collect()
    }

    fn diverged(&self, k: u64) -> u64 {
        let lost = |experiment: &&&Experiment| !experiment.stop.reached(k);
        if self.base.is_some_and(|base| !base.base_stop.reached(k)) {
            return (self.experiments.len() as u64).max(1);
        }
        self.experiments.iter().filter(lost).count() as u64
    }

    /// `(1/m1) sum_i value_i` over all m1 indices, from the measured ones.
    fn mean(&self, records: &[&Record], value: impl Fn(&Record) -> Option<f64>) -> Option<f64> {
        if records.is_empty() {
            return None;
        }
        let sum = records
            .iter()
            .try_fold(0.0, |sum, record| Some(sum + value(record)?))?;
        Some(self.share? * (sum / records.len() as f64))
    }

    /// SBO, Definition 5.
    fn set_stability(&self, values: &mut Values, records: &[&Record]) {
        let mut set = |quantity, value: fn(&Record) -> Option<f64>| {
            values.set(quantity, self.mean(records, value));
        };
        set(Quantity::Beta1, |r| Some(r.d2().sqrt()));
        set(Quantity::Beta1X, |r| Some(r.dx2.sqrt()));
        set(Quantity::Beta1Y, |r| Some(r.dy2.sqrt()));
        set(Quantity::Beta1Z, |r| r.dz2.map(f64::sqrt));
        set(Quantity::Beta2Sq, |r| Some(r.d2()));
        set(Quantity::Beta2SqX, |r| Some(r.dx2));
        set(Quantity::Beta2SqY, |r| Some(r.dy2));
        set(Quantity::Beta2SqZ, |r| r.dz2);
    }

    fn set_replace_one(&self, values: &mut Values, records: &[&Record]) {
        let mut set = |quantity, value: fn(&Record) -> Option<f64>| {
            values.set(quantity, self.mean(records, value));
        };
        set(Quantity::PlainLoss, |r| Some(plain(&r.loss)));
        set(Quantity::PlainError, |r| r.error.as_ref().map(plain));
        set(Quantity::ReplaceOneLoss, |r| Some(symmetrised(&r.loss)));
        set(Quantity::ReplaceOneError, |r| {
            r.error.as_ref().map(symmetrised)
        });
    }
}

/// The base run's own risks, and the gap of SBO's eq. 2 by hold-out: `R_test(A(D)) - R_D(A(D))`.
fn set_curve(values: &mut Values, point: &CurvePoint) {
    let CurvePoint {
        k: _,
        val_loss,
        test_loss,
        val_error,
        test_error,
        drawn: _,
    } = *point;
    let gap = |test: Option<f64>, val: Option<f64>| Some(test? - val?);
    values.set(Quantity::ValLoss, Some(val_loss));
    values.set(Quantity::TestLoss, Some(test_loss));
    values.set(Quantity::ValError, val_error);
    values.set(Quantity::TestError, test_error);
    values.set(Quantity::HoldoutLoss, Some(test_loss - val_loss));
    values.set(Quantity::HoldoutError, gap(test_error, val_error));
}

/// `f(A(D^(i)); xi_i) - f(A(D); xi_i)`: unbiased for the gap, because `A(D^(i))` never saw `xi_i`.
fn plain(at: &ReplaceOne) -> f64 {
    at.perturbed_at_original - at.base_at_original
}

/// Its mean with the same difference at the replacement, where the two runs have exchanged roles.
fn symmetrised(at: &ReplaceOne) -> f64 {
    0.5 * (plain(at) + (at.base_at_replacement - at.perturbed_at_replacement))
}
