//! Estimates by solver: each family has files of its own.

use std::collections::HashSet;

use bistable_common::wire::v1::{Estimate, QueryEstimatesResponse};

/// Estimates of one solver that differ in m1, K and T only.
pub(super) struct Family<'a> {
    /// Begins the names of its files.
    pub name: String,
    /// Begins its headlines.
    pub title: String,
    /// What its estimates have in common besides.
    pub fixed: String,
    /// Level of the intervals.
    pub confidence: f64,
    /// In the order of the answer.
    pub estimates: Vec<&'a Estimate>,
}

/// The families of an answer, in the order of their first estimates.
pub(super) fn families(response: &QueryEstimatesResponse) -> Vec<Family<'_>> {
    let key = |e: &Estimate| {
        let size = |value: Option<f64>| value.map(f64::to_bits);
        (
            e.label.clone(),
            (e.m2, size(e.eta_x), size(e.eta_y), e.batch_x, e.batch_y),
        )
    };
    let mut keys = Vec::new();
    let mut families: Vec<Family> = Vec::new();
    let mut names = HashSet::new();
    for estimate in &response.estimates {
        let key = key(estimate);
        if let Some(at) = keys.iter().position(|known| *known == key) {
            families[at].estimates.push(estimate);
            continue;
        }
        keys.push(key);
        families.push(Family {
            name: file_name(&estimate.label, &mut names),
            title: printable(&estimate.label),
            fixed: fixed(estimate),
            confidence: response.confidence,
            estimates: vec![estimate],
        });
    }
    families
}

/// A name that every file system takes and that no other family has.
fn file_name(label: &str, taken: &mut HashSet<String>) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let safe: String = label.chars().take(60).map(safe).collect();
    let base = match safe.trim_matches('-') {
        "" => "all",
        // A leading dash would read as an option.
        base => base,
    };
    let mut name = base.to_owned();
    let mut number = 2;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    name
}

/// Characters of a headline's label.
const LONGEST: usize = 30;

/// A label that can stand in a drawing: XML has no control characters, and a headline has an end.
fn printable(label: &str) -> String {
    match label {
        "" => "all solvers".to_owned(),
        label => {
            let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            let mut title: String = label.chars().take(LONGEST).map(visible).collect();
            if label.chars().nth(LONGEST).is_some() {
                title.push('…');
            }
            title
        }
    }
}

fn fixed(estimate: &Estimate) -> String {
    let count = |symbol, value: Option<u64>| value.map(|value| format!("{symbol} = {value}"));
    let size = |symbol, value: Option<f64>| value.map(|value| format!("{symbol} = {value}"));
    let axes = [
        Some(estimate.problem.clone()),
        count("m₂", estimate.m2),
        size("η_x", estimate.eta_x),
        size("η_y", estimate.eta_y),
        count("B_x", estimate.batch_x),
        count("B_y", estimate.batch_y),
        (!estimate.direction.is_empty()).then(|| {
            let order = estimate.order.replace('_', " ");
            format!(
                "{} direction, {order}, {} start",
                estimate.direction, estimate.start
            )
        }),
    ];
    axes.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
