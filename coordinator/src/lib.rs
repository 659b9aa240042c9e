//! The Bistable coordinator: it leases units to workers, keeps what they report, and answers questions about it.
//!
//! One crate, one user-facing binary. See the README's architecture section for how the modules fit together.

pub mod board;
pub mod cli;
pub mod client;
pub mod dispatch;
pub mod estimate;
#[cfg(test)]
#[path = "../../common/tests/fuzz/engine/mod.rs"]
mod fuzzing;
mod guard;
mod lead;
mod machine;
pub mod monitor;
pub mod plot;
#[cfg(test)]
mod random;
pub mod rpc;
pub mod server;
#[cfg(test)]
mod simulation;
pub mod spans;
pub mod store;
