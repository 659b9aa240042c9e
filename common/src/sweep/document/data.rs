//! `[data]`: where the samples come from.

use std::path::PathBuf;

use crate::{ids::Hash, spec::ProblemSpec};

use super::{
    DataFormat, DataSource, LabelColumn, Reading,
    keys::DATA,
    mistake::{Mistake, Read},
    scalar::{integer, text, word},
    table::Table,
    tree::{Entry, Node, Span, Value},
};

const BUNDLED: [(&str, ()); 1] = [("mnist5k", ())];
const FORMATS: [(&str, DataFormat); 4] = [
    ("idx", DataFormat::Idx),
    ("libsvm", DataFormat::Libsvm),
    ("csv", DataFormat::Csv),
    ("pictures", DataFormat::Pictures),
];
const MAX_PATH_CHARS: usize = 4096;

/// A data source, and where it is written if it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Data {
    pub source: DataSource,
    pub span: Option<Span>,
}

/// Reads `[data]`, which a problem that generates its samples must not have; `None` for such a problem.
pub(super) fn read(entry: Option<&Entry>, problem: &ProblemSpec) -> Read<Option<Data>> {
    match (entry, problem.traits().needs_data) {
        (None, false) => Ok(None),
        (None, true) => Ok(Some(Data {
            source: DataSource::Bundled,
            span: None,
        })),
        (Some(entry), true) => named(&entry.node).map(Some),
        (Some(entry), false) => {
            let message = format!("the problem `{}` uses no data set", problem.name());
            Err(Mistake::new(message)
                .at(&entry.key_span, "not needed")
                .help("its samples are generated; leave [data] out"))
        }
    }
}

/// The keys of which exactly one is written.
const SOURCES: [&str; 4] = ["source", "dir", "path", "hash"];

fn named(node: &Node) -> Read<Data> {
    let table = Table::new(node, &DATA)?;
    let written: Vec<_> = SOURCES.iter().filter_map(|key| table.entry(key)).collect();
    match written.as_slice() {
        [entry] => Ok(Data {
            source: source(entry, &table)?,
            span: Some(entry.node.span.clone()),
        }),
        [] => Err(one_key("[data] names no data set").at(&node.span, "empty")),
        [first, second, ..] => Err(one_key("[data] names more than one data set")
            .at(&first.key_span, "one")
            .at(&second.key_span, "another")),
    }
}

fn one_key(message: &str) -> Mistake {
    Mistake::new(message).help(
        "one of: source = \"mnist5k\" (bundled), dir = \"a folder of IDX files\", path = \"a LIBSVM or CSV file\", hash = \"64 hexadecimal digits\"",
    )
}

fn source(entry: &Entry, table: &Table) -> Read<DataSource> {
    let (key, node) = (entry.key.as_str(), &entry.node);
    let reading = reading(table)?;
    if key != "path"
        && let Some(entry) = table.entry("format").or_else(|| table.entry("label"))
    {
        let message = format!("`{}` says how the file of `path` is read", entry.key);
        return Err(Mistake::new(message)
            .at(&entry.key_span, "belongs to `path`")
            .help(format!("leave it out beside `{key}`")));
    }
    match key {
        "source" => word(key, node, &BUNDLED)
            .map(|()| DataSource::Bundled)
            .map_err(|mistake| mistake.help_or("a folder is written dir = \"path\"")),
        "dir" | "path" => {
            let path = PathBuf::from(text(key, node, MAX_PATH_CHARS)?);
            Ok(DataSource::Path(path, reading))
        }
        _ => hash(key, node).map(DataSource::Hash),
    }
}

fn reading(table: &Table) -> Read<Reading> {
    let format = table.get("format");
    let format = format
        .map(|node| word("format", node, &FORMATS))
        .transpose()?;
    let label = table.get("label").map(label).transpose()?;
    match (table.get("label"), format) {
        (Some(node), Some(DataFormat::Idx | DataFormat::Libsvm | DataFormat::Pictures)) => {
            Err(Mistake::new("`label` names a column of a CSV file")
                .at(&node.span, "this format has none"))
        }
        _ => Ok(Reading { format, label }),
    }
}

fn label(node: &Node) -> Read<LabelColumn> {
    match &node.value {
        Value::Text(_) => {
            text("label", node, MAX_PATH_CHARS).map(|name| LabelColumn::Name(name.to_owned()))
        }
        Value::Integer(_) => integer("label", node, &(0..=u32::MAX)).map(LabelColumn::Position),
        _ => {
            let expected = "a column's name, or its position from 0";
            Err(Mistake::value("label", node, expected))
        }
    }
}

fn hash(key: &str, node: &Node) -> Read<Hash> {
    let digits = text(key, node, 64).ok();
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Mistake::value(key, node, "64 hexadecimal digits"))
}
