//! What a sweep computes, apart from what it is called: the part that is hashed, and that the answer is a function of.

use std::{borrow::Cow, io};

use serde::{Deserialize, Serialize};

use super::ranges::{check_cell, check_problem};
use crate::{
    ids::{CellId, Hash, SweepId},
    plan::Plan,
    spec::{Misfit, Precision, ProblemSpec, Solver, StepContext, parameters::Conflict},
};

/// Changes whenever the meaning of a canonical sweep or of its digest does.
pub const SCHEME: u32 = 1;

/// Which of the samples that can be replaced are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indices {
    /// Every one.
    All,
    /// At most this many of those that are drawn at all; 0 means base runs only.
    Count(u32),
}

/// Which samples are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// Those of D, by D~ (SBO Definition 5).
    #[default]
    Validation,
    /// Those of S, by an independent copy of S.
    Training,
}

impl Replace {
    fn is_validation(&self) -> bool {
        *self == Self::Validation
    }

    /// Samples of `cell` that are replaced, one a run: m1 or m2.
    pub fn samples(self, cell: &Cell) -> u32 {
        match self {
            Self::Validation => cell.m1,
            Self::Training => cell.m2,
        }
    }

    /// Refuses a cell whose runs never read what is replaced.
    fn fits(self, problem: &ProblemSpec, cell: &Cell) -> Result<(), Misfit> {
        match self {
            Self::Training if !problem.samples_training() => Err(Misfit::NoTrainingSamples),
            Self::Training if cell.solver.schedule.inner_steps == 0 => Err(Misfit::NothingReplaced),
            Self::Validation | Self::Training => Ok(()),
        }
    }

    /// Samples of a replicate: the test set, S, D, and the copy of one of them.
    pub fn pool(self, test: u32, m1: u32, m2: u32) -> u64 {
        let [test, m1, m2] = [test, m1, m2].map(u64::from);
        match self {
            Self::Validation => test + m2 + 2 * m1,
            Self::Training => test + 2 * m2 + m1,
        }
    }
}

/// A point of the grid, without K: its K values are checkpoints of one run (a single one if a step size depends on K).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Validation samples, |D|.
    pub m1: u32,
    /// Training samples, |S|.
    pub m2: u32,
    /// Outer iterations after which distances are taken; ascending, without repetition, not empty.
    pub ks: Vec<u64>,
    /// The optimizer, with its T, step sizes and batch sizes.
    pub solver: Solver,
}

impl Cell {
    /// The largest K: the length of its runs.
    pub fn last_k(&self) -> u64 {
        self.ks.last().copied().unwrap_or(0)
    }

    /// What its step sizes depend on beside the iteration.
    pub fn step_context(&self) -> StepContext {
        StepContext {
            outer_steps: self.last_k(),
            inner_steps: self.solver.schedule.inner_steps,
        }
    }
}

/// What a sweep computes: everything its numbers depend on, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// [`SCHEME`].
    pub scheme: u32,
    /// The problem.
    pub problem: ProblemSpec,
    /// Content hash of the data set, for problems that need one.
    pub data: Option<Hash>,
    /// Test samples.
    pub test: u32,
    /// Floating-point type of the parameters.
    pub precision: Precision,
    /// Master seed.
    pub seed: u64,
    /// Number of replicates; at least 1.
    pub replicates: u32,
    /// Which samples are replaced.
    #[serde(default, skip_serializing_if = "Replace::is_validation")]
    pub replace: Replace,
    /// Which of them.
    pub indices: Indices,
    /// The grid, solver by solver; not empty.
    pub cells: Vec<Cell>,
}

/// Facts that no sweep can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidFacts {
    /// Another version wrote them.
    #[error("the sweep has scheme {0}, this build reads scheme {SCHEME}")]
    Scheme(u32),
    /// A field is out of its range.
    #[error("{field} = {value}: {expected}")]
    Range {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: Cow<'static, str>,
    },
    /// Parameters of the problem that are not right together.
    #[error("{}", .0.message)]
    Conflict(Conflict),
    /// Parts that do not fit together.
    #[error("cell {cell}: {misfit}")]
    Misfit {
        /// Index of the cell.
        cell: usize,
        /// Why.
        misfit: Misfit,
    },
    /// The text is not a canonical sweep at all.
    #[error("not a canonical sweep: {0}")]
    Syntax(String),
}

pub(super) fn require(
    holds: bool,
    field: &'static str,
    value: impl ToString,
    expected: impl Into<Cow<'static, str>>,
) -> Result<(), InvalidFacts> {
    if holds {
        return Ok(());
    }
    Err(InvalidFacts::Range {
        field,
        value: value.to_string(),
        expected: expected.into(),
    })
}

/// The largest number of samples of each kind.
pub const MAX_SAMPLES: u32 = 1 << 24;
/// The largest K.
pub const MAX_K: u64 = 1 << 40;
/// The largest T.
pub const MAX_T: u32 = 1 << 16;
/// The most components of all generated samples of a replicate: 2 GiB of f64.
pub const MAX_COMPONENTS: u64 = 1 << 28;
/// The largest number of cells and of replicates.
pub const MAX_COUNT: u32 = 1 << 20;
/// The largest number of runs, that is of cells times replicates: a query keeps something for each.
pub const MAX_RUNS: u64 = 1 << 22;
/// The largest canonical form of a new sweep: every worker is sent all of it.
pub const MAX_CANONICAL_BYTES: usize = 64 << 20;
/// The largest number of units: a query passes over all of them.
pub const MAX_UNITS: u64 = 1 << 26;

