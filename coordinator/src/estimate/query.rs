//! What can be asked: filters, grouping and a confidence level.

use bistable_common::{
    ids::CellId,
    sweep::{Cell, SolverName, Sweep},
};

/// An axis of the grid by which estimates can be grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// The solver's label.
    Solver,
    /// Validation samples.
    M1,
    /// Training samples.
    M2,
    /// Outer iterations.
    K,
    /// Inner iterations.
    T,
    /// Outer step size.
    EtaX,
    /// Inner step size.
    EtaY,
    /// Outer batch size.
    BatchX,
    /// Inner batch size.
    BatchY,
}

/// Which estimates are asked for. Empty lists mean all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Labels or preset names.
    pub solvers: Vec<String>,
    /// Validation samples.
    pub m1: Vec<u64>,
    /// Outer iterations.
    pub k: Vec<u64>,
    /// Inner iterations.
    pub t: Vec<u64>,
    /// Average, replicate by replicate, over every axis that is not named; empty: do not group.
    pub group_by: Vec<Axis>,
    /// Confidence level, strictly between 0 and 1 (at any other level intervals have no ends); `None`: the sweep's own.
    pub confidence: Option<f64>,
}

fn admits<T: PartialEq>(allowed: &[T], value: &T) -> bool {
    allowed.is_empty() || allowed.contains(value)
}

impl Query {
    /// Whether any K of `cell` is asked for.
    pub(super) fn wants_cell(&self, sweep: &Sweep, cell: CellId) -> bool {
        let SolverName { label, preset } = sweep.solver_name(cell);
        let Cell {
            m1,
            m2: _,
            ks,
            solver,
        } = sweep.cell(cell);
        let named = admits(&self.solvers, label) || admits(&self.solvers, preset);
        named
            && admits(&self.m1, &u64::from(*m1))
            && admits(&self.t, &u64::from(solver.schedule.inner_steps))
            && ks.iter().any(|&k| self.wants_k(k))
    }

    /// Whether `k` is asked for.
    pub(super) fn wants_k(&self, k: u64) -> bool {
        admits(&self.k, &k)
    }

    /// Whether estimates keep their value of `axis`.
    pub(super) fn keeps(&self, axis: Axis) -> bool {
        admits(&self.group_by, &axis)
    }
}
