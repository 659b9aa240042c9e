//! The sweep document: from the TOML or JSON text that a user wrote to the checked [`Sweep`].
//!
//! Text becomes a tree whose values know their places (`toml`, `json`, `tree`); tables and scalars are read out of it
//! (`table`, `scalar`, `axis`); each section has a file (`header`, `problem`, `data`, `grid`, `solver` with its `parts`
//! and `step`); `expand` multiplies solvers by the grid. A mistake carries its place, so that the error can show it.
//! Nothing here opens a file: a [`Catalog`] says what a data source is.

mod ascent;
mod axis;
mod check;
mod choice;
mod data;
mod direction;
mod error;
mod expand;
mod fit;
mod grid;
mod header;
mod json;
mod keys;
mod mistake;
mod parts;
mod problem;
mod scalar;
mod solver;
mod step;
mod table;
mod tolerance;
mod toml;
mod tree;
mod update;

use std::path::PathBuf;

pub use error::DocumentError;

use crate::ids::Hash;

use super::Sweep;

/// The largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// The language of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON, with the same keys.
    Json,
}

/// A document as it was written.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file's name, for messages.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
    /// Its language.
    pub format: Format,
}

/// What a document may name as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSource {
    /// The data set that comes with Bistable, `mnist5k`.
    Bundled,
    /// A folder of IDX files, or a file of samples.
    Path(PathBuf, Reading),
    /// A data set that whoever resolves it has already.
    Hash(Hash),
}

/// How a file of samples is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Its format, if the document says it.
    pub format: Option<DataFormat>,
    /// Which column of a CSV file holds the labels.
    pub label: Option<LabelColumn>,
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFormat {
    /// A folder of MNIST-style IDX files.
    Idx,
    /// LIBSVM's sparse text.
    Libsvm,
    /// Comma-separated values.
    Csv,
    /// PNG pictures in folders, a folder a class, or a tar archive of those.
    Pictures,
}

/// A column of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelColumn {
    /// By its name in the header.
    Name(String),
    /// By its position, from 0.
    Position(u32),
}

/// A data set, as far as a sweep depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataInfo {
    /// Hash of its content.
    pub hash: Hash,
    /// Number of samples.
    pub samples: u32,
    /// Features of a sample.
    pub features: u32,
    /// Classes of the labels.
    pub classes: u32,
    /// What people call it.
    pub name: String,
}

/// Whoever knows data sets: a client knows folders, a coordinator knows hashes.
pub trait Catalog {
    /// The data set that `source` names, or why there is none, as a sentence for the user.
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String>;
}

/// Reads a document and checks everything in it.
pub fn parse(source: &Source, catalog: &dyn Catalog) -> Result<Sweep, DocumentError> {
    check::sweep(source, catalog).map_err(|mistakes| DocumentError::new(source, mistakes))
}

/// The data source that a document names, before anything else in it is checked, so that a client can load it;
/// `None` where the problem generates its samples.
pub fn data_source(source: &Source) -> Result<Option<DataSource>, DocumentError> {
    check::data_source(source).map_err(|mistake| DocumentError::new(source, vec![mistake]))
}

/// The document as JSON text, with `hash` for its data, so that a coordinator can read it without the client's files.
/// Nothing but the data is checked or filled in.
pub fn with_data_hash(source: &Source, hash: Hash) -> Result<String, DocumentError> {
    check::with_data_hash(source, hash).map_err(|mistake| DocumentError::new(source, vec![mistake]))
}
