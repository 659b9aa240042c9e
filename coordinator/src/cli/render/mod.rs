//! Estimates as text: a table for people, JSON and CSV for programs. One answer, one list of its fields, three forms.

mod csv;
mod fields;
mod json;
mod number;
mod table;
mod troubles;
mod value;

#[cfg(test)]
mod samples;

pub use csv::csv;
pub use json::json;
pub use table::table;
pub use troubles::unit_name;
pub(super) use value::{Value, csv_line};
