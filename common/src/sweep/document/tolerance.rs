//! A tolerance that tightens with the outer iteration.

use crate::spec::Tolerance;

use super::{
    keys::TOLERANCE,
    mistake::{Mistake, Read},
    scalar::{POSITIVE, RATIO, number},
    table::Table,
    tree::{Node, Value},
};

/// Reads a tolerance, or `"none"`.
pub(super) fn read(node: &Node) -> Read<Option<Tolerance>> {
    match &node.value {
        Value::Text(text) if text == "none" => Ok(None),
        Value::Table(_) => falling(node).map(Some),
        _ => {
            let expected = "a table with first and ratio, or \"none\"";
            Err(Mistake::value("tolerance", node, expected)
                .help("for example: { first = 0.01, ratio = 0.9 } for 0.01 * 0.9^k"))
        }
    }
}

fn falling(node: &Node) -> Read<Tolerance> {
    let table = Table::new(node, &TOLERANCE)?;
    let first = table.require("first", "first = 0.01")?;
    let ratio = table.require("ratio", "ratio = 0.9, or 1 for one that stays")?;
    Ok(Tolerance {
        first: number("first", first, POSITIVE)?,
        ratio: number("ratio", ratio, RATIO)?,
    })
}
