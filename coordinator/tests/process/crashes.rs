//! Processes that die change nothing but time.

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    processes::{
        Coordinator, Running, Runs, Watch, Worker, digest, id_of, json, number, undisturbed,
    },
    scene::Scene,
    sweeps::slow,
};

#[test]
fn a_worker_killed_in_the_middle_of_a_unit() {
    let mut scene = Scene::of(slow());
    let first = Worker::start(&scene.coordinator);
    scene.watch.until_under_way();
    first.process.kill();
    // The coordinator notices; what was leased is pending again, and nothing that was done is lost.
    let noticed = scene
        .watch
        .until(|status| number(status, "units_leased") == 0);
    assert_eq!(noticed["state"], "running", "{noticed}");
    assert!(number(&noticed, "units_done") > 0, "{noticed}");
    let second = Worker::start(&scene.coordinator);
    scene.completes();
    second.process.leave();
}

#[test]
fn one_of_two_workers_killed() {
    let (mut scene, [victim, survivor]) = Scene::with_workers(slow(), [(); 2]);
    let both = |status: &Value| number(status, "workers") == 2 && number(status, "units_done") > 0;
    scene.watch.until(both);
    victim.process.kill();
    scene.watch.until(|status| number(status, "workers") == 1);
    scene.completes();
    survivor.process.leave();
}

#[test]
fn a_worker_that_leaves_hands_its_units_back() {
    let mut scene = Scene::of(slow());
    let worker = Worker::start(&scene.coordinator);
    scene.watch.until_under_way();
    worker.process.leave();
    let status = scene.coordinator.status(&scene.id);
    assert_eq!(status["state"], "running", "{status}");
    assert_eq!(number(&status, "units_leased"), 0, "{status}");
    assert_eq!(status["last_error"], Value::Null, "{status}");
    scene.coordinator.process.leave();
}

/// Ends a run in the middle by `end`, and runs it again.
fn a_run_ended_by(end: impl FnOnce(Running)) {
    let document = slow();
    let expected = undisturbed(&document, &[]);
    let runs = Runs::new();
    let file = runs.write("sweep.toml", &document);
    let id = id_of(&file);
    let (run, url) = runs.start(&file, &["--threads", "1"]);
    let before = Watch::start(&id, &url).until_under_way();
    end(run);

    // A coordinator without workers shows what the store holds.
    let coordinator = Coordinator::start(&runs.store());
    let kept = coordinator.status(&id);
    assert!(
        number(&kept, "units_done") >= number(&before, "units_done"),
        "{kept}"
    );
    assert!(
        number(&kept, "units_done") < number(&kept, "units_total"),
        "{kept}"
    );
    coordinator.process.leave();

    let (again, url) = runs.start(&file, &["--threads", "1"]);
    let first = Watch::start(&id, &url).until(|_| true);
    assert!(
        number(&first, "units_done") >= number(&kept, "units_done"),
        "{first}"
    );
    again.end(Signal::KILL);
    let last = runs.run(&file, &[]);
    assert_eq!(digest(&json(&last)), expected);
}

#[test]
fn a_run_that_is_killed_goes_on() {
    a_run_ended_by(Running::kill);
}

#[test]
fn a_run_that_is_interrupted_goes_on() {
    a_run_ended_by(|run| {
        let (code, log) = run.end(Signal::INT);
        assert_eq!(code, Some(130), "{log}");
        assert!(log.contains("run the same command again"), "{log}");
        assert!(!log.contains("WARN"), "{log}");
    });
}

#[test]
fn a_complete_run_is_not_run_again() {
    let document = slow();
    let runs = Runs::new();
    let file = runs.write("sweep.toml", &document);
    let first = json(&runs.run(&file, &[]));
    // Nobody is there who could compute it again.
    let coordinator = Coordinator::start(&runs.store());
    let id = coordinator.submit(&file, &[]);
    let (last, code) = coordinator.watch(&id).last();
    assert_eq!((&last["state"], code), (&"complete".into(), Some(0)));
    coordinator.process.leave();
    assert_eq!(json(&runs.run(&file, &[])), first);
}

#[test]
fn a_coordinator_killed_while_its_worker_lives() {
    let scene = Scene::of(slow());
    let worker = Worker::start(&scene.coordinator);
    let scene = scene.with_next_coordinator();
    scene.completes();
    let (code, log) = worker.process.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}
