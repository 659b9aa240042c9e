//! What a reader should know before believing a picture.

use bistable_common::wire::v1::Estimate;

use super::Family;
use crate::plot::figure::Panel;

/// The lines below a figure.
pub(super) fn notes(family: &Family, rows: &[Vec<Panel>]) -> Vec<String> {
    let mut notes = vec![about_intervals(family)];
    let hidden = hidden(rows);
    match hidden {
        0 => {}
        1 => notes.push("1 value is not above zero and has no place on a log axis.".to_owned()),
        _ => notes.push(format!(
            "{hidden} values are not above zero and have no place on a log axis."
        )),
    }
    let all = family.estimates.len();
    let lost = |get: fn(&Estimate) -> u64| family.estimates.iter().filter(|e| get(e) > 0).count();
    for (count, why) in [
        (lost(|e| e.diverged), "experiments diverged before that K"),
        (lost(|e| e.missing), "experiments are not finished"),
    ] {
        if count > 0 {
            notes.push(format!("At {count} of {all} points of the grid {why}."));
        }
    }
    notes
}

fn about_intervals(family: &Family) -> String {
    let replicates = family.estimates.iter().map(|e| e.replicates);
    let (least, most) = replicates.fold((u64::MAX, 0), |(lo, hi), r| (lo.min(r), hi.max(r)));
    let level = 100.0 * family.confidence;
    match (least, most) {
        (_, 0 | 1) => "One replicate: no confidence intervals.".to_owned(),
        (least, most) if least == most => {
            format!("Bars are {level} % confidence intervals over {most} replicates.")
        }
        (least, most) => {
            format!("Bars are {level} % confidence intervals over {least} to {most} replicates.")
        }
    }
}

fn hidden(rows: &[Vec<Panel>]) -> usize {
    rows.iter()
        .flatten()
        .map(|panel| {
            let marks = panel.series.iter().flat_map(|series| &series.marks);
            marks
                .filter(|mark| panel.y.scale.place(mark.mean).is_none())
                .count()
        })
        .sum()
}
