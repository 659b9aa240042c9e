//! The command line.

pub mod render;
pub mod trajectory_rows;
