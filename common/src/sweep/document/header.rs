//! The keys at the top level that are not tables.

use crate::{
    spec::{Precision, ProblemSpec},
    sweep::{
        Indices, Replace,
        facts::{MAX_COUNT, MAX_SAMPLES},
    },
};

use super::{
    grid::SAMPLES,
    mistake::{Mistake, Read},
    scalar::{LEVEL, integer, number, text, word},
    table::Table,
    tree::{Node, Value},
};

const MAX_NAME_CHARS: usize = 200;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_TEST: u32 = 1000;
const DEFAULT_CONFIDENCE: f64 = 0.95;
const PRECISIONS: [(&str, Precision); 2] = [("f32", Precision::F32), ("f64", Precision::F64)];

const REPLACES: [(&str, Replace); 2] = [
    ("validation", Replace::Validation),
    ("training", Replace::Training),
];

/// The keys at the top level that are not tables.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub name: String,
    pub replicates: u32,
    pub seed: u64,
    pub replace: Replace,
    pub indices: Indices,
    pub test: u32,
    /// `None`: the problem's default.
    pub precision: Option<Precision>,
    pub confidence: f64,
}

impl Header {
    /// Reads them.
    pub fn read(top: &Table) -> Read<Self> {
        let name = top.require("name", "name = \"my-sweep\"")?;
        let replicates = top.require("replicates", "replicates = 3")?;
        Ok(Self {
            name: text("name", name, MAX_NAME_CHARS)?.to_owned(),
            replicates: integer("replicates", replicates, &(1..=MAX_COUNT))?,
            seed: match top.get("seed") {
                Some(node) => integer("seed", node, &(0..=u64::MAX))?,
                None => DEFAULT_SEED,
            },
            replace: match top.get("replace") {
                Some(node) => word("replace", node, &REPLACES)?,
                None => Replace::Validation,
            },
            indices: top.get("indices").map_or(Ok(Indices::All), indices)?,
            test: match top.get("test") {
                Some(node) => integer("test", node, &SAMPLES)?,
                None => DEFAULT_TEST,
            },
            precision: match top.get("precision") {
                Some(node) => Some(word("precision", node, &PRECISIONS)?),
                None => None,
            },
            confidence: match top.get("confidence") {
                Some(node) => number("confidence", node, LEVEL)?,
                None => DEFAULT_CONFIDENCE,
            },
        })
    }

    /// The precision it is computed in.
    pub fn precision(&self, problem: &ProblemSpec) -> Precision {
        self.precision.unwrap_or_else(|| problem.traits().precision)
    }
}

fn indices(node: &Node) -> Read<Indices> {
    match &node.value {
        Value::Text(text) if text == "all" => Ok(Indices::All),
        Value::Integer(_) => integer("indices", node, &(0..=MAX_SAMPLES)).map(Indices::Count),
        _ => Err(
            Mistake::value("indices", node, "\"all\" or a number of indices")
                .help("indices = 0 runs the base runs only"),
        ),
    }
}
