//! `[[solvers]]`: a solver as it is written, laid over its preset and the grid's axes.

use crate::{
    spec::{
        Ascent, Batch, Direction, Growth, Order, ProblemSpec, Sampling, Start, StepSize, Tolerance,
        Update,
    },
    sweep::SolverName,
};

use super::{
    grid::Grid,
    mistake::{Mistake, Read},
    parts::Parts,
    step::Level,
    tree::{Node, Span, Value},
};

const STARTS: [(&str, Start); 4] = [
    ("warm", Start::Warm),
    ("reinit", Start::Reinit),
    ("outer", Start::Outer),
    ("outer_head", Start::OuterHead),
];
const ORDERS: [(&str, Order); 3] = [
    ("inner_first", Order::InnerFirst),
    ("simultaneous", Order::Simultaneous),
    ("outer_first", Order::OuterFirst),
];
const SAMPLINGS: [(&str, Sampling); 2] =
    [("uniform", Sampling::Uniform), ("epoch", Sampling::Epoch)];

/// The most solvers in a sweep: each holds the grid's axes.
const MAX_SOLVERS: usize = 256;

/// A solver whose parts are all known; where the grid varies a part, the part is a list. No list is empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    pub name: SolverName,
    pub span: Span,
    pub start: Start,
    pub order: Order,
    pub growth: Growth,
    pub tolerance: Option<Tolerance>,
    pub direction: Direction,
    pub update_x: Update,
    pub update_y: Update,
    pub ascent: Option<Ascent>,
    pub sampling: Sampling,
    pub ts: Vec<u32>,
    pub eta_x: Vec<StepSize>,
    pub eta_y: Vec<StepSize>,
    pub batch_x: Vec<Batch>,
    pub batch_y: Vec<Batch>,
}

impl Template {
    /// Whether any step size depends on K, so that each K needs a cell of its own.
    pub fn depends_on_k(&self) -> bool {
        let mut steps = self.eta_x.iter().chain(&self.eta_y);
        steps.any(StepSize::depends_on_k)
    }
}

/// The solvers' tables, of which there is at least one.
pub(super) fn list(node: &Node) -> Read<&[Node]> {
    match &node.value {
        Value::List(nodes) if nodes.len() > MAX_SOLVERS => {
            let message = format!("{} solvers: expected at most {MAX_SOLVERS}", nodes.len());
            Err(Mistake::new(message).at(&node.span, "too many"))
        }
        Value::List(nodes) if !nodes.is_empty() => Ok(nodes),
        _ => Err(Mistake::new("solvers must be a list of at least one table")
            .at(&node.span, format!("this is {}", node.kind()))
            .help("each solver begins with a line [[solvers]]")),
    }
}

/// Reads a solver.
pub(super) fn read(node: &Node, grid: &Grid, problem: &ProblemSpec) -> Read<Template> {
    let parts = Parts::new(node, grid, problem)?;
    Ok(Template {
        name: parts.name()?,
        span: node.span.clone(),
        start: parts.word("start", &STARTS, |preset| preset.start)?,
        order: parts.word("order", &ORDERS, |preset| preset.order)?,
        growth: parts.growth()?,
        tolerance: parts.tolerance()?,
        direction: parts.direction()?,
        update_x: parts.update("update_x", |preset| preset.update_x)?,
        update_y: parts.update("update_y", |preset| preset.update_y)?,
        ascent: parts.ascent()?,
        sampling: parts.word("sampling", &SAMPLINGS, |preset| preset.sampling)?,
        ts: parts.inner_steps()?,
        eta_x: parts.step_sizes(Level::Outer, grid.eta_x.as_ref(), |preset| preset.eta_x)?,
        eta_y: parts.step_sizes(Level::Inner, grid.eta_y.as_ref(), |preset| preset.eta_y)?,
        batch_x: parts.batches("batch_x", grid.batch_x.as_ref(), |preset| preset.batch_x)?,
        batch_y: parts.batches("batch_y", grid.batch_y.as_ref(), |preset| preset.batch_y)?,
    })
}

/// Refuses two solvers of one label: results could not be told apart.
pub(super) fn refuse_equal_labels(templates: &[Template]) -> Read<()> {
    let mut sorted: Vec<_> = templates.iter().collect();
    sorted.sort_by_key(|template| &template.name.label);
    let equal = |pair: &&[&Template]| pair[0].name.label == pair[1].name.label;
    match sorted.windows(2).find(equal) {
        Some(pair) => Err(Mistake::new(format!(
            "two solvers are labelled `{}`",
            pair[0].name.label
        ))
        .at(&pair[0].span, "one")
        .at(&pair[1].span, "another")
        .help("give each a `label` of its own")),
        None => Ok(()),
    }
}
