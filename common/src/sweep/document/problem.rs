//! `[problem]`: which bilevel problem, with its parameters.

use std::ops::RangeInclusive;

use crate::spec::{
    ProblemSpec,
    numbers::Numbers,
    parameters::{Conflict, MAX_LAYERS, MAX_WIDTH, Visitor},
};

use super::{
    keys::{self, PROBLEM},
    mistake::{Mistake, Read},
    scalar::{integer, number, one_of, word},
    table::Table,
    tree::{Node, Value},
};

/// Reads `[problem]`.
pub(super) fn read(node: &Node) -> Read<ProblemSpec> {
    let mut problem = kind(node)?;
    let table = Table::new(node, keys::of_problem(problem.name()))?;
    let mut reader = Reader {
        table: &table,
        mistake: None,
    };
    problem.parameters(&mut reader);
    if let Some(mistake) = reader.mistake {
        return Err(mistake);
    }
    problem
        .conflict()
        .map_err(|conflict| told(&table, conflict))?;
    Ok(problem)
}

fn kind(node: &Node) -> Read<ProblemSpec> {
    let all = ProblemSpec::defaults();
    let names: Vec<_> = all.iter().map(ProblemSpec::name).collect();
    let Some(kind) = Table::unchecked(node, &PROBLEM)?.get("kind") else {
        return Err(Mistake::new("[problem] lacks the key `kind`")
            .at(&node.span, "`kind` is missing here")
            .help(format!("kind = {}", one_of(&names))));
    };
    let words: Vec<_> = names.into_iter().zip(&all).collect();
    word("kind", kind, &words).cloned()
}

fn told(table: &Table, conflict: Conflict) -> Mistake {
    let mut mistake = Mistake::new(conflict.message);
    for (key, label) in conflict.keys {
        mistake = mistake.at_maybe(table.get(key).map(|node| &node.span), label);
    }
    mistake.help(conflict.help)
}

/// Reads the parameters that are written; the others keep their values.
struct Reader<'t, 'n> {
    table: &'t Table<'n>,
    /// The first.
    mistake: Option<Mistake>,
}

impl<'n> Reader<'_, 'n> {
    fn read<T>(&mut self, key: &str, value: &mut T, read: impl FnOnce(&'n Node) -> Read<T>) {
        let written = self.table.get(key).filter(|_| self.mistake.is_none());
        match written.map(read) {
            Some(Ok(read)) => *value = read,
            Some(Err(mistake)) => self.mistake = Some(mistake),
            None => {}
        }
    }
}

impl Visitor for Reader<'_, '_> {
    fn integer(&mut self, key: &'static str, value: &mut u32, range: RangeInclusive<u32>) {
        self.read(key, value, |node| integer(key, node, &range));
    }

    fn seed(&mut self, key: &'static str, value: &mut u64) {
        self.read(key, value, |node| integer(key, node, &(0..=u64::MAX)));
    }

    fn number(&mut self, key: &'static str, value: &mut f64, range: Numbers) {
        self.read(key, value, |node| number(key, node, range));
    }

    fn number_or(
        &mut self,
        key: &'static str,
        word: &'static str,
        value: &mut Option<f64>,
        range: Numbers,
    ) {
        self.read(key, value, |node| match &node.value {
            Value::Text(text) if text == word => Ok(None),
            Value::Integer(_) | Value::Float(_) => number(key, node, range).map(Some),
            _ => {
                let expected = format!("\"{word}\", or {}", range.expected);
                Err(Mistake::value(key, node, expected))
            }
        });
    }

    fn optional(&mut self, key: &'static str, value: &mut Option<f64>, range: Numbers) {
        self.read(key, value, |node| number(key, node, range).map(Some));
    }

    fn exclude(&mut self, key: &'static str, other: &'static str) {
        if let (Some(one), Some(second), None) = (
            self.table.entry(key),
            self.table.entry(other),
            &self.mistake,
        ) {
            self.mistake = Some(
                Mistake::new(format!("`{key}` is another way to write `{other}`"))
                    .at(&one.key_span, "one")
                    .at(&second.key_span, "another")
                    .help("leave one of them out"),
            );
        }
    }

    fn word(&mut self, key: &'static str, words: &[&'static str], chosen: &mut usize) {
        let positions = words.iter().enumerate();
        let words: Vec<_> = positions
            .map(|(position, word)| (*word, position))
            .collect();
        self.read(key, chosen, |node| word(key, node, &words));
    }

    fn widths(&mut self, key: &'static str, layers: &mut Vec<u32>) {
        self.read(key, layers, |node| widths(key, node));
    }
}

/// Unlike an axis of the grid, a list of widths may repeat itself.
fn widths(key: &str, node: &Node) -> Read<Vec<u32>> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.len() > MAX_LAYERS {
        let expected = format!("the widths of at most {MAX_LAYERS} hidden layers");
        return Err(Mistake::value(key, node, expected));
    }
    let width = |node| integer(key, node, &(1..=MAX_WIDTH));
    nodes.iter().map(width).collect()
}
