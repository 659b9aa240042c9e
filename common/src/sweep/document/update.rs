//! What becomes of a direction before a step: a word, or a table with its parameters.

use crate::{
    spec::{Method, Update},
    sweep::{
        MAX_MEMORY,
        words::{self, Term},
    },
};

use super::{
    choice::{Choice, Owner},
    keys::UPDATE,
    mistake::{Mistake, Read},
    scalar::{DECAY, FINITE, POSITIVE, RATIO, integer, number, word},
    table::Table,
    tree::{Node, Value},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Plain,
    Averaged,
    Adam,
    Lbfgs,
}

const METHODS: [(&str, By); 4] = [
    ("plain", By::Plain),
    ("averaged", By::Averaged),
    ("adam", By::Adam),
    ("lbfgs", By::Lbfgs),
];

const OWNERS: [Owner; 5] = [
    ("beta", &["averaged"]),
    ("beta1", &["adam"]),
    ("beta2", &["adam"]),
    ("epsilon", &["adam"]),
    ("memory", &["lbfgs"]),
];

/// Reads an update, over what the preset says.
pub(super) fn read(key: &str, node: &Node, preset: &Update) -> Read<Update> {
    let before = words::update(preset);
    let (table, by) = match &node.value {
        Value::Table(_) => {
            let table = Table::new(node, &UPDATE)?;
            let by = match table.get("method") {
                Some(written) => word("method", written, &METHODS)?,
                None => named(before.chosen("method")),
            };
            (table, by)
        }
        Value::Text(_) => (Table::empty(node, &UPDATE), word(key, node, &METHODS)?),
        _ => {
            let expected = "a method, or a table with one";
            return Err(Mistake::value(key, node, expected).help(
                "for example: \"adam\", or { method = \"averaged\", beta = 0.9, clip = 10 }",
            ));
        }
    };
    let chosen = METHODS.iter().find(|(_, other)| *other == by);
    let chosen = ("method", chosen.map_or("", |(name, _)| name));
    let choice = Choice::new(table, chosen, &OWNERS, Some(before))?;
    Ok(Update {
        method: method(by, &choice)?,
        clip: choice.maybe_number("clip", POSITIVE)?,
        clamp: choice.maybe("clamp", clamp, Term::pair)?,
    })
}

fn named(method: Option<&str>) -> By {
    let found = METHODS.iter().find(|(name, _)| Some(*name) == method);
    found.map_or(By::Plain, |(_, by)| *by)
}

fn method(by: By, choice: &Choice) -> Read<Method> {
    Ok(match by {
        By::Plain => Method::Plain,
        By::Averaged => Method::Averaged {
            beta: choice.number("beta", RATIO, 0.9)?,
        },
        By::Adam => Method::Adam {
            beta1: choice.number("beta1", DECAY, 0.9)?,
            beta2: choice.number("beta2", DECAY, 0.999)?,
            epsilon: choice.number("epsilon", POSITIVE, 1e-8)?,
        },
        By::Lbfgs => Method::Lbfgs {
            memory: choice.maybe("memory", memory, Term::count)?.unwrap_or(10),
        },
    })
}

fn memory(node: &Node) -> Read<u32> {
    integer("memory", node, &(1..=MAX_MEMORY))
}

fn clamp(node: &Node) -> Read<[f64; 2]> {
    let limits = match &node.value {
        Value::List(nodes) => match nodes.as_slice() {
            [low, high] => [
                number("clamp", low, FINITE)?,
                number("clamp", high, FINITE)?,
            ],
            _ => [0.0; 2],
        },
        _ => [0.0; 2],
    };
    match limits[0] < limits[1] {
        true => Ok(limits),
        false => Err(Mistake::value(
            "clamp",
            node,
            "two numbers, the smaller first, such as [-10, 6]",
        )),
    }
}
