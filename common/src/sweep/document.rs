//! STAND-IN: reads canonical JSON only. To be replaced by the document's parser.
#![allow(missing_docs)]

use std::{fmt, path::PathBuf};

use miette::Diagnostic;

use super::Sweep;
use crate::ids::Hash;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Toml,
    Json,
}

#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSource {
    Bundled,
    Dir(PathBuf),
    Hash(Hash),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataInfo {
    pub hash: Hash,
    pub samples: u32,
    pub features: u32,
    pub classes: u32,
    pub name: String,
}

pub trait Catalog {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String>;
}

#[derive(Debug)]
pub struct DocumentError(String);

impl DocumentError {
    pub fn render(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DocumentError {}
impl Diagnostic for DocumentError {}

pub fn parse(source: &Source, _catalog: &dyn Catalog) -> Result<Sweep, DocumentError> {
    Sweep::from_canonical_json(source.text)
        .map_err(|error| DocumentError(format!("{}: {error}", source.name)))
}

pub fn data_source(_source: &Source) -> Result<Option<DataSource>, DocumentError> {
    Ok(None)
}

pub fn with_data_hash(source: &Source, _hash: Hash) -> Result<String, DocumentError> {
    Ok(source.text.to_owned())
}
