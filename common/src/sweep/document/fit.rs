//! Whether what was written fits together: the data set and the grid, the parts of a solver, batches and samples.

use crate::{
    spec::{ProblemSpec, Sampling},
    sweep::{Cell, Replace, ranges::check_cell},
};

use super::{
    DataInfo,
    axis::Point,
    grid::Grid,
    header::Header,
    mistake::{Mistake, Read},
    solver::Template,
};

/// Checks that test set, S, D and the copy of one of them can be disjoint for every m1 and m2 of the grid.
pub(super) fn samples(grid: &Grid, header: &Header, data: &DataInfo) -> Read<()> {
    let (replaced, other, others) = match header.replace {
        Replace::Validation => (("m1", &grid.m1), ("m2", &grid.m2), "training"),
        Replace::Training => (("m2", &grid.m2), ("m1", &grid.m1), "validation"),
    };
    let largest = other.1.points().iter().map(|point| point.value).max();
    let (test, beside) = (header.test, largest.unwrap_or(0));
    let taken = u64::from(test) + u64::from(beside);
    let room = u64::from(data.samples).saturating_sub(taken) / 2;
    let fits = |m: &&Point<u32>| u64::from(m.value) > room;
    let Some(m) = replaced.1.points().iter().find(fits) else {
        return Ok(());
    };
    let ((key, other), n) = ((replaced.0, other.0), data.samples);
    let message = format!(
        "{key} = {m} needs {m} + {m} replacement + {beside} {others} + {test} test samples; the data set has {n}",
        m = m.value,
    );
    let mistake = Mistake::new(message).at_maybe(m.span.as_ref(), "too many");
    Err(match room {
        0 => mistake.help(format!(
            "no {key} fits beside {other} = {beside} and test = {test}: lower these first"
        )),
        _ => mistake.help(format!(
            "the largest {key} that fits is {room} (with {other} = {beside} and test = {test})"
        )),
    })
}

/// Checks that the problem can have so many training samples as the grid says.
pub(super) fn training(problem: &ProblemSpec, grid: &Grid, data: &DataInfo) -> Read<()> {
    for m2 in grid.m2.points() {
        let fits = problem.fits_training(m2.value, data.classes);
        fits.map_err(|conflict| {
            Mistake::new(format!(
                "the problem `{}`: {}",
                problem.name(),
                conflict.message
            ))
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
