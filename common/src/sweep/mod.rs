//! A checked sweep. Its fields cannot be wrong: the only ways in are [`parse`], which reads what a user wrote, and
//! [`Sweep::from_canonical_json`], which reads what another Bistable process wrote and checks it again.

mod document;
mod facts;
mod ranges;
pub mod words;

pub use document::{
    Catalog, DataFormat, DataInfo, DataSource, DocumentError, Format, LabelColumn,
    MAX_DOCUMENT_BYTES, Reading, Source, data_source, parse, with_data_hash,
};
pub use facts::{
    Cell, Facts, Indices, InvalidFacts, MAX_BATCH, MAX_CANONICAL_BYTES, MAX_COUNT, MAX_K,
    MAX_SAMPLES, MAX_T, SCHEME, SolverName, Sweep,
};
pub use ranges::{MAX_MEMORY, MAX_PRODUCTS};
