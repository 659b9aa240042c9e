//! The vocabulary of Bistable, shared by workers and coordinators.
//!
//! This crate says what a sweep is ([`sweep`]), which parts a solver is made of ([`spec`]), how a sweep is cut into
//! units ([`plan`]), where every random number comes from ([`draw`]), what a unit returns and how its facts are hashed
//! ([`trajectory`]), and how all of it looks on the wire ([`wire`]), and what proves who asks
//! ([`token`]). It is pure: no clock, no socket, no file.

pub mod draw;
pub mod ids;
pub mod plan;
pub mod spec;
pub mod sweep;
pub mod token;
pub mod trajectory;
pub mod wire;
