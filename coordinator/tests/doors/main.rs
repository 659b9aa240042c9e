//! Who is let in, and how much they may ask for: real servers, real processes, right and wrong tokens.

#![cfg(unix)]

mod calls;
#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/clock.rs"]
mod clock;
mod filling;
#[path = "../support/images.rs"]
mod images;
mod leaks;
mod limits;
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
#[path = "../support/processes.rs"]
mod processes;
mod roles;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/sweeps.rs"]
mod sweeps;
#[path = "../support/uploads.rs"]
mod uploads;
mod withdrawn;
