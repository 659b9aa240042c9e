//! A table whose keys are all known.

use super::{
    keys::{self, Schema},
    mistake::{Mistake, Read},
    tree::{Entry, Node, Span, Value},
};

/// A table whose keys are all known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'n> {
    schema: &'static Schema,
    span: &'n Span,
    entries: &'n [Entry],
}

impl<'n> Table<'n> {
    /// Checks that `node` is a table and that `schema` has all its keys.
    pub fn new(node: &'n Node, schema: &'static Schema) -> Read<Self> {
        let table = Self::unchecked(node, schema)?;
        match table
            .entries
            .iter()
            .find(|e| !schema.keys.contains(&&*e.key))
        {
            Some(entry) => Err(unknown(entry, schema)),
            None => Ok(table),
        }
    }

    /// As [`Table::new`], whatever its keys: for those who look for a single one.
    pub fn unchecked(node: &'n Node, schema: &'static Schema) -> Read<Self> {
        match &node.value {
            Value::Table(entries) => Ok(Self {
                schema,
                span: &node.span,
                entries,
            }),
            _ => Err(Mistake::new(format!("{} must be a table", schema.name))
                .at(&node.span, format!("this is {}", node.kind()))
                .help(format!("its keys: {}", schema.keys.join(", ")))),
        }
    }

    /// A table of which nothing is written, in the place of `node`.
    pub fn empty(node: &'n Node, schema: &'static Schema) -> Self {
        Self {
            schema,
            span: &node.span,
            entries: &[],
        }
    }

    /// The value of `key`, if it is written.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// `key` with its value, if it is written.
    pub fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, which must be written; `expected` is an example of how.
    pub fn require(&self, key: &str, expected: &str) -> Read<&'n Node> {
        self.get(key).ok_or_else(|| self.lacks(key, expected))
    }

    /// That `key` must be written; `expected` is an example of how.
    pub fn lacks(&self, key: &str, expected: &str) -> Mistake {
        let mistake = Mistake::new(format!("{} lacks the key `{key}`", self.schema.name));
        let mistake = match self.span.is_empty() {
            // The whole document has no place to point at.
            true => mistake,
            false => mistake.at(self.span, format!("`{key}` is missing here")),
        };
        mistake.help(format!("for example: {expected}"))
    }
}

fn unknown(entry: &Entry, schema: &Schema) -> Mistake {
    let shown: String = entry.key.chars().take(60).collect();
    Mistake::new(format!("unknown key `{shown}` in {}", schema.name))
        .at(&entry.key_span, "unknown key")
        .help(keys::advice(&entry.key, schema))
}
