//! A checked sweep. Its fields cannot be wrong: the only ways in are [`parse`], which reads what a user wrote, and
//! [`Sweep::from_canonical_json`], which reads what another Bistable process wrote and checks it again.

mod facts;
// mod document; // the document as written, its errors and its expansion

pub use facts::{Cell, Facts, Indices, InvalidFacts, SCHEME, SolverName, Sweep};
