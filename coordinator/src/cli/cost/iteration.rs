//! How long an outer iteration takes, given how long its operations do.

use bistable_common::{
    spec::{Growth, Implicit, Inverse, Method, Schedule, StepRule, Turns},
    sweep::Cell,
};

/// Trials of a line search: a guess, since they depend on the run.
const TRIALS: f64 = 4.0;

/// Seconds of the loop's operations.
pub(super) struct Times {
    pub inner_step: f64,
    /// Of z.
    pub dual_step: f64,
    pub reverse_step: f64,
    pub outer_step: f64,
    /// Of one sample.
    pub evaluation: f64,
    /// A product with second derivatives, or to prepare some.
    pub product: f64,
    /// A pass over y.
    pub pass: f64,
}

/// Seconds of an outer iteration, the mean over the run; a tolerance may end inner steps earlier.
pub(super) fn iteration(cell: &Cell, times: &Times) -> f64 {
    let solver = &cell.solver;
    let steps = mean_steps(&solver.schedule, cell.last_k() as f64);
    let reverse = match f64::from(solver.direction.taped(u32::MAX)).min(steps) {
        taped if taped <= 1.0 => 0.0,
        taped => taped * times.reverse_step,
    };
    let implicit = solver.direction.implicit();
    steps * (times.inner_step + inner_extra(cell, times))
        + ascents(cell, steps) * times.dual_step
        + reverse
        + times.outer_step
        + implicit.map_or(0.0, |implicit| products(implicit) * times.product)
        + outer_extra(cell, times)
}

/// Steps of z in an outer iteration in which y takes `steps`.
fn ascents(cell: &Cell, steps: f64) -> f64 {
    match cell.solver.ascent.map(|ascent| ascent.turns) {
        None => 0.0,
        Some(Turns::Pairs) => steps,
        Some(Turns::Blocks { steps }) => f64::from(steps),
    }
}

/// Inner steps of an outer iteration, the mean over `k` of them.
fn mean_steps(schedule: &Schedule, k: f64) -> f64 {
    f64::from(schedule.inner_steps)
        * match schedule.growth {
            Growth::Fixed => 1.0,
            Growth::Sqrt => 2.0 / 3.0 * k.sqrt(),
            Growth::FourthRoot => 0.8 * k.sqrt().sqrt(),
        }
}

/// Products with second derivatives, those that prepare them and that of the cross term included.
fn products(implicit: &Implicit) -> f64 {
    let own = match implicit.inverse {
        // All on one batch.
        Inverse::Cg { steps, .. } | Inverse::FixedPoint { steps, .. } => 1.0 + f64::from(steps),
        Inverse::Neumann {
            steps,
            geometric: None,
            ..
        } => 2.0 * f64::from(steps),
        Inverse::Neumann {
            steps,
            eta_v,
            geometric: Some(mu),
        } => {
            // Batches are Q times B and fall geometrically.
            let (steps, ratio) = (f64::from(steps), 1.0 - eta_v * mu);
            2.0 * steps * (1.0 - ratio.powf(steps)) / (1.0 - ratio)
        }
        Inverse::RandomNeumann { steps, .. } => f64::from(steps - 1),
        Inverse::Identity { .. } => 0.0,
    };
    own + 2.0
}

/// What an inner step takes beside its gradient.
fn inner_extra(cell: &Cell, times: &Times) -> f64 {
    let solver = &cell.solver;
    let batch = f64::from(solver.batch_y.size(cell.m2));
    let memory = match solver.update_y.method {
        Method::Plain => 0.0,
        Method::Averaged { .. } => 1.0,
        Method::Adam { .. } => 4.0,
        Method::Lbfgs { memory } => 4.0 * f64::from(memory),
    };
    memory * times.pass + looks(solver.eta_y.rule) * batch * times.evaluation
}

/// What an outer step takes beside its direction.
fn outer_extra(cell: &Cell, times: &Times) -> f64 {
    let solver = &cell.solver;
    let batch = f64::from(solver.batch_x.size(cell.m1));
    let looks = looks(solver.eta_x.rule);
    let inner = match solver.eta_x.rule {
        StepRule::BilevelArmijo { .. } => TRIALS * times.inner_step,
        _ => 0.0,
    };
    looks * batch * times.evaluation + inner
}

/// Evaluations of an objective on a batch to find a step size.
fn looks(rule: StepRule) -> f64 {
    match rule {
        StepRule::Constant
        | StepRule::Inverse
        | StepRule::InverseSqrt
        | StepRule::Power { .. }
        | StepRule::Geometric { .. }
        | StepRule::Theorem2 { .. }
        | StepRule::Theorem3 { .. } => 0.0,
        StepRule::Polyak { .. }
        | StepRule::DecPolyak { .. }
        | StepRule::BilevelPolyak { .. }
        | StepRule::Hoag => 1.0,
        StepRule::Armijo { .. } | StepRule::BilevelArmijo { .. } => 1.0 + TRIALS,
    }
}
