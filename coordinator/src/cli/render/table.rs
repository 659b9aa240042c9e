//! Estimates for people: what does not vary is said once, then stability, risks and gaps, then what to be wary of.

use std::fmt::Write;

use bistable_common::wire::v1::{Estimate, Interval, QueryEstimatesResponse};
use comfy_table::{Cell, CellAlignment, LineStyle, Table, presets};

use super::{
    Value,
    fields::{AXES, SUPPORT, WIDTH_RATIO},
    number::{measured, ratio, size},
};

/// A column: its heading, and its text for an estimate if there is one.
type Column = (&'static str, fn(&Estimate) -> Option<String>);

fn show(interval: Option<Interval>) -> Option<String> {
    interval.as_ref().map(measured)
}

const STABILITY: [Column; 4] = [
    ("β₁", |e| show(e.beta1)),
    ("its x-part", |e| show(e.beta1_x)),
    ("its y-part", |e| show(e.beta1_y)),
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
    } = response;
    let level = size(100.0 * confidence);
    let mut text = format!("{name} ({id}), intervals at {level} % over replicates\n");
    let (fixed, mut varying) = split_axes(estimates);
    if !fixed.is_empty() {
        let _ = writeln!(text, "{}", fixed.join(", "));
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
    let digest = digest
        .as_deref()
        .unwrap_or("none while anything is missing, quarantined or conflicting");
    let _ = writeln!(text, "\ndigest {digest}");
    text
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

/// Axes with one value throughout, as `name = value`, and those that vary. The solver's preset is named only where
/// its label is another.
fn split_axes(estimates: &[Estimate]) -> (Vec<String>, Vec<Axis>) {
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
    let (mut fixed, mut varying) = (Vec::new(), Vec::new());
    let Some(first) = estimates.first() else {
        return (fixed, varying);
    };
    let renamed = estimates.iter().any(|e| e.label != e.solver);
    for axis in axes.into_iter().chain(counts) {
        let value = (axis.get)(first);
        if axis.name == "solver" && !renamed {
            continue;
        }
        if estimates.iter().any(|e| (axis.get)(e) != value) {
            varying.push(axis);
        } else if value != Value::Absent && value != Value::Text("") {
            fixed.push(format!("{} = {}", axis.name, text(value)));
        }
    }
    (fixed, varying)
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
    let axes = varying.iter().map(|axis| axis.name.to_owned());
    let names = columns.iter().map(|(name, _)| (*name).to_owned());
    table.set_header(axes.chain(names).map(right));
    for estimate in estimates {
        let place = varying.iter().map(|axis| text((axis.get)(estimate)));
        let values = columns
            .iter()
            .map(|(_, get)| get(estimate).unwrap_or_else(|| absence(estimate).to_owned()));
        table.add_row(place.chain(values).map(right));
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
        println!("{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120));
        assert_eq!(text.matches("eta_x = 5").count(), 1);
        assert!(text.contains("m2 = 2000") && !text.contains("m1 = "));
        assert!(text.contains("1.59e-2 ± 0.09e-2"));
        assert!(text.contains("2700"));
        assert!(!text.contains("0-1 error"), "nothing to say about errors");
        assert!(!text.contains("One replicate") && !text.contains("Diverged"));
        assert!(text.contains("digest none"));
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
        println!("{text}");
        assert!(text.contains("One replicate is no sample"));
        assert!(text.contains("3 at m1 = 500, K = 2000."));
        assert!(text.contains("40 at m1 = 1000, K = 1000."));
        assert!(text.contains(" diverged"));
        assert!(text.ends_with(&format!("digest {}\n", "ab".repeat(32))));
        assert!(text.lines().all(|line| line.chars().count() <= 120));
    }

    #[test]
    fn an_empty_answer_says_so() {
        let mut response = samples::response();
        response.estimates.clear();
        assert!(table(&response).contains("No estimate fits"));
    }
}
