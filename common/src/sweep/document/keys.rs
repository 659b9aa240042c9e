//! Every key a document may have, by the table it is in.

/// A table of the document: how messages call it, and its keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schema {
    pub name: &'static str,
    pub keys: &'static [&'static str],
}

pub(super) const TOP: Schema = Schema {
    name: "the top level",
    keys: &[
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
    ],
};

pub(super) const REWEIGHTING: Schema = Schema {
    name: "[problem] of kind reweighting",
    keys: &["kind", "hidden", "activation", "l2", "noise"],
};

pub(super) const HYPER_CLEANING: Schema = Schema {
    name: "[problem] of kind hyper_cleaning",
    keys: &["kind", "l2", "noise"],
};

pub(super) const QUADRATIC: Schema = Schema {
    name: "[problem] of kind quadratic",
    keys: &[
        "kind", "dim_x", "dim_y", "mu_f", "l_f", "mu_g", "l_g", "mean", "noise", "seed",
    ],
};

pub(super) const DATA: Schema = Schema {
    name: "[data]",
    keys: &["source", "dir", "hash"],
};

pub(super) const GRID: Schema = Schema {
    name: "[grid]",
    keys: &["m1", "m2", "K", "T", "eta_x", "eta_y", "batch_x", "batch_y"],
};

pub(super) const SOLVER: Schema = Schema {
    name: "[[solvers]]",
    keys: &[
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
    ],
};

pub(super) const STEP: Schema = Schema {
    name: "a step size",
    keys: &[
        "rule", "c", "clock", "exponent", "ratio", "l", "divisor", "floor", "bound", "lower",
        "decrease", "shrink", "reset", "slack",
    ],
};

pub(super) const DIRECTION: Schema = Schema {
    name: "a direction",
    keys: &[
        "kind",
        "last",
        "inverse",
        "steps",
        "tolerance",
        "eta_v",
        "mu",
        "start_v",
        "batch_v",
    ],
};

pub(super) const TOLERANCE: Schema = Schema {
    name: "a tolerance",
    keys: &["first", "ratio"],
};

pub(super) const UPDATE: Schema = Schema {
    name: "an update",
    keys: &[
        "method", "beta", "beta1", "beta2", "epsilon", "memory", "clip", "clamp",
    ],
};

const TABLES: [&Schema; 11] = [
    &TOP,
    &REWEIGHTING,
    &HYPER_CLEANING,
    &QUADRATIC,
    &DATA,
    &GRID,
    &SOLVER,
    &STEP,
    &DIRECTION,
    &TOLERANCE,
    &UPDATE,
];

/// What to do about a key that `schema` does not have.
pub(super) fn advice(key: &str, schema: &Schema) -> String {
    let valid = format!("valid keys here: {}", schema.keys.join(", "));
    let homes: Vec<_> = TABLES
        .iter()
        .filter(|table| table.keys.contains(&key))
        .map(|table| table.name)
        .collect();
    if !homes.is_empty() {
        let top = if homes.contains(&TOP.name) {
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
