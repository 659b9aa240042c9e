//! Every key a document may have, by the table it is in.

use std::{borrow::Cow, ops::RangeInclusive, sync::LazyLock};

use crate::spec::{ProblemSpec, numbers::Numbers, parameters::Visitor};

/// A table of the document: how messages call it, and its keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schema {
    pub name: Cow<'static, str>,
    pub keys: Cow<'static, [&'static str]>,
}

pub(super) const TOP: Schema = Schema {
    name: Cow::Borrowed("the top level"),
    keys: Cow::Borrowed(&[
        "name",
        "replicates",
        "seed",
        "indices",
        "test",
        "precision",
        "confidence",
        "problem",
        "data",
        "grid",
        "solvers",
    ]),
};

/// Where the problem is not known yet.
pub(super) const PROBLEM: Schema = Schema {
    name: Cow::Borrowed("[problem]"),
    keys: Cow::Borrowed(&["kind"]),
};

pub(super) const DATA: Schema = Schema {
    name: Cow::Borrowed("[data]"),
    keys: Cow::Borrowed(&["source", "dir", "path", "hash", "format", "label"]),
};

pub(super) const GRID: Schema = Schema {
    name: Cow::Borrowed("[grid]"),
    keys: Cow::Borrowed(&["m1", "m2", "K", "T", "eta_x", "eta_y", "batch_x", "batch_y"]),
};

pub(super) const SOLVER: Schema = Schema {
    name: Cow::Borrowed("[[solvers]]"),
    keys: Cow::Borrowed(&[
        "preset",
        "label",
        "T",
        "growth",
        "tolerance",
        "start",
        "order",
        "direction",
        "eta_x",
        "eta_y",
        "update_x",
        "update_y",
        "sampling",
        "batch_x",
        "batch_y",
    ]),
};

pub(super) const STEP: Schema = Schema {
    name: Cow::Borrowed("a step size"),
    keys: Cow::Borrowed(&[
        "rule", "c", "clock", "exponent", "ratio", "l", "divisor", "floor", "bound", "lower",
        "decrease", "shrink", "reset", "slack",
    ]),
};

pub(super) const DIRECTION: Schema = Schema {
    name: Cow::Borrowed("a direction"),
    keys: Cow::Borrowed(&[
        "kind",
        "last",
        "inverse",
        "steps",
        "tolerance",
        "eta_v",
        "mu",
        "start_v",
        "batch_v",
    ]),
};

pub(super) const TOLERANCE: Schema = Schema {
    name: Cow::Borrowed("a tolerance"),
    keys: Cow::Borrowed(&["first", "ratio"]),
};

pub(super) const UPDATE: Schema = Schema {
    name: Cow::Borrowed("an update"),
    keys: Cow::Borrowed(&[
        "method", "beta", "beta1", "beta2", "epsilon", "memory", "clip", "clamp",
    ]),
};

const TABLES: [&Schema; 8] = [
    &TOP, &DATA, &GRID, &SOLVER, &STEP, &DIRECTION, &TOLERANCE, &UPDATE,
];

/// A table for every problem.
static PROBLEMS: LazyLock<Vec<(&'static str, Schema)>> = LazyLock::new(|| {
    let schema = |mut problem: ProblemSpec| {
        let name = problem.name();
        let mut keys = Keys(vec!["kind"]);
        problem.parameters(&mut keys);
        let schema = Schema {
            name: format!("[problem] of kind {name}").into(),
            keys: keys.0.into(),
        };
        (name, schema)
    };
    ProblemSpec::defaults().into_iter().map(schema).collect()
});

/// The table of the problem that is called so.
pub(super) fn of_problem(name: &str) -> &'static Schema {
    let found = PROBLEMS.iter().find(|(problem, _)| *problem == name);
    found.map_or(&PROBLEM, |(_, schema)| schema)
}

/// Notes the keys of parameters.
struct Keys(Vec<&'static str>);

impl Visitor for Keys {
    fn integer(&mut self, key: &'static str, _: &mut u32, _: RangeInclusive<u32>) {
        self.0.push(key);
    }

    fn seed(&mut self, key: &'static str, _: &mut u64) {
        self.0.push(key);
    }

    fn number(&mut self, key: &'static str, _: &mut f64, _: Numbers) {
        self.0.push(key);
    }

    fn number_or(&mut self, key: &'static str, _: &'static str, _: &mut Option<f64>, _: Numbers) {
        self.0.push(key);
    }

    fn optional(&mut self, key: &'static str, _: &mut Option<f64>, _: Numbers) {
        self.0.push(key);
    }

    fn word(&mut self, key: &'static str, _: &[&'static str], _: &mut usize) {
        self.0.push(key);
    }

    fn widths(&mut self, key: &'static str, _: &mut Vec<u32>) {
        self.0.push(key);
    }
}

/// What to do about a key that `schema` does not have.
pub(super) fn advice(key: &str, schema: &Schema) -> String {
    let valid = format!("valid keys here: {}", schema.keys.join(", "));
    let problems = PROBLEMS.iter().map(|(_, schema)| schema);
    let homes: Vec<_> = (TABLES.into_iter().chain(problems))
        .filter(|table| table.keys.contains(&key))
        .map(|table| &*table.name)
        .collect();
    if !homes.is_empty() {
        let top = if homes.contains(&&*TOP.name) {
            ", above the first table"
        } else {
            ""
        };
        return format!("`{key}` belongs to {}{top}; {valid}", homes.join(" or to "));
    }
    match nearest(key, schema.keys.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {valid}"),
        None => valid,
    }
}

/// The one of `names` that `written` was probably meant to be.
pub(super) fn nearest<'n>(
    written: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    // A long text is no slip of the pen, and comparing it would take long.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_lowercase();
    let tolerance = written.chars().count().div_ceil(3);
    names
        .into_iter()
        .map(|name| (distance(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= tolerance && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Slips between two names; a name that merely breaks off counts as one.
fn distance(written: &str, name: &str) -> usize {
    let broken_off = written.len() >= 3 && (name.starts_with(written) || written.starts_with(name));
    let slips = strsim::damerau_levenshtein(written, name);
    if broken_off { slips.min(1) } else { slips }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        for (written, meant) in [
            ("replicate", Some("replicates")),
            ("Replicates", Some("replicates")),
            ("sed", Some("seed")),
            ("conf", Some("confidence")),
            ("solver", Some("solvers")),
            ("learning_rate", None),
            ("z", None),
        ] {
            assert_eq!(
                nearest(written, TOP.keys.iter().copied()),
                meant,
                "{written}"
            );
        }
        assert_eq!(nearest("k", GRID.keys.iter().copied()), Some("K"));
        assert_eq!(nearest("batch", GRID.keys.iter().copied()), Some("batch_x"));
    }

    #[test]
    fn a_key_of_another_table_is_sent_home() {
        let advice = advice("replicates", &GRID);
        assert!(
            advice.starts_with("`replicates` belongs to the top level, above the first table;"),
            "{advice}"
        );
    }
}
