//! Workers that hang, run out of time, are told to go, or outlive their coordinator.

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    processes::{Coordinator, Running, Runs, Worker, bistable, number, stderr},
    scene::Scene,
    sweeps::{also_slow, endless, slow},
};

#[test]
fn a_hanging_worker_is_replaced_and_comes_back() {
    let mut scene = Scene::of(slow());
    let hanging = Worker::start(&scene.coordinator);
    scene.watch.until_under_way();
    hanging.process.signal(Signal::STOP);
    // Nothing tells the coordinator but silence.
    let leased = |status: &Value| number(status, "units_leased") > 0;
    scene.watch.until(|status| !leased(status));
    let second = Worker::start(&scene.coordinator);
    scene.watch.until(leased);
    // It finds its session gone and its lease somebody else's, and goes on with what it is given.
    hanging.process.signal(Signal::CONT);
    scene.completes();
    let (code, log) = hanging.process.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    second.process.leave();
}

#[test]
fn a_worker_goes_on_with_its_lease_under_the_next_coordinator() {
    let scene = Scene::of(slow());
    let worker = Worker::start(&scene.coordinator);
    let scene = scene.with_next_coordinator();
    scene.completes();
    let status = scene.coordinator.status(&scene.id);
    assert_eq!(status["last_error"], Value::Null, "{status}");
    worker.process.end(Signal::TERM);
    let log = scene.coordinator.process.leave();
    // One that it works on, and perhaps one to go on with.
    let presented = ["leases=1", "leases=2"].map(|count| log.contains(count));
    assert!(presented != [false; 2], "it presents what it holds: {log}");
    assert!(!log.contains("a unit failed"), "{log}");
}

#[test]
fn a_worker_leaves_when_its_time_is_up() {
    let mut scene = Scene::of(endless());
    // Time enough to start on a busy machine; the unit would take hours.
    let options = ["--threads", "1", "--grace", "2s", "--max-runtime", "20s"];
    let limited = Worker::with(&scene.coordinator, &options);
    scene
        .watch
        .until(|status| number(status, "units_leased") > 0);
    let (code, log) = limited.process.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("time for this worker is up"), "{log}");
    let left = scene.coordinator.status(&scene.id);
    assert_eq!(number(&left, "units_leased"), 0, "{left}");
    let log = scene.coordinator.process.leave();
    assert!(!log.contains("a unit failed"), "{log}");
}

#[test]
fn a_worker_that_is_told_twice_ends_at_once() {
    let mut scene = Scene::of(endless());
    let cache = tempfile::tempdir().expect("a folder");
    let options = ["--threads", "1", "--grace", "2h"];
    let mut worker = Worker::daemon(&scene.coordinator.url, &cache, &options);
    let leased = |status: &Value| number(status, "units_leased") > 0;
    scene.watch.until(leased);
    worker.signal(Signal::TERM);
    worker.wait_for("told to end");
    let (code, log) = Running::from(worker).end(Signal::TERM);
    assert_eq!(code, Some(130), "{log}");
    scene.watch.until(|status| !leased(status));
}

#[test]
fn a_worker_without_time_to_work_says_so() {
    let output = bistable(["worker", "--grace", "1h", "--max-runtime", "30m"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("raise --max-runtime"));
    let output = bistable(["worker", "--max-runtime", "soon"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("3h50m"));
}

#[test]
fn an_urgent_sweep_is_measured_first() {
    let runs = Runs::new();
    let patient = runs.write("patient.toml", slow());
    let urgent = runs.write("urgent.toml", also_slow());
    let coordinator = Coordinator::start(&runs.store());
    let patient = coordinator.submit(&patient, &[]);
    let urgent = coordinator.submit(&urgent, &["--priority", "5"]);
    assert_eq!(coordinator.status(&urgent)["priority"], 5);
    let worker = Worker::start(&coordinator);
    coordinator.complete(&urgent);
    let status = coordinator.status(&patient);
    assert!(
        number(&status, "units_done") < number(&status, "units_total"),
        "{status}"
    );
    worker.process.leave();
}
