//! One store, several who want it.

use crate::{
    processes::{Coordinator, Runs, Watch, assert_fails, digest, id_of, json, number, undisturbed},
    sweeps::{quadratic, slow},
};

#[test]
fn a_run_leaves_other_sweeps_of_its_store_alone() {
    let runs = Runs::new();
    let (first, second) = (
        runs.write("a.toml", slow()),
        runs.write("b.toml", quadratic()),
    );
    let (run, url) = runs.start(&first, &["--threads", "1"]);
    Watch::start(&id_of(&first), &url).until_under_way();
    run.kill();
    let unfinished = |runs: &Runs| {
        let coordinator = Coordinator::start(&runs.store());
        let status = coordinator.status(&id_of(&first));
        coordinator.process.leave();
        status
    };
    let before = unfinished(&runs);
    assert_eq!(before["state"], "running", "{before}");

    let results = json(&runs.run(&second, &[]));
    assert_eq!(digest(&results), undisturbed(&quadratic(), &[]));

    let after = unfinished(&runs);
    assert_eq!(after["state"], "running", "{after}");
    assert_eq!(number(&after, "units_done"), number(&before, "units_done"));
    assert_eq!(
        digest(&json(&runs.run(&first, &[]))),
        undisturbed(&slow(), &[])
    );
}

#[test]
fn a_store_that_is_in_use_is_refused() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", slow());
    let (run, url) = runs.start(&file, &["--threads", "1"]);
    let mut watch = Watch::start(&id_of(&file), &url);
    let second = runs.run(&file, &[]);
    let store = runs.store().display().to_string();
    assert_fails(
        &second,
        &[&store, "in use by another coordinator", "--store"],
    );
    // The first has not noticed.
    watch.until_under_way();
    run.kill();
    // Nobody has to clean up after the dead.
    json(&runs.run(&file, &[]));
}
