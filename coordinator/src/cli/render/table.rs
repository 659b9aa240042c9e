//! Estimates for people: what does not vary is said once, then stability, risks and gaps, then what to be wary of.

use std::fmt::Write;

use bistable_common::wire::v1::{Estimate, Interval, QueryEstimatesResponse};
use comfy_table::{Cell, CellAlignment, LineStyle, Table, presets};

use super::{
    Value,
    fields::{AXES, SUPPORT, WIDTH_RATIO},
    number::{measured, ratio, size},
    troubles,
};

/// A column: its heading, and its text for an estimate if there is one.
type Column = (&'static str, fn(&Estimate) -> Option<String>);

fn show(interval: Option<Interval>) -> Option<String> {
    interval.as_ref().map(measured)
}

const STABILITY: [Column; 5] = [
    ("β₁", |e| show(e.beta1)),
    ("its x-part", |e| show(e.beta1_x)),
    ("its y-part", |e| show(e.beta1_y)),
    ("its z-part", |e| show(e.beta1_z)),
    ("β₂²", |e| show(e.beta2_sq)),
];

const RISKS: [Column; 4] = [
    ("loss, validation", |e| show(e.val_loss)),
    ("test", |e| show(e.test_loss)),
    ("0-1 error, validation", |e| show(e.val_error)),
    ("test", |e| show(e.test_error)),
];

const GAPS: [Column; 5] = [
    ("loss, hold-out", |e| show(e.gap_holdout_loss)),
    ("replace-one", |e| show(e.gap_replace_one_loss)),
    ("widths, ratio", |e| WIDTH_RATIO.1(e).map(ratio)),
    ("0-1 error, hold-out", |e| show(e.gap_holdout_error)),
    ("replace-one", |e| show(e.gap_replace_one_error)),
];

/// The answer as text for a terminal of 120 columns.
pub fn table(response: &QueryEstimatesResponse) -> String {
    let QueryEstimatesResponse {
        digest,
        id,
        name,
        confidence,
        estimates,
        units_quarantined: _,
        units_conflicting: _,
        troubles: _,
    } = response;
    let lone = !estimates.is_empty() && estimates.iter().all(|e| e.replicates <= 1);
    let intervals = match lone {
        true => "one replicate, so no intervals".to_owned(),
        false => format!("intervals at {} % over replicates", percent(*confidence)),
    };
    let mut text = format!("{name} ({id}), {intervals}\n");
    let (fixed, mut varying) = split_axes(estimates);
    if !fixed.is_empty() {
        let _ = writeln!(text, "{}", fixed.join(", "));
    }
    for line in algorithms(estimates) {
        let _ = writeln!(text, "{line}");
    }
    for (title, columns) in [
        ("Stability", &STABILITY[..]),
        ("Risk of the base runs", &RISKS[..]),
        (
            "Generalization gap (replace-one in its symmetrised form)",
            &GAPS[..],
        ),
    ] {
        if let Some(table) = section(estimates, &varying, columns) {
            let _ = write!(text, "\n{title}\n{table}\n");
            // Once is enough to say what is behind an estimate.
            varying.retain(|axis| !axis.is_support());
        }
    }
    for note in notes(estimates, &varying) {
        let _ = write!(text, "\n{note}");
    }
    for line in troubles::lines(response) {
        let _ = write!(text, "\n{line}");
    }
    let digest = digest
        .as_deref()
        .unwrap_or("none while anything is missing, quarantined or conflicting");
    let _ = writeln!(text, "\ndigest {digest}");
    text
}

/// A level as a percentage, without the noise of binary fractions.
fn percent(level: f64) -> String {
    let text = format!("{:.6}", 100.0 * level);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A line for each solver: which algorithm ran.
fn algorithms(estimates: &[Estimate]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for e in estimates.iter().filter(|e| !e.direction.is_empty()) {
        let origin = match e.solver == e.label {
            true => String::new(),
            false => format!(" ({})", e.solver),
        };
        let line = format!(
            "{}{origin}: {} direction, {}, {} start, {} sampling, eta_x {}, eta_y {}{}",
            e.label,
            e.direction,
            e.order,
            e.start,
            e.sampling,
            e.step_x,
            e.step_y,
            rarer_parts(e)
        );
        // Those of one solver follow each other.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Parts that most solvers do not have.
fn rarer_parts(e: &Estimate) -> String {
    let parts = [
        ("T growing by", &e.growth, "fixed"),
        ("inner tolerance", &e.tolerance, ""),
        ("update_x", &e.update_x, "plain"),
        ("update_y", &e.update_y, "plain"),
        ("ascent", &e.ascent, ""),
        ("eta_z", &e.step_z, ""),
        ("update_z", &e.update_z, "plain"),
    ];
    let rarer = parts
        .iter()
        .filter(|(_, part, usual)| !part.is_empty() && part != usual);
    rarer
        .map(|(name, part, _)| format!(", {name} {part}"))
        .collect()
}

/// An axis or a count of what is behind the estimates.
#[derive(Clone, Copy)]
struct Axis {
    name: &'static str,
    get: for<'a> fn(&'a Estimate) -> Value<'a>,
}

impl Axis {
    fn is_support(self) -> bool {
        SUPPORT.iter().any(|(name, _)| *name == self.name)
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Text("") | Value::Absent => "(all)".to_owned(),
        Value::Text(text) => text.to_owned(),
        Value::Count(count) => count.to_string(),
        Value::Size(value) => size(value),
    }
}

/// The axes as columns: K last, since it varies fastest. Which preset a label stands for is said by [`algorithms`].
fn columns() -> impl Iterator<Item = Axis> {
    let counts: [Axis; 2] = [
        Axis {
            name: SUPPORT[0].0,
            get: |e| Value::Count(e.replicates),
        },
        Axis {
            name: SUPPORT[1].0,
            get: |e| Value::Count(e.indices),
        },
    ];
    let axes = AXES.map(|(name, get)| Axis { name, get });
    let (last, others): (Vec<Axis>, Vec<Axis>) = axes
        .into_iter()
        .filter(|axis| axis.name != "solver")
        .partition(|axis| axis.name == "K");
    others.into_iter().chain(last).chain(counts)
}

/// Axes with one value throughout, as `name = value`, and those that vary.
fn split_axes(estimates: &[Estimate]) -> (Vec<String>, Vec<Axis>) {
    let (mut fixed, mut varying) = (Vec::new(), Vec::new());
    let Some(first) = estimates.first() else {
        return (fixed, varying);
    };
    for axis in columns() {
        let value = (axis.get)(first);
        if estimates.iter().any(|e| (axis.get)(e) != value) {
            varying.push(axis);
        } else if value != Value::Absent && value != Value::Text("") && !is_usual(axis, value) {
            fixed.push(format!("{} = {}", axis.name, text(value)));
        }
    }
    (fixed, varying)
}

/// Whether it goes without saying.
fn is_usual(axis: Axis, value: Value) -> bool {
    axis.name == "replace" && value == Value::Text("validation")
}

/// An estimate's place as the cells of its row; what the row above says too is left out, from the left.
fn place_cells(above: Option<&Estimate>, estimate: &Estimate, varying: &[Axis]) -> Vec<String> {
    let mut same = above.is_some();
    let cell = |axis: &Axis| {
        let value = (axis.get)(estimate);
        same = same && !axis.is_support() && above.is_some_and(|above| (axis.get)(above) == value);
        match same {
            true => String::new(),
            false => text(value),
        }
    };
    varying.iter().map(cell).collect()
}

/// A table of the columns that have something to say; `None` if none has.
fn section(estimates: &[Estimate], varying: &[Axis], columns: &[Column]) -> Option<Table> {
    let columns: Vec<&Column> = columns
        .iter()
        .filter(|(_, get)| estimates.iter().any(|e| get(e).is_some()))
        .collect();
    if columns.is_empty() {
        return None;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let aligned = |(axis, text): (&Axis, String)| match axis.name {
        "label" => Cell::new(text),
        _ => right(text),
    };
    let axes = varying.iter().map(|axis| axis.name.to_owned());
    let names = columns.iter().map(|(name, _)| (*name).to_owned());
    let heads = varying.iter().zip(axes).map(aligned);
    table.set_header(heads.chain(names.map(right)));
    let mut above = None;
    for estimate in estimates {
        let place = place_cells(above, estimate, varying);
        let values = columns
            .iter()
            .map(|(_, get)| get(estimate).unwrap_or_else(|| absence(estimate).to_owned()));
        let place = varying.iter().zip(place).map(aligned);
        table.add_row(place.chain(values.map(right)));
        above = Some(estimate);
    }
    Some(table)
}

/// Why there is no value.
fn absence(estimate: &Estimate) -> &'static str {
    match (estimate.replicates, estimate.diverged) {
        (0, _) => "missing",
        (_, 0) => "-",
        _ => "diverged",
    }
}

/// How many estimates a note names before it stops.
const NAMED: usize = 5;

/// What a reader should know before believing a number.
fn notes(estimates: &[Estimate], varying: &[Axis]) -> Vec<String> {
    let mut notes = Vec::new();
    if estimates.is_empty() {
        notes.push("No estimate fits the query.".to_owned());
    }
    if estimates.iter().any(|e| e.replace == "training") {
        notes.push(
            "Training samples were replaced: replace-one gaps are of the inner objective."
                .to_owned(),
        );
    }
    if estimates.iter().any(|e| e.replicates == 1) {
        notes.push(
            "One replicate is no sample: where there is only one, there is no interval. Ask for at least 2."
                .to_owned(),
        );
    }
    let count = |what: &str, get: fn(&Estimate) -> u64| {
        let hit: Vec<&Estimate> = estimates.iter().filter(|e| get(e) > 0).collect();
        let places = hit.iter().take(NAMED).map(|e| place(e, varying, get(e)));
        let more = hit.len().saturating_sub(NAMED);
        let mut places: Vec<String> = places.collect();
        places.extend((more > 0).then(|| format!("and {more} more")));
        (!hit.is_empty()).then(|| format!("{what} {}.", places.join("; ")))
    };
    notes.extend(count(
        "Diverged, and therefore without an estimate (survivors are not averaged):",
        |e| e.diverged,
    ));
    notes.extend(count(
        "Not finished (estimates are over whole replicates only), experiments missing:",
        |e| e.missing,
    ));
    notes
}

fn place(estimate: &Estimate, varying: &[Axis], count: u64) -> String {
    let axes: Vec<String> = varying
        .iter()
        .filter(|axis| !axis.is_support())
        .map(|axis| format!("{} = {}", axis.name, text((axis.get)(estimate))))
        .collect();
    match &axes[..] {
        [] => count.to_string(),
        axes => format!("{count} at {}", axes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;

    #[test]
    fn a_table_fits_and_says_each_thing_once() {
        let text = table(&samples::response());
        assert!(text.lines().all(|line| line.chars().count() <= 120));
        assert_eq!(text.matches("eta_x = 5").count(), 1);
        assert!(text.contains("m2 = 2000") && !text.contains("m1 = "));
        assert!(text.contains("0.0159 ± 0.0009"));
        assert!(text.contains("ssgd: unrolled direction, inner_first, warm start"));
        assert!(text.contains("2700"));
        assert!(!text.contains("0-1 error"), "nothing to say about errors");
        assert!(!text.contains("One replicate") && !text.contains("Diverged"));
        assert!(text.contains("digest none"));
    }

    #[test]
    fn replaced_training_samples_are_said() {
        let mut response = samples::response();
        let usual = table(&response);
        assert!(!usual.contains("replace = ") && !usual.contains("Training samples"));
        for estimate in &mut response.estimates {
            estimate.replace = "training".to_owned();
        }
        let text = table(&response);
        assert!(text.contains("replace = training"));
        assert!(text.contains("replace-one gaps are of the inner objective."));
    }

    #[test]
    fn z_is_said_where_there_is_one() {
        let text = table(&samples::minimax());
        assert!(text.contains("its z-part") && text.contains("0.25"));
        assert!(text.contains(", ascent pairs, eta_z constant(c=0.01)\n"));
        assert!(!table(&samples::response()).contains("z-part"));
    }

    #[test]
    fn what_to_be_wary_of_is_said() {
        let mut response = samples::response();
        response.digest = Some("ab".repeat(32));
        response.estimates[1].beta1 = None;
        response.estimates[1].diverged = 3;
        response.estimates[2].replicates = 1;
        response.estimates[2].missing = 40;
        let text = table(&response);
        assert!(text.contains("One replicate is no sample"));
        assert!(text.contains("3 at m1 = 500, K = 2000."));
        assert!(text.contains("40 at m1 = 1000, K = 1000."));
        assert!(text.contains(" diverged"));
        assert!(text.ends_with(&format!("digest {}\n", "ab".repeat(32))));
        assert!(text.lines().all(|line| line.chars().count() <= 120));
    }

    #[test]
    fn a_row_leaves_out_what_the_row_above_says() {
        let text = table(&samples::response());
        let place = |line: &str| -> Vec<String> {
            line.split_whitespace().take(2).map(str::to_owned).collect()
        };
        let rows: Vec<_> = text
            .lines()
            .filter(|line| line.contains("0.0159"))
            .map(place)
            .collect();
        assert_eq!(rows[0], ["500", "1000"]);
        assert_eq!(rows[1][0], "2000", "m1 is the one above");
        assert_eq!(rows[2], ["1000", "1000"]);
    }

    #[test]
    fn one_replicate_has_no_intervals_and_says_so_first() {
        let mut response = samples::response();
        for estimate in &mut response.estimates {
            estimate.replicates = 1;
        }
        let text = table(&response);
        let first = text.lines().next().expect("a line");
        assert!(first.ends_with("one replicate, so no intervals"), "{first}");
    }

    #[test]
    fn an_empty_answer_says_so() {
        let mut response = samples::response();
        response.estimates.clear();
        assert!(table(&response).contains("No estimate fits"));
    }
}
