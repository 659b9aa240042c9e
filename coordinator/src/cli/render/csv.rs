//! Estimates as CSV, one row each.

use bistable_common::wire::v1;

use super::{
    Value, csv_line,
    fields::{AXES, Fields, LOSSES, SUPPORT, WIDTH_RATIO},
};

/// The estimates as CSV with a header. A quantity has three columns: its name, and the same with `_lo` and `_hi`; what
/// is absent is empty.
pub fn csv(response: &v1::QueryEstimatesResponse) -> String {
    let fields = Fields::of(&response.estimates);
    let names = header(fields);
    let mut text = csv_line(names.iter().map(|name| Value::Text(name)));
    for estimate in &response.estimates {
        text += &csv_line(row(fields, estimate));
    }
    text
}

fn header(fields: Fields) -> Vec<String> {
    let axes = AXES.into_iter().chain(fields.parts());
    let axes = axes.map(|(name, _)| name.to_string());
    let counts = |list: [(&str, _); 2]| list.map(|(name, _): (_, fn(&_) -> _)| name.to_owned());
    let quantities = fields
        .quantities()
        .flat_map(|(name, _)| [name.to_string(), format!("{name}_lo"), format!("{name}_hi")]);
    axes.chain(counts(SUPPORT))
        .chain(quantities)
        .chain([WIDTH_RATIO.0.to_owned()])
        .chain(counts(LOSSES))
        .collect()
}

fn row(fields: Fields, estimate: &v1::Estimate) -> Vec<Value<'_>> {
    let mut row: Vec<Value> = (AXES.into_iter().chain(fields.parts()))
        .map(|(_, get)| get(estimate))
        .collect();
    row.extend(SUPPORT.map(|(_, get)| Value::Count(get(estimate))));
    for (_, get) in fields.quantities() {
        let interval = get(estimate);
        row.push(interval.map(|interval| interval.mean).into());
        row.push(interval.and_then(|interval| interval.lo).into());
        row.push(interval.and_then(|interval| interval.hi).into());
    }
    row.push(WIDTH_RATIO.1(estimate).into());
    row.extend(LOSSES.map(|(_, get)| Value::Count(get(estimate))));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;

    #[test]
    fn every_row_has_the_headers_columns() {
        let text = csv(&samples::response());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 1 + samples::response().estimates.len());
        assert!(lines.iter().all(|line| line.len() == 12 + 10 + 2 + 48 + 3));
        let column = |name| lines[0].iter().position(|&n| n == name).expect("a column");
        assert_eq!(lines[1][column("beta1")], "0.0159");
        assert_eq!(lines[1][column("beta1_hi")], "0.0168");
        assert_eq!(lines[1][column("val_error_lo")], "");
        assert_eq!(lines[1][column("missing")], "0");
    }

    #[test]
    fn a_minimax_problem_has_columns_of_z() {
        let (with, without) = (csv(&samples::minimax()), csv(&samples::response()));
        let names = |text: &str| -> Vec<String> {
            let header = text.lines().next().expect("a header");
            header.split(',').map(str::to_owned).collect()
        };
        let (with, mut without) = (names(&with), names(&without));
        assert_eq!(with.len(), without.len() + 3 + 2 * 3);
        without.retain(|name| !with.contains(name));
        assert!(without.is_empty());
    }
}
