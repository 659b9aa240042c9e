//! Small sweeps and trajectories with numbers that a person can add up.

use std::{collections::BTreeMap, convert::Infallible};

use bistable_common::{
    ids::{Block, CellId, Replicate},
    plan::BLOCK,
    spec::{Precision, ProblemSpec, ReweightingSpec, presets::PRESETS},
    sweep::{Cell, Facts, Indices, Replace, SolverName, Sweep},
    trajectory::{CurvePoint, Experiment, Record, ReplaceOne, Stop, Trajectory},
};

use crate::estimate::{Estimate, Interval, Query, Report, report};

pub fn cell(m1: u32, t: u32, ks: &[u64]) -> Cell {
    Cell {
        m1,
        m2: 100,
        ks: ks.to_vec(),
        solver: PRESETS[1].solver(t),
    }
}

pub fn sweep(replicates: u32, indices: Indices, cells: Vec<Cell>) -> Sweep {
    let facts = Facts {
        scheme: 1,
        problem: ProblemSpec::Reweighting(ReweightingSpec {
            hidden: vec![4],
            ..ReweightingSpec::default()
        }),
        data: Some(bistable_common::ids::Hash([1; 32])),
        test: 10,
        precision: Precision::F32,
        seed: 1,
        replicates,
        replace: Replace::Validation,
        indices,
        cells,
    };
    let names = facts.cells.iter().map(|_| SolverName {
        label: "two".to_owned(),
        preset: "tsgd".to_owned(),
    });
    let names = names.collect();
    Sweep::new("hand-made".to_owned(), 0.95, names, facts).expect("a valid sweep")
}

/// `[perturbed at original, base at original, base at replacement, perturbed at replacement]`.
pub fn quad(values: [f64; 4]) -> ReplaceOne {
    let [
        perturbed_at_original,
        base_at_original,
        base_at_replacement,
        perturbed_at_replacement,
    ] = values;
    ReplaceOne {
        perturbed_at_original,
        base_at_original,
        base_at_replacement,
        perturbed_at_replacement,
    }
}

pub fn record(dx2: f64, dy2: f64) -> Record {
    Record {
        dx2,
        dy2,
        dz2: None,
        loss: quad([1.5, 1.0, 3.0, 2.75]),
        error: Some(quad([1.0, 0.0, 1.0, 1.0])),
    }
}

/// An index that no batch holds: explicit zeros.
pub fn never_drawn(index: u32, ks: usize) -> Experiment {
    let zero = Record {
        dx2: 0.0,
        dy2: 0.0,
        dz2: None,
        loss: quad([1.0; 4]),
        error: Some(quad([0.0; 4])),
    };
    Experiment {
        index,
        first_drawn: None,
        stop: Stop::Completed,
        records: vec![zero; ks],
    }
}

pub fn experiment(index: u32, records: Vec<Record>) -> Experiment {
    Experiment {
        index,
        first_drawn: Some(0),
        stop: Stop::Completed,
        records,
    }
}

pub fn curve(k: u64, drawn: u64) -> CurvePoint {
    CurvePoint {
        k,
        val_loss: 1.0,
        test_loss: 1.25,
        val_error: Some(0.25),
        test_error: Some(0.5),
        drawn,
    }
}

/// The units of a run that goes to the end; experiments in the given order, cut into blocks.
pub fn units(curve: Vec<CurvePoint>, experiments: Vec<Experiment>) -> Vec<(Block, Trajectory)> {
    let mut blocks: Vec<Vec<Experiment>> = experiments
        .chunks(BLOCK as usize)
        .map(<[Experiment]>::to_vec)
        .collect();
    if blocks.is_empty() {
        blocks.push(Vec::new());
    }
    let unit = |(at, experiments): (usize, _)| {
        let trajectory = Trajectory {
            base_stop: Stop::Completed,
            base_states: vec![[9; 32]],
            curve: if at == 0 { curve.clone() } else { Vec::new() },
            experiments,
        };
        (Block(at as u32), trajectory)
    };
    blocks.into_iter().enumerate().map(unit).collect()
}

/// Results of a sweep by (cell, replicate).
pub type Stored = BTreeMap<(u32, u32), Vec<(Block, Trajectory)>>;

pub fn ask(sweep: &Sweep, query: &Query, stored: &Stored) -> Report {
    let runs = |cell: CellId, replicate: Replicate| {
        Ok::<_, Infallible>(
            stored
                .get(&(cell.0, replicate.0))
                .cloned()
                .unwrap_or_default(),
        )
    };
    match report(sweep, query, runs, false) {
        Ok(report) => report,
        Err(never) => match never {},
    }
}

pub fn one(sweep: &Sweep, stored: &Stored) -> Estimate {
    ask(sweep, &Query::default(), stored).estimates[0].clone()
}

pub fn mean(interval: Option<Interval>) -> f64 {
    interval.expect("an estimate").mean
}
