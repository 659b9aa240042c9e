//! Templates times the grid: the cells, in their order.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    ids::Hash,
    spec::{ProblemSpec, Schedule, Solver},
    sweep::{Cell, SolverName, facts::MAX_COUNT},
};

use super::{
    fit,
    grid::Grid,
    mistake::{Mistake, Read},
    solver::Template,
};

/// Cells, with a name for each.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Cells {
    pub cells: Vec<Cell>,
    pub names: Vec<SolverName>,
}

/// The sweep's cells: solver by solver, then m2, m1, eta_x, eta_y, batch_x, batch_y, T (and K where each needs a run).
pub(super) fn expand(
    templates: &[Template],
    grid: &Grid,
    problem: &ProblemSpec,
) -> Result<Cells, Vec<Mistake>> {
    refuse_blow_up(templates, grid).map_err(|mistake| vec![mistake])?;
    let mut all = Cells::default();
    let mut origins = Vec::new();
    let mut mistakes = Vec::new();
    for (origin, template) in templates.iter().enumerate() {
        let cells = cells(template, grid);
        if let Err(mistake) = cells
            .iter()
            .try_for_each(|cell| fit::parts(cell, template, problem))
        {
            mistakes.push(mistake);
        }
        let count = cells.len();
        all.names.extend(vec![template.name.clone(); count]);
        all.cells.extend(cells);
        origins.extend(vec![origin; count]);
    }
    if mistakes.is_empty() {
        mistakes.extend(refuse_equal(templates, &all.cells, &origins).err());
    }
    match mistakes.is_empty() {
        true => Ok(all),
        false => Err(mistakes),
    }
}

/// Counts the grid's points, K included, before any of them is made.
fn refuse_blow_up(templates: &[Template], grid: &Grid) -> Read<()> {
    let points = templates.iter().try_fold(0_u64, |sum, template| {
        let axes = [
            grid.m1.points().len(),
            grid.m2.points().len(),
            grid.ks.points().len(),
            template.ts.len(),
            template.eta_x.len(),
            template.eta_y.len(),
            template.batch_x.len(),
            template.batch_y.len(),
        ];
        let product = axes
            .into_iter()
            .try_fold(1_u64, |product, len| product.checked_mul(len as u64))?;
        sum.checked_add(product)
    });
    match points {
        Some(points) if points <= u64::from(MAX_COUNT) => Ok(()),
        _ => {
            let message = format!("the grid has more than {MAX_COUNT} points (K included)");
            Err(Mistake::new(message).help("shorten its axes, or cut the sweep into several"))
        }
    }
}

fn cells(template: &Template, grid: &Grid) -> Vec<Cell> {
    let ks = grid.ks.values();
    let runs: Vec<Vec<u64>> = match template.depends_on_k() {
        true => ks.into_iter().map(|k| vec![k]).collect(),
        false => vec![ks],
    };
    let solvers = solvers(template);
    let mut cells = Vec::new();
    for m2 in grid.m2.values() {
        for m1 in grid.m1.values() {
            for solver in &solvers {
                cells.extend(runs.iter().map(|ks| Cell {
                    m1,
                    m2,
                    ks: ks.clone(),
                    solver: solver.clone(),
                }));
            }
        }
    }
    cells
}

/// The solvers that a template stands for.
fn solvers(template: &Template) -> Vec<Solver> {
    let mut solvers = Vec::new();
    for &eta_x in &template.eta_x {
        for &eta_y in &template.eta_y {
            for &batch_x in &template.batch_x {
                for &batch_y in &template.batch_y {
                    solvers.extend(template.ts.iter().map(|&t| Solver {
                        schedule: schedule(template, t),
                        direction: template.direction,
                        eta_x,
                        eta_y,
                        update_x: template.update_x,
                        update_y: template.update_y,
                        sampling: template.sampling,
                        batch_x,
                        batch_y,
                        ascent: template.ascent,
                    }));
                }
            }
        }
    }
    solvers
}

fn schedule(template: &Template, inner_steps: u32) -> Schedule {
    Schedule {
        inner_steps,
        growth: template.growth,
        tolerance: template.tolerance,
        start: template.start,
        order: template.order,
    }
}

/// Refuses a cell that appears twice: it would be computed twice, under two names.
fn refuse_equal(templates: &[Template], cells: &[Cell], origins: &[usize]) -> Read<()> {
    let mut seen = HashMap::new();
    for (cell, &origin) in cells.iter().zip(origins) {
        match seen.entry(fingerprint(cell)) {
            Entry::Vacant(vacant) => {
                vacant.insert(origin);
            }
            Entry::Occupied(first) => {
                return Err(equal(&templates[*first.get()], &templates[origin], cell));
            }
        }
    }
    Ok(())
}

fn fingerprint(cell: &Cell) -> Hash {
    let bytes = serde_json::to_vec(cell).expect("a cell holds nothing that JSON cannot");
    Hash::of(&bytes)
}

fn equal(first: &Template, second: &Template, cell: &Cell) -> Mistake {
    let message = format!(
        "`{}` and `{}` are the same solver at m1 = {}, m2 = {}, T = {}",
        first.name.label, second.name.label, cell.m1, cell.m2, cell.solver.schedule.inner_steps,
    );
    Mistake::new(message)
        .at(&first.span, "one")
        .at(&second.span, "the other")
        .help("change a part of one of them, or leave one out")
}
