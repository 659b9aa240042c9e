//! A value in a row, in the two forms that programs read.

use serde::{Serialize, Serializer};

/// A value in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cli) enum Value<'a> {
    /// A name.
    Text(&'a str),
    /// A whole number.
    Count(u64),
    /// A real number.
    Size(f64),
    /// Nothing: `null` in JSON, an empty field in CSV.
    Absent,
}

impl From<Option<u64>> for Value<'_> {
    fn from(count: Option<u64>) -> Self {
        count.map_or(Self::Absent, Self::Count)
    }
}

impl From<Option<f64>> for Value<'_> {
    fn from(size: Option<f64>) -> Self {
        size.map_or(Self::Absent, Self::Size)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(count) => serializer.serialize_u64(count),
            Self::Size(size) => serializer.serialize_f64(size),
            Self::Absent => serializer.serialize_none(),
        }
    }
}

impl Value<'_> {
    /// The field of a CSV row (RFC 4180). Floats are the shortest text that reads back as the same bits.
    fn csv(&self) -> String {
        match *self {
            Self::Text(text) if text.contains(['"', ',', '\n', '\r']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Self::Text(text) => text.to_owned(),
            Self::Count(count) => count.to_string(),
            Self::Size(size) => format!("{size:?}"),
            Self::Absent => String::new(),
        }
    }
}

/// A row of CSV with its line end.
pub(in crate::cli) fn csv_line<'a>(values: impl IntoIterator<Item = Value<'a>>) -> String {
    let fields: Vec<String> = values.into_iter().map(|value| value.csv()).collect();
    fields.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let line = csv_line([
            Value::Text("plain"),
            Value::Text("a,\"b\""),
            Value::Count(3),
            Value::Size(2e-300),
            Value::Absent,
        ]);
        assert_eq!(line, "plain,\"a,\"\"b\"\"\",3,2e-300,\n");
    }
}
