//! TOML text to a tree.

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    mistake::{Mistake, Read},
    tree::{Entry, Node, Span, Value},
};

/// Reads TOML text.
pub(super) fn read(text: &str) -> Read<Node> {
    let root = DeTable::parse(text).map_err(|error| {
        let mistake = Mistake::new(format!("not TOML: {}", error.message()));
        mistake.at_maybe(error.span().as_ref(), "here")
    })?;
    Ok(Node {
        span: 0..0,
        value: table(root.into_inner())?,
    })
}

fn node(value: Spanned<DeValue>) -> Read<Node> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Integer(integer(&number, &span)?),
        DeValue::Float(number) => Value::Float(float(number.as_str(), &span)?),
        DeValue::Boolean(bool) => Value::Bool(bool),
        DeValue::Datetime(_) => {
            let mistake = Mistake::new("a sweep has no use for dates");
            return Err(mistake.at(&span, "this is a date"));
        }
        DeValue::Array(nodes) => Value::List(nodes.into_iter().map(node).collect::<Read<_>>()?),
        DeValue::Table(entries) => table(entries)?,
    };
    Ok(Node { span, value })
}

fn table(entries: DeTable) -> Read<Value> {
    let mut entries = entries
        .into_iter()
        .map(|(key, value)| {
            Ok(Entry {
                key_span: key.span(),
                key: key.into_inner().into_owned(),
                node: node(value)?,
            })
        })
        .collect::<Read<Vec<_>>>()?;
    // The parser sorts keys by name; mistakes are reported in the order of the lines.
    entries.sort_by_key(|entry| entry.key_span.start);
    Ok(Value::Table(entries))
}

fn integer(number: &DeInteger, span: &Span) -> Read<i128> {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_err(|_| Mistake::new("this integer is out of any range").at(span, "far too large"))
}

/// Reads a number with a fraction or an exponent, and refuses infinities and what is not a number.
pub(super) fn float(text: &str, span: &Span) -> Read<f64> {
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(float),
        _ => Err(Mistake::new(format!("{text} is not a finite number")).at(span, "not finite")),
    }
}
