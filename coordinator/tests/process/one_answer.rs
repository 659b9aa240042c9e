//! A sweep's digest is a function of the sweep alone, however it is run.

use crate::{
    processes::{Coordinator, Runs, Worker, undisturbed},
    sweeps::{REWEIGHTING, quadratic},
};

fn served(document: &str, workers: &[&[&str]]) -> String {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", document);
    let coordinator = Coordinator::start(&runs.store());
    let workers: Vec<_> = workers
        .iter()
        .map(|options| Worker::with(&coordinator, options))
        .collect();
    let id = coordinator.submit(&file, &[]);
    let digest = coordinator.complete(&id);
    for worker in workers {
        worker.process.leave();
    }
    coordinator.process.leave();
    digest
}

fn has_one_answer(document: &str) {
    let expected = undisturbed(document, &["--threads", "1"]);
    assert_eq!(undisturbed(document, &["--threads", "2"]), expected);
    assert_eq!(undisturbed(document, &["--naive"]), expected);
    for number in [1, 2, 5] {
        let workers = vec![&["--threads", "1"][..]; number];
        assert_eq!(served(document, &workers), expected, "{number} workers");
    }
    let mixed = [&["--threads", "3"][..], &["--threads", "1", "--naive"]];
    assert_eq!(served(document, &mixed), expected);
}

#[test]
fn a_network_on_real_images() {
    has_one_answer(REWEIGHTING);
}

#[test]
fn an_analytic_problem_that_diverges_here_and_there() {
    has_one_answer(&quadratic());
}

#[test]
fn another_sweep_has_another_answer() {
    let reseeded = format!("seed = 7\n{}", quadratic());
    let digests = [quadratic(), reseeded].map(|document| undisturbed(&document, &[]));
    assert_ne!(digests[0], digests[1]);
}
