//! The link against a coordinator that misbehaves on purpose.

#[path = "../fake/mod.rs"]
mod fake;
mod finding;
mod leases;
mod leaving;
mod meeting;
mod reporting;
mod runner;
mod scene;
