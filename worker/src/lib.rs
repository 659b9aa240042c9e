//! Runs coupled bilevel optimizers.
//!
//! The numerics ([`kernel`], [`problem`], [`solver`], [`coupled`]) are synchronous and deterministic and know no clock and
//! no socket; [`mod@unit`] is their one entry. [`link`] is the other side: it leases, beats and reports.

pub mod cli;
pub mod coupled;
pub mod data;
mod journal;
pub mod kernel;
pub mod link;
pub mod monitor;
pub mod problem;
pub mod setting;
pub mod solver;
pub mod tls;
pub mod unit;

#[cfg(test)]
#[path = "../../common/tests/fuzz/engine/mod.rs"]
mod fuzzing;
#[cfg(test)]
mod testing;
