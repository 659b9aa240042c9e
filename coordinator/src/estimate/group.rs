//! Which points of the grid an estimate is about, and what its replicates say together.

use std::collections::HashMap;

use bistable_common::{
    ids::CellId,
    sweep::{Cell, Sweep},
};

use super::{
    Axis, Estimate, Interval, Parts, Query,
    quantity::{Quantity, Values},
    replicate::{Run, Whole},
};

/// A cell with some of its K, as positions in [`Cell::ks`].
#[derive(Debug, PartialEq)]
struct Member {
    cell: CellId,
    ks: Vec<usize>,
}

/// Points of the grid that are estimated together; a single one unless the query groups.
#[derive(Debug, PartialEq)]
pub(super) struct Group(Vec<Member>);

/// The value of an axis, comparable.
#[derive(PartialEq, Eq, Hash)]
enum Coordinate<'a> {
    Label(&'a str),
    Count(u64),
    /// Bits of a positive float.
    Size(u64),
    /// A point of its own.
    Point(CellId, u64),
}

fn coordinate<'a>(sweep: &'a Sweep, id: CellId, k: u64, axis: Axis) -> Coordinate<'a> {
    let Cell {
        m1,
        m2,
        ks: _,
        solver,
    } = sweep.cell(id);
    match axis {
        Axis::Solver => Coordinate::Label(&sweep.solver_name(id).label),
        Axis::M1 => Coordinate::Count(u64::from(*m1)),
        Axis::M2 => Coordinate::Count(u64::from(*m2)),
        Axis::K => Coordinate::Count(k),
        Axis::T => Coordinate::Count(u64::from(solver.schedule.inner_steps)),
        Axis::EtaX => Coordinate::Size(solver.eta_x.scale.to_bits()),
        Axis::EtaY => Coordinate::Size(solver.eta_y.scale.to_bits()),
        Axis::BatchX => Coordinate::Count(u64::from(solver.batch_x.size(*m1))),
        Axis::BatchY => Coordinate::Count(u64::from(solver.batch_y.size(*m2))),
    }
}

fn key<'a>(sweep: &'a Sweep, id: CellId, k: u64, by: &[Axis]) -> Vec<Coordinate<'a>> {
    if by.is_empty() {
        return vec![Coordinate::Point(id, k)];
    }
    by.iter()
        .map(|&axis| coordinate(sweep, id, k, axis))
        .collect()
}

/// The groups of a query, in the order of their first points.
pub(super) fn groups(sweep: &Sweep, query: &Query) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = HashMap::new();
    let cells = (0..sweep.facts().cells.len() as u32).map(CellId);
    for id in cells.filter(|&id| query.wants_cell(sweep, id)) {
        let ks = sweep.cell(id).ks.iter().copied().enumerate();
        for (at, k) in ks.filter(|&(_, k)| query.wants_k(k)) {
            let place = *places
                .entry(key(sweep, id, k, &query.group_by))
                .or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group(Vec::new()));
            }
            groups[place].add(id, at);
        }
    }
    groups
}

impl Group {
    /// Points come cell by cell, so the last member is the only one that can be this cell's.
    fn add(&mut self, cell: CellId, at: usize) {
        match self.0.last_mut() {
            Some(member) if member.cell == cell => member.ks.push(at),
            _ => self.0.push(Member { cell, ks: vec![at] }),
        }
    }

    /// The estimate of this group; `runs` are the reduced replicates of each cell.
    pub(super) fn estimate(
        &self,
        sweep: &Sweep,
        query: &Query,
        confidence: f64,
        runs: &[Vec<Run>],
    ) -> Estimate {
        let replicates: Vec<Pooled> = (0..sweep.facts().replicates as usize)
            .filter_map(|replicate| self.pool(replicate, runs))
            .collect();
        let interval = |quantity| over(&replicates, quantity, confidence);
        let holdout = interval(Quantity::HoldoutLoss);
        let replace_one = interval(Quantity::ReplaceOneLoss);
        Estimate {
            replicates: replicates.len() as u64,
            indices: replicates.iter().map(|pooled| pooled.indices).sum(),
            beta1: interval(Quantity::Beta1),
            beta1_x: interval(Quantity::Beta1X),
            beta1_y: interval(Quantity::Beta1Y),
            beta1_z: interval(Quantity::Beta1Z),
            beta2_sq: interval(Quantity::Beta2Sq),
            beta2_sq_x: interval(Quantity::Beta2SqX),
            beta2_sq_y: interval(Quantity::Beta2SqY),
            beta2_sq_z: interval(Quantity::Beta2SqZ),
            val_loss: interval(Quantity::ValLoss),
            test_loss: interval(Quantity::TestLoss),
            val_error: interval(Quantity::ValError),
            test_error: interval(Quantity::TestError),
            gap_holdout_loss: holdout,
            gap_holdout_error: interval(Quantity::HoldoutError),
            gap_replace_one_loss: replace_one,
            gap_replace_one_error: interval(Quantity::ReplaceOneError),
            gap_replace_one_plain_loss: interval(Quantity::PlainLoss),
            gap_replace_one_plain_error: interval(Quantity::PlainError),
            gap_width_ratio: width_ratio(holdout, replace_one),
            diverged: replicates.iter().map(|pooled| pooled.diverged).sum(),
            missing: self.missing(runs),
            ..self.coordinates(sweep, query)
        }
    }

