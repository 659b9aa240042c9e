//! `[data]`: where the samples come from.

use std::path::PathBuf;

use crate::{ids::Hash, spec::ProblemSpec};

use super::{
    DataSource,
    keys::DATA,
    mistake::{Mistake, Read},
    scalar::{text, word},
    table::Table,
    tree::{Entry, Node, Span},
};

const BUNDLED: [(&str, ()); 1] = [("mnist5k", ())];
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

fn named(node: &Node) -> Read<Data> {
    let table = Table::new(node, &DATA)?;
    let written: Vec<_> = DATA
        .keys
        .iter()
        .filter_map(|key| table.entry(key))
        .collect();
    match written.as_slice() {
        [entry] => Ok(Data {
            source: source(&entry.key, &entry.node)?,
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
        "one of: source = \"mnist5k\" (bundled), dir = \"a folder of IDX files\", hash = \"64 hexadecimal digits\"",
    )
}

fn source(key: &str, node: &Node) -> Read<DataSource> {
    match key {
        "source" => word(key, node, &BUNDLED)
            .map(|()| DataSource::Bundled)
            .map_err(|mistake| mistake.help_or("a folder is written dir = \"path\"")),
        "dir" => Ok(DataSource::Dir(PathBuf::from(text(
            key,
            node,
            MAX_PATH_CHARS,
        )?))),
        _ => hash(key, node).map(DataSource::Hash),
    }
}

fn hash(key: &str, node: &Node) -> Read<Hash> {
    let digits = text(key, node, 64).ok();
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Mistake::value(key, node, "64 hexadecimal digits"))
}
