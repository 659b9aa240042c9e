//! What is offered to those who watch: numbers that are right, and a dashboard, alerts and a runbook that fit them.

mod outcomes;
mod samples;
#[path = "../support/scrape.rs"]
mod scrape;
mod spans;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/sweeps.rs"]
mod sweeps;

use std::sync::Arc;

use bistable_coordinator::monitor::Watch;
use bistable_worker::{
    link::Tally,
    monitor::{Monitor, Watched},
};
use support::World;

/// A monitor at some port.
async fn monitor(watched: Arc<dyn Watched>) -> Monitor {
    let anywhere = ([127, 0, 0, 1], 0).into();
    Monitor::start(anywhere, watched).await.expect("a port")
}

/// The monitor of a coordinator.
async fn of_coordinator(world: &World) -> Monitor {
    let watch = Watch::default();
    watch.serves(world.server.inside());
    monitor(Arc::new(watch)).await
}

/// The monitor of a worker that has yet to begin.
async fn of_worker() -> Monitor {
    monitor(Arc::new(Tally::default())).await
}
