//! Coordinators, workers and clients as processes of their own, which meet on sockets and die at bad moments.

#![cfg(unix)]

#[path = "../support/certificates.rs"]
mod certificates;
mod crashes;
mod data;
mod database;
mod failover;
#[path = "../support/images.rs"]
mod images;
mod logging;
mod monitor;
mod one_answer;
mod outputs;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/processes.rs"]
mod processes;
mod scene;
#[path = "../support/scrape.rs"]
mod scrape;
mod steering;
mod store;
#[path = "../support/sweeps.rs"]
mod sweeps;
mod tls;
#[cfg(feature = "otel")]
mod traces;
mod trust;
