//! (in work)
pub mod render;
pub mod trajectory_rows;
