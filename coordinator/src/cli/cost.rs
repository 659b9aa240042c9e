//! What a sweep costs, roughly: operations are counted, and divided by a rate that was measured once.
//!
//! The count: a gradient of one sample takes 6 operations a parameter in a network (forward 2, backward 4), 2 an entry
//! of the matrix in a quadratic; the reverse sweep through an inner step costs two gradients. A replica runs from the
//! first outer iteration that reads its index, so on average it skips what `replica_share` leaves out.

use bistable_common::{
    ids::CellId,
    plan::Plan,
    spec::{Direction, Precision, ProblemSpec, Solver},
    sweep::{Cell, Indices, Sweep},
    trajectory::CURVE_POINTS,
};

/// Operations a second on one thread.
const RATE: f64 = 4e9;
/// Replicas whose states are kept at once.
const REPLICAS: f64 = 16.0;
const SAMPLE_BYTES: f64 = 4.0;

/// A data set's shape, as far as it costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub features: u32,
    pub classes: u32,
}

/// A problem's sizes.
struct Sizes {
    /// Dimension of y.
    inner: f64,
    /// Operations of one sample's gradient.
    gradient: f64,
    features: f64,
}

/// Predicted seconds of the whole sweep on one thread.
pub(super) fn seconds(sweep: &Sweep, shape: Option<Shape>) -> f64 {
    let facts = sweep.facts();
    let sizes = sizes(&facts.problem, shape);
    let operations: f64 = facts
        .cells
        .iter()
        .map(|cell| replicate_operations(cell, facts.indices, facts.test, &sizes))
        .sum();
    operations * f64::from(facts.replicates) / RATE
}

/// Predicted bytes that a thread needs for the largest cell.
pub(super) fn bytes_per_thread(sweep: &Sweep, shape: Option<Shape>) -> f64 {
    let facts = sweep.facts();
    let sizes = sizes(&facts.problem, shape);
    let scalar = match facts.precision {
        Precision::F32 => 4.0,
        Precision::F64 => 8.0,
    };
    let of_cell = |cell: &Cell| {
        let state = sizes.inner + outer_dimension(&facts.problem, cell);
        let states = 2.0 + REPLICAS + cell.ks.len() as f64;
        let tape = f64::from(cell.solver.schedule.inner_steps) * sizes.inner;
        let samples = 2.0 * f64::from(cell.m1) + f64::from(cell.m2) + f64::from(facts.test);
        (states * state + tape) * scalar + samples * sizes.features * SAMPLE_BYTES
    };
    facts.cells.iter().map(of_cell).fold(0.0, f64::max)
}

/// Units and experiments of every cell, over all replicates.
pub(super) fn cell_counts(sweep: &Sweep, cell: CellId) -> (u64, u64) {
    let plan = Plan::new(sweep.facts());
    let replicates = u64::from(plan.replicates());
    let blocks = u64::from(plan.blocks(cell));
    let positions = positions(sweep.facts().indices, sweep.cell(cell));
    (blocks * replicates, u64::from(positions) * replicates)
}

fn sizes(problem: &ProblemSpec, shape: Option<Shape>) -> Sizes {
    match problem {
        ProblemSpec::Reweighting(spec) => {
            let shape = shape.unwrap_or(Shape {
                features: 784,
                classes: 10,
            });
            let widths = spec.hidden.iter().copied().chain([shape.classes]);
            let mut input = f64::from(shape.features);
            let mut inner = 0.0;
            for width in widths.map(f64::from) {
                inner += (input + 1.0) * width;
                input = width;
            }
            Sizes {
                inner,
                gradient: 6.0 * inner,
                features: f64::from(shape.features),
            }
        }
        ProblemSpec::Quadratic(spec) => {
            let all = f64::from(spec.dim_x) + f64::from(spec.dim_y);
            Sizes {
                inner: f64::from(spec.dim_y),
                gradient: 2.0 * all * all,
                features: all,
            }
        }
    }
}

fn outer_dimension(problem: &ProblemSpec, cell: &Cell) -> f64 {
    match problem {
        ProblemSpec::Reweighting(_) => f64::from(cell.m2),
        ProblemSpec::Quadratic(spec) => f64::from(spec.dim_x),
    }
}

fn positions(indices: Indices, cell: &Cell) -> u32 {
    match indices {
        Indices::All => cell.m1,
        Indices::Count(count) => count.min(cell.m1),
    }
}

fn replicate_operations(cell: &Cell, indices: Indices, test: u32, sizes: &Sizes) -> f64 {
    let run = cell.last_k() as f64 * iteration_operations(&cell.solver, sizes);
    let share = match indices {
        Indices::All => replica_share(cell),
        // Chosen among the drawn ones.
        Indices::Count(_) => replica_share(cell) / drawn_share(cell),
    };
    let replicas = f64::from(positions(indices, cell)) * share.min(1.0);
    let samples = f64::from(cell.m1) + f64::from(test);
    let curve = CURVE_POINTS as f64 * samples * sizes.gradient / 3.0;
    run * (1.0 + replicas) + curve
}

fn iteration_operations(solver: &Solver, sizes: &Sizes) -> f64 {
    let inner = f64::from(solver.schedule.inner_steps) * f64::from(solver.batch_y);
    let reverse = match solver.direction {
        Direction::Partial => 0.0,
        Direction::Unrolled => 2.0 * inner,
    };
    (inner + reverse + f64::from(solver.batch_x)) * sizes.gradient
}

/// The probability that an outer iteration reads a given index.
fn read_chance(cell: &Cell) -> f64 {
    let chance = f64::from(cell.solver.batch_x) / f64::from(cell.m1);
    chance.min(1.0)
}

/// The expected share of all indices that a run reads.
fn drawn_share(cell: &Cell) -> f64 {
    1.0 - (1.0 - read_chance(cell)).powf(cell.last_k() as f64)
}

/// The expected share of its run that a replica computes: what comes after the first draw of its index.
fn replica_share(cell: &Cell) -> f64 {
    let k = cell.last_k() as f64;
    1.0 - drawn_share(cell) / (k * read_chance(cell))
}
