//! Whether what was written fits together: the data set and the grid, the parts of a solver, batches and samples.

use crate::{
    spec::{ProblemSpec, Sampling},
    sweep::{Cell, ranges::check_cell},
};

use super::{
    DataInfo,
    axis::Point,
    grid::Grid,
    mistake::{Mistake, Read},
    solver::Template,
};

/// Checks that test set, S, D and D~ can be disjoint for every m1 and m2 of the grid.
pub(super) fn samples(grid: &Grid, test: u32, data: &DataInfo) -> Read<()> {
    let largest = grid.m2.points().iter().max_by_key(|point| point.value);
    let m2 = largest.map_or(0, |point| point.value);
    let taken = u64::from(test) + u64::from(m2);
    let room = u64::from(data.samples).saturating_sub(taken) / 2;
    let fits = |m1: &&Point<u32>| u64::from(m1.value) > room;
    let Some(m1) = grid.m1.points().iter().find(fits) else {
        return Ok(());
    };
    let message = format!(
        "m1 = {m1} needs {m1} + {m1} replacement + {m2} training + {test} test samples; the data set has {n}",
        m1 = m1.value,
        n = data.samples,
    );
    let mistake = Mistake::new(message).at_maybe(m1.span.as_ref(), "too many");
    Err(match room {
        0 => mistake.help(format!(
            "no m1 fits beside m2 = {m2} and test = {test}: lower these first"
        )),
        _ => mistake.help(format!(
            "the largest m1 that fits is {room} (with m2 = {m2} and test = {test})"
        )),
    })
}

/// Checks that the problem can compute on data of this shape.
pub(super) fn features(problem: &ProblemSpec, data: &DataInfo) -> Read<()> {
    let fits = problem.fits_data(data.features, data.classes);
    fits.map_err(|reason| Mistake::new(format!("the problem `{}`: {reason}", problem.name())))
}

/// Checks that the problem can have so many training samples as the grid says.
pub(super) fn training(problem: &ProblemSpec, grid: &Grid, data: &DataInfo) -> Read<()> {
    for m2 in grid.m2.points() {
        let fits = problem.fits_training(m2.value, data.classes);
        fits.map_err(|reason| {
            Mistake::new(format!("the problem `{}`: {reason}", problem.name()))
                .at_maybe(m2.span.as_ref(), "this m2")
        })?;
    }
    Ok(())
}

/// Checks that a cell's parts mean something together.
pub(super) fn parts(cell: &Cell, template: &Template, problem: &ProblemSpec) -> Read<()> {
    let solver = &cell.solver;
    // What a value may be beside the others of its cell.
    check_cell(cell).map_err(|invalid| {
        Mistake::new(format!("solver `{}`: {invalid}", template.name.label))
            .at(&template.span, "out of range")
    })?;
    solver.fits(problem, &cell.ks).map_err(|misfit| {
        Mistake::new(format!("solver `{}`: {misfit}", template.name.label))
            .at(&template.span, "parts that do not fit together")
    })?;
    if solver.sampling != Sampling::Epoch {
        return Ok(());
    }
    batch(
        template,
        ("batch_x", solver.batch_x.size(cell.m1)),
        ("m1", cell.m1),
    )?;
    batch(
        template,
        ("batch_y", solver.batch_y.size(cell.m2)),
        ("m2", cell.m2),
    )
}

/// A batch of an epoch is drawn without replacement.
fn batch(template: &Template, batch: (&str, u32), samples: (&str, u32)) -> Read<()> {
    if batch.1 <= samples.1 {
        return Ok(());
    }
    let message = format!(
        "solver `{}`: {} = {} is more than an epoch's {} = {} samples",
        template.name.label, batch.0, batch.1, samples.0, samples.1
    );
    Err(Mistake::new(message)
        .at(&template.span, "a batch larger than its epoch")
        .help("use smaller batches, or sampling = \"uniform\", which draws with replacement"))
}
