//! stub
mod lease;
mod time;
pub use lease::{Failure, Fate, Lease, UnitRange};
pub use time::Timestamp;
