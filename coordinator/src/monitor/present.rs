//! What is so at the moment of a scrape. Made anew for each, so that nothing is said of workers that have gone.

use std::sync::atomic::AtomicU64;

use bistable_worker::monitor::Labels;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::{
    board::{Survey, SweepState, WorkerSurvey},
    dispatch::Queues,
};

type Gauges = Family<Labels<1>, Gauge>;

const STATES: [SweepState; 5] = [
    SweepState::Running,
    SweepState::Paused,
    SweepState::Complete,
    SweepState::Cancelled,
    SweepState::Stuck,
];

fn state(state: SweepState) -> Labels<1> {
    let name = match state {
        SweepState::Running => "running",
        SweepState::Paused => "paused",
        SweepState::Complete => "complete",
        SweepState::Cancelled => "cancelled",
        SweepState::Stuck => "stuck",
    };
    [("state", name)]
}

fn set(gauges: &Gauges, labels: Labels<1>, value: u64) {
    gauges.get_or_create(&labels).set(signed(value));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(signed(value));
    registry.register(name, help, gauge);
}

/// Whether the coordinator is ready.
pub(super) fn register_readiness(registry: &mut Registry, ready: bool) {
    let help = "Whether the store is open and answers, 1 or 0, as /readyz says";
    gauge(registry, "ready", help, ready.into());
}

/// Whether this coordinator leads.
pub(super) fn register_role(registry: &mut Registry, leads: bool) {
    let help = "Whether this coordinator leads, 1 or 0; only the one that does knows of units, sweeps, leases and workers";
    gauge(registry, "leader", help, leads.into());
}

/// Commands and reports that wait.
pub(super) fn register_queues(registry: &mut Registry, queues: Queues) {
    let gauges = Gauges::default();
    set(&gauges, [("queue", "commands")], queues.commands as u64);
    set(&gauges, [("queue", "results")], queues.results as u64);
    let help = "Messages that wait for the coordinator's loop (commands) or for the store's writer (results)";
    registry.register("queue_length", help, gauges);
}

/// What the board says.
pub(super) fn register_survey(registry: &mut Registry, survey: Survey) {
    register_units(registry, &survey);
    let sweeps = Gauges::default();
    for known in STATES {
        let count = survey.sweeps.iter().filter(|(_, state)| *state == known);
        set(&sweeps, state(known), count.count() as u64);
    }
    registry.register("sweeps", "Sweeps by state", sweeps);
    gauge(registry, "leases", "Leases that are out", survey.leases);
    let workers = survey.workers.len() as u64;
    gauge(registry, "workers", "Workers that have a session", workers);
    let help = "Threads of all workers together, a lease each at a time";
    gauge(registry, "slots", help, survey.slots);
    register_workers(registry, survey.workers);
}

fn register_units(registry: &mut Registry, survey: &Survey) {
    let units = Gauges::default();
    let counts = survey.units;
    for (state, count) in [
        ("done", counts.done),
        ("leased", counts.leased),
        ("pending", counts.pending),
        ("quarantined", counts.quarantined),
        ("conflicting", counts.conflicting),
    ] {
        set(&units, [("state", state)], count);
    }
    let help = "Units of all sweeps by state; pending ones of cancelled sweeps are not counted";
    registry.register("units", help, units);
    let work = Gauge::<f64, AtomicU64>::default();
    work.set(survey.remaining_seconds);
    let help = "Predicted time of the work that is wanted, on one thread: units that are pending or leased at the measured cost of their cell, of cells without one at the mean of their sweep's others, of sweeps without any at 1 s; of paused sweeps only what is leased";
    registry.register_with_unit("remaining_work", help, Unit::Seconds, work);
}

/// The labels are the workers' own words; their number is that of the sessions.
fn register_workers(registry: &mut Registry, workers: Vec<WorkerSurvey>) {
    type Labels = [(&'static str, String); 2];
    let units = Family::<Labels, Counter>::default();
    let seconds = Family::<Labels, Counter<f64, AtomicU64>>::default();
    for worker in workers {
        let labels = [("worker", worker.worker.0), ("host", worker.host)];
        units.get_or_create(&labels).inc_by(worker.units);
        seconds
            .get_or_create(&labels)
            .inc_by(worker.compute_seconds);
    }
    let help = "Units of which a worker brought the first result, since it opened its session";
    registry.register("worker_units", help, units);
    let help = "Time that computing them took, by the worker's word";
    registry.register_with_unit("worker_compute", help, Unit::Seconds, seconds);
}