impl Facts {
    /// Checks everything that can be checked without the data set.
    pub fn check(&self) -> Result<(), InvalidFacts> {
        if self.scheme != SCHEME {
            return Err(InvalidFacts::Scheme(self.scheme));
        }
        let count = 1..=MAX_COUNT;
        require(
            count.contains(&self.replicates),
            "replicates",
            self.replicates,
            "at least 1 (and at most 2^20)",
        )?;
        require(
            (1..=MAX_SAMPLES).contains(&self.test),
            "test",
            self.test,
            "at least 1 test sample",
        )?;
        let cells = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
        require(
            count.contains(&cells),
            "cells",
            cells,
            "at least 1 (and at most 2^20)",
        )?;
        let data = self.data.is_some();
        require(
            data == self.problem.traits().needs_data,
            "data",
            data,
            "a data set exactly where the problem needs one",
        )?;
        check_problem(&self.problem)?;
        self.cells
            .iter()
            .enumerate()
            .try_for_each(|(index, cell)| {
                check_cell(cell)?;
                self.check_generated(cell)?;
                let fits = cell.solver.fits(&self.problem, &cell.ks);
                fits.and_then(|()| self.replace.fits(&self.problem, cell))
                    .map_err(|misfit| InvalidFacts::Misfit {
                        cell: index,
                        misfit,
                    })
            })?;
        let runs = u64::from(cells) * u64::from(self.replicates);
        require(
            runs <= MAX_RUNS,
            "cells x replicates",
            runs,
            "at most 2^22; cut the sweep into several",
        )?;
        let units = Plan::new(self).units();
        require(
            units <= MAX_UNITS,
            "units",
            units,
            "at most 2^26 blocks of 16 experiments over all cells and replicates; cut the sweep into several",
        )
    }

    /// Generated samples are all in memory at once.
    fn check_generated(&self, cell: &Cell) -> Result<(), InvalidFacts> {
        let ProblemSpec::Quadratic(spec) = &self.problem else {
            return Ok(());
        };
        let samples = self.replace.pool(self.test, cell.m1, cell.m2);
        require(
            samples * u64::from(spec.dim_x + spec.dim_y) <= MAX_COMPONENTS,
            "m1",
            cell.m1,
            "at most 2^28 components in all samples of a replicate; take fewer samples or smaller dimensions",
        )
    }

    /// The bytes that name the sweep: canonical JSON, fields in the order of their declaration.
    fn canonical_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("facts hold nothing that JSON cannot")
    }

    /// Hash of the canonical sweep.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.canonical_bytes())
    }
}

/// Takes so many bytes, and keeps none.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a cell's solver is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SolverName {
    /// The user's label for it.
    pub label: String,
    /// The preset it started from, or "custom".
    pub preset: String,
}

/// A checked sweep: facts, and what they are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    name: String,
    confidence: f64,
    solvers: Vec<SolverName>,
    facts: Facts,
}

impl Sweep {
    /// Joins checked facts with their names; `solvers` has one entry a cell.
    pub fn new(
        name: String,
        confidence: f64,
        solvers: Vec<SolverName>,
        facts: Facts,
    ) -> Result<Self, InvalidFacts> {
        facts.check()?;
        require(
            confidence > 0.0 && confidence < 1.0,
            "confidence",
            confidence,
            "strictly between 0 and 1",
        )?;
        require(
            solvers.len() == facts.cells.len(),
            "solvers",
            solvers.len(),
            "one name a cell",
        )?;
        Ok(Self {
            name,
            confidence,
            solvers,
            facts,
        })
    }

    /// Reads what [`Sweep::to_canonical_json`] wrote, and checks it again.
    pub fn from_canonical_json(text: &str) -> Result<Self, InvalidFacts> {
        let sweep: Self =
            serde_json::from_str(text).map_err(|error| InvalidFacts::Syntax(error.to_string()))?;
        Self::new(sweep.name, sweep.confidence, sweep.solvers, sweep.facts)
    }

    /// The form in which a sweep travels and is stored.
    pub fn to_canonical_json(&self) -> String {
        serde_json::to_string(self).expect("a sweep holds nothing that JSON cannot")
    }

    /// Whether its canonical form is longer than `bytes`, which is found out without making all of it.
    pub(super) fn is_longer_than(&self, bytes: usize) -> bool {
        serde_json::to_writer(Room(bytes), self).is_err()
    }

    /// The identifier: a function of the facts alone.
    pub fn id(&self) -> SweepId {
        self.facts.hash().into()
    }

    /// The user's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Confidence level of its intervals, in (0, 1).
    pub fn confidence(&self) -> f64 {
        self.confidence
    }

    /// What it computes.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What the solver of `cell` is called.
    pub fn solver_name(&self, cell: CellId) -> &SolverName {
        &self.solvers[cell.0 as usize]
    }

    /// A cell.
    pub fn cell(&self, cell: CellId) -> &Cell {
        &self.facts.cells[cell.0 as usize]
    }
}
