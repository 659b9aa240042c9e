//! JSON text to a tree.
//!
//! serde_json keeps no places, but it can lend out the raw text of a value; where that text lies within the document
//! is the place.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    mistake::{Mistake, Read},
    toml::float,
    tree::{Entry, Node, Span, Value},
};

/// Deeper documents are refused; a sweep needs five levels.
const MAX_DEPTH: usize = 16;

/// Reads JSON text.
pub(super) fn read(text: &str) -> Read<Node> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
    Reader { text }.node(raw, 0)
}

fn syntax(text: &str, error: &serde_json::Error) -> Mistake {
    let line_start: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let offset = line_start + error.column().saturating_sub(1);
    Mistake::new(format!("not JSON: {error}")).at(&(offset..offset + 1), "here")
}

struct Reader<'t> {
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn span(&self, raw: &'t RawValue) -> Span {
        let start = raw.get().as_ptr().addr() - self.text.as_ptr().addr();
        start..start + raw.get().len()
    }

    fn node(&self, raw: &'t RawValue, depth: usize) -> Read<Node> {
        let span = self.span(raw);
        if depth > MAX_DEPTH {
            return Err(Mistake::new("the document is nested too deeply").at(&span, "here"));
        }
        let value = match raw.get().as_bytes().first() {
            Some(b'"') => Value::Text(self.part(raw)?),
            Some(b'{') => self.table(raw, depth)?,
            Some(b'[') => self.list(raw, depth)?,
            Some(b't' | b'f') => Value::Bool(self.part(raw)?),
            Some(b'n') => {
                let mistake = Mistake::new("a sweep has no use for null").at(&span, "null");
                return Err(mistake.help("leave the key out to get its default"));
            }
            _ => number(raw.get(), &span)?,
        };
        Ok(Node { span, value })
    }

    fn list(&self, raw: &'t RawValue, depth: usize) -> Read<Value> {
        let raws: Vec<&'t RawValue> = self.lent(raw)?;
        let nodes = raws.into_iter().map(|raw| self.node(raw, depth + 1));
        Ok(Value::List(nodes.collect::<Read<_>>()?))
    }

    fn table(&self, raw: &'t RawValue, depth: usize) -> Read<Value> {
        let mut entries: Vec<Entry> = Vec::new();
        for (key, value) in self.lent::<Pairs>(raw)?.0 {
            let key_span = self.span(key);
            let key: String = self.part(key)?;
            let node = self.node(value, depth + 1)?;
            entries.push(Entry {
                key,
                key_span,
                node,
            });
        }
        refuse_repeated(&entries)?;
        Ok(Value::Table(entries))
    }

    fn part<T: DeserializeOwned>(&self, raw: &'t RawValue) -> Read<T> {
        self.lent(raw)
    }

    fn lent<T: Deserialize<'t>>(&self, raw: &'t RawValue) -> Read<T> {
        serde_json::from_str(raw.get())
            .map_err(|error| Mistake::new(format!("not JSON: {error}")).at(&self.span(raw), "here"))
    }
}

fn number(text: &str, span: &Span) -> Read<Value> {
    match text.parse() {
        Ok(integer) => Ok(Value::Integer(integer)),
        Err(_) => float(text, span).map(Value::Float),
    }
}

fn refuse_repeated(entries: &[Entry]) -> Read<()> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| &entry.key);
    match sorted.windows(2).find(|pair| pair[0].key == pair[1].key) {
        Some(pair) => Err(Mistake::new(format!("duplicate key `{}`", pair[0].key))
            .at(&pair[0].key_span, "first here")
            .at(&pair[1].key_span, "and again here")),
        None => Ok(()),
    }
}

/// An object as it is written: in order, with repeated keys.
struct Pairs<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Pairs<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(PairsVisitor).map(Pairs)
    }
}
