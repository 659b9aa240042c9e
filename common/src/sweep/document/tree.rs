//! A document as a tree in which every value knows where it was written, whichever language it was written in.

use std::ops::Range;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// Where something was written: byte offsets into the document.
pub(super) type Span = Range<usize>;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

/// A value. Dates and nulls are refused on the way in, since no key takes one; so are numbers that are not finite.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table, with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

/// Longer texts are cut where a message quotes them.
const QUOTED_CHARS: usize = 60;

impl Node {
    /// The value as a message quotes it.
    pub fn quoted(&self) -> String {
        match &self.value {
            Value::Text(text) => quote(text),
            Value::Integer(integer) => integer.to_string(),
            Value::Float(float) => format!("{float:?}"),
            Value::Bool(bool) => bool.to_string(),
            Value::List(_) => "[..]".to_owned(),
            Value::Table(_) => "{..}".to_owned(),
        }
    }

    /// What kind of value it is, with its article.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Bool(_) => "a boolean",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// `text` in quotes, cut if it is long.
pub(super) fn quote(text: &str) -> String {
    if text.chars().count() <= QUOTED_CHARS {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(QUOTED_CHARS).collect();
    format!("{:?}", head + "..")
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(integer) => serializer.serialize_i128(*integer),
            Value::Float(float) => serializer.serialize_f64(*float),
            Value::Bool(bool) => serializer.serialize_bool(*bool),
            Value::List(nodes) => {
                let mut list = serializer.serialize_seq(Some(nodes.len()))?;
                for node in nodes {
                    list.serialize_element(node)?;
                }
                list.end()
            }
            Value::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    map.serialize_entry(&entry.key, &entry.node)?;
                }
                map.end()
            }
        }
    }
}
