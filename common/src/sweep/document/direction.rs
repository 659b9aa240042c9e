//! Where x goes: a word, or a table with the parts of a truncated or an implicit direction.

use std::ops::RangeInclusive;

use crate::{
    spec::{AdjointStart, Batch, Direction, Implicit, Inverse, Tolerance},
    sweep::{
        MAX_PRODUCTS, MAX_T,
        words::{self, Term},
    },
};

use super::{
    choice::{Choice, Owner},
    grid::batch,
    keys::DIRECTION,
    mistake::{Mistake, Read},
    scalar::{POSITIVE, integer, word},
    table::Table,
    tolerance,
    tree::{Node, Value},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Partial,
    Unrolled,
    Truncated,
    Implicit,
}

const KINDS: [(&str, Kind); 4] = [
    ("partial", Kind::Partial),
    ("unrolled", Kind::Unrolled),
    ("truncated", Kind::Truncated),
    ("implicit", Kind::Implicit),
];

const KIND_OWNERS: [Owner; 8] = [
    ("last", &["truncated"]),
    ("inverse", &["implicit"]),
    ("steps", &["implicit"]),
    ("tolerance", &["implicit"]),
    ("eta_v", &["implicit"]),
    ("mu", &["implicit"]),
    ("start_v", &["implicit"]),
    ("batch_v", &["implicit"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Cg,
    FixedPoint,
    Neumann,
    RandomNeumann,
    Identity,
}

const INVERSES: [(&str, By); 5] = [
    ("cg", By::Cg),
    ("fixed_point", By::FixedPoint),
    ("neumann", By::Neumann),
    ("random_neumann", By::RandomNeumann),
    ("identity", By::Identity),
];

const INVERSE_OWNERS: [Owner; 5] = [
    ("steps", &["cg", "fixed_point", "neumann", "random_neumann"]),
    ("tolerance", &["cg"]),
    (
        "eta_v",
        &["fixed_point", "neumann", "random_neumann", "identity"],
    ),
    ("mu", &["neumann"]),
    ("start_v", &["cg", "fixed_point"]),
];

const STARTS: [(&str, AdjointStart); 2] =
    [("cold", AdjointStart::Cold), ("warm", AdjointStart::Warm)];

const EXAMPLE: &str =
    "direction = { inverse = \"cg\", steps = 10, start_v = \"warm\", batch_v = 1000 }";

/// Reads where x goes, over what the preset says.
pub(super) fn read(node: &Node, preset: Option<Direction>) -> Read<Direction> {
    if let Value::Table(_) = node.value {
        return table(node, preset);
    }
    let words = [
        ("partial", Direction::Partial),
        ("unrolled", Direction::Unrolled),
    ];
    word("direction", node, &words).map_err(|mistake| match &node.value {
        Value::Text(written) if written == "truncated" => {
            mistake.help("write how many steps it keeps: direction = { last = 5 }")
        }
        _ => mistake.help_or(&format!("or a table; for example: {EXAMPLE}")),
    })
}

fn table(node: &Node, preset: Option<Direction>) -> Read<Direction> {
    let table = Table::new(node, &DIRECTION)?;
    let kind = match table.get("kind") {
        Some(written) => word("kind", written, &KINDS)?,
        None => implied(&table, preset.as_ref())?,
    };
    let name = name(&KINDS, kind);
    let before = preset.as_ref().map(words::direction);
    let choice = Choice::new(table, ("kind", name), &KIND_OWNERS, before)?;
    match kind {
        Kind::Partial => Ok(Direction::Partial),
        Kind::Unrolled => Ok(Direction::Unrolled),
        Kind::Truncated => truncated(&choice),
        Kind::Implicit => {
            let preset = preset.as_ref().and_then(Direction::implicit);
            implicit(table, preset).map(Direction::Implicit)
        }
    }
}

/// The kind that other keys belong to, else the preset's.
fn implied(table: &Table, preset: Option<&Direction>) -> Read<Kind> {
    let has = |key| table.get(key).is_some();
    match preset {
        _ if has("inverse") => Ok(Kind::Implicit),
        _ if has("last") => Ok(Kind::Truncated),
        Some(Direction::Implicit(_)) => Ok(Kind::Implicit),
        Some(Direction::Truncated { .. }) => Ok(Kind::Truncated),
        Some(Direction::Partial | Direction::Unrolled) | None => {
            Err(table.lacks("inverse", EXAMPLE))
        }
    }
}

fn truncated(choice: &Choice) -> Read<Direction> {
    let range = 1..=MAX_T;
    let last = choice.maybe("last", |node| integer("last", node, &range), Term::count)?;
    Ok(Direction::Truncated {
        last: choice.require("last", last, "last = 5")?,
    })
}

fn implicit(table: Table, preset: Option<&Implicit>) -> Read<Implicit> {
    let by = match (table.get("inverse"), preset) {
        (Some(written), _) => word("inverse", written, &INVERSES)?,
        (None, Some(preset)) => by(&preset.inverse),
        (None, None) => return Err(table.lacks("inverse", EXAMPLE)),
    };
    let before = preset.map(|&preset| words::direction(&Direction::Implicit(preset)));
    let chosen = ("inverse", name(&INVERSES, by));
    let choice = Choice::new(table, chosen, &INVERSE_OWNERS, before)?;
    let batch_v = match table.get("batch_v") {
        Some(node) => Some(batch("batch_v", node)?),
        None => preset.map(|preset| preset.batch_v),
    };
    Ok(Implicit {
        inverse: inverse(by, &choice)?,
        batch_v: choice.require::<Batch>("batch_v", batch_v, "batch_v = 1000, or \"all\"")?,
    })
}

fn inverse(by: By, choice: &Choice) -> Read<Inverse> {
    let eta_v = || {
        let eta_v = choice.maybe_number("eta_v", POSITIVE)?;
        choice.require("eta_v", eta_v, "eta_v = 0.5")
    };
    let start_v = || choice.word("start_v", &STARTS, AdjointStart::Cold);
    let some = 1..=MAX_PRODUCTS;
    Ok(match by {
        By::Cg => Inverse::Cg {
            steps: steps(choice, &some)?,
            tolerance: until(choice)?,
            start_v: start_v()?,
        },
        By::FixedPoint => Inverse::FixedPoint {
            steps: steps(choice, &some)?,
            eta_v: eta_v()?,
            start_v: start_v()?,
        },
        By::Neumann => neumann(choice, eta_v()?)?,
        By::RandomNeumann => Inverse::RandomNeumann {
            steps: steps(choice, &some)?,
            eta_v: eta_v()?,
        },
        By::Identity => Inverse::Identity { eta_v: eta_v()? },
    })
}

fn neumann(choice: &Choice, eta_v: f64) -> Read<Inverse> {
    let geometric = choice.maybe_number("mu", POSITIVE)?;
    if let Some(mu) = geometric.filter(|mu| eta_v * mu >= 1.0) {
        let message = format!("mu = {mu}: expected less than 1 / eta_v = {}", 1.0 / eta_v);
        let written = choice.table().get("mu").or(choice.table().get("eta_v"));
        return Err(Mistake::new(message)
            .at_maybe(written.map(|node| &node.span), "batches would not shrink"));
    }
    Ok(Inverse::Neumann {
        steps: steps(choice, &(0..=MAX_PRODUCTS))?,
        eta_v,
        geometric,
    })
}

fn steps(choice: &Choice, range: &RangeInclusive<u32>) -> Read<u32> {
    let steps = choice.maybe("steps", |node| integer("steps", node, range), Term::count)?;
    choice.require("steps", steps, "steps = 10")
}

fn until(choice: &Choice) -> Read<Option<Tolerance>> {
    let of_preset = |term: Term| term.falling().map(Some);
    let written = choice.maybe("tolerance", tolerance::read, of_preset)?;
    Ok(written.flatten())
}

fn by(inverse: &Inverse) -> By {
    match inverse {
        Inverse::Cg { .. } => By::Cg,
        Inverse::FixedPoint { .. } => By::FixedPoint,
        Inverse::Neumann { .. } => By::Neumann,
        Inverse::RandomNeumann { .. } => By::RandomNeumann,
        Inverse::Identity { .. } => By::Identity,
    }
}

fn name<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    let found = words.iter().find(|(_, other)| *other == value);
    found.map_or("", |(name, _)| name)
}