    /// What one replicate says: the mean over the group's points, if the replicate is whole in every one of its cells.
    fn pool(&self, replicate: usize, runs: &[Vec<Run>]) -> Option<Pooled> {
        let mut values = Vec::new();
        let (mut indices, mut diverged) = (0, 0);
        for Member { cell, ks } in &self.0 {
            let Run::Whole(Whole {
                indices: measured,
                points,
            }) = runs[cell.0 as usize].get(replicate)?
            else {
                return None;
            };
            let points = || ks.iter().map(|&at| &points[at]);
            values.extend(points().map(|point| point.values));
            indices += measured;
            // An experiment that is lost at one K is lost at all larger ones: count it once.
            diverged += points().map(|point| point.diverged).max().unwrap_or(0);
        }
        Some(Pooled {
            values: Values::mean(&values),
            indices,
            diverged,
        })
    }

    fn missing(&self, runs: &[Vec<Run>]) -> u64 {
        let of = |run: &Run| match run {
            Run::Partial { missing } => *missing,
            Run::Whole(_) => 0,
        };
        self.0
            .iter()
            .flat_map(|member| &runs[member.cell.0 as usize])
            .map(of)
            .sum()
    }

    /// An estimate of nothing, at this group's place in the grid.
    fn coordinates(&self, sweep: &Sweep, query: &Query) -> Estimate {
        let problem = sweep.facts().problem.name().to_owned();
        let mut estimate = Estimate {
            problem,
            replace: sweep.facts().replace,
            ..Estimate::default()
        };
        let Some(Member { cell: id, ks }) = self.0.first() else {
            return estimate;
        };
        let (cell, name) = (sweep.cell(*id), sweep.solver_name(*id));
        let (keeps, solver) = (|axis| query.keeps(axis), &cell.solver);
        let count = |axis, value: u32| keeps(axis).then_some(u64::from(value));
        if keeps(Axis::Solver) {
            estimate.label.clone_from(&name.label);
            estimate.solver.clone_from(&name.preset);
            estimate.parts = Some(Parts::from(solver));
        }
        estimate.m1 = count(Axis::M1, cell.m1);
        estimate.m2 = count(Axis::M2, cell.m2);
        estimate.k = ks.first().map(|&at| cell.ks[at]).filter(|_| keeps(Axis::K));
        estimate.t = count(Axis::T, solver.schedule.inner_steps);
        estimate.eta_x = keeps(Axis::EtaX).then_some(solver.eta_x.scale);
        estimate.eta_y = keeps(Axis::EtaY).then_some(solver.eta_y.scale);
        estimate.batch_x = count(Axis::BatchX, solver.batch_x.size(cell.m1));
        estimate.batch_y = count(Axis::BatchY, solver.batch_y.size(cell.m2));
        estimate
    }
}

/// What one replicate says about a group.
struct Pooled {
    values: Values,
    indices: u64,
    diverged: u64,
}

/// The interval of a quantity; `None` if any replicate has no value, for the others would be survivors.
fn over(replicates: &[Pooled], quantity: Quantity, confidence: f64) -> Option<Interval> {
    let values: Option<Vec<f64>> = replicates
        .iter()
        .map(|pooled| pooled.values.get(quantity))
        .collect();
    Interval::over_replicates(&values?, confidence)
}

fn width_ratio(holdout: Option<Interval>, replace_one: Option<Interval>) -> Option<f64> {
    let ratio = holdout?.width()? / replace_one?.width()?;
    ratio.is_finite().then_some(ratio)
}
