//! Several sweeps at once, and what clients do to them.

use crate::{
    processes::{Coordinator, Runs, Worker, assert_fails, json, number, undisturbed},
    sweeps::{REWEIGHTING, also_slow, quadratic, slow},
};

#[test]
fn a_cancelled_sweep_stands_still_and_revives_while_another_goes_on() {
    let documents = [slow(), also_slow()];
    let expected = [0, 1].map(|i: usize| undisturbed(&documents[i], &[]));
    let runs = Runs::new();
    let files = [0, 1].map(|i: usize| runs.write(&format!("{i}.toml"), &documents[i]));
    let coordinator = Coordinator::start(&runs.store());
    let [(dropped, mut first), (kept, mut second)] = files
        .each_ref()
        .map(|file| coordinator.submit_watched(file));
    let worker = Worker::with(&coordinator, &["--threads", "2"]);
    first.until_under_way();
    second.until_under_way();

    let cancelled = json(&coordinator.ask(&["cancel", &dropped, "--json"]));
    assert_eq!(cancelled["state"], "cancelled");
    let (last, code) = coordinator.watch(&dropped).last();
    assert_eq!((&last["state"], code), (&"cancelled".into(), Some(1)));
    assert_eq!(coordinator.complete(&kept), expected[1]);
    // The unit that was under way came too late, and counts no more than those that were never begun.
    let status = coordinator.status(&dropped);
    assert_eq!(status["units_done"], last["units_done"], "{status}");
    assert!(
        number(&status, "units_done") < number(&status, "units_total"),
        "{status}"
    );
    assert_eq!(number(&status, "units_leased"), 0, "{status}");
    let partial = coordinator.results(&dropped);
    assert_eq!(partial["digest"], serde_json::Value::Null);

    let again = json(&coordinator.ask(&["submit", files[0].to_str().expect("a path"), "--json"]));
    assert_eq!(
        (&again["id"], &again["existed"]),
        (&dropped.as_str().into(), &true.into())
    );
    assert_eq!(coordinator.complete(&dropped), expected[0]);
    worker.process.leave();
}

#[test]
fn a_deleted_sweep_is_forgotten_at_once() {
    let runs = Runs::new();
    let files = [("0", slow()), ("1", also_slow())];
    let files = files.map(|(name, document)| runs.write(&format!("{name}.toml"), document));
    let coordinator = Coordinator::start(&runs.store());
    let [(gone, mut watch), (kept, _)] = files
        .each_ref()
        .map(|file| coordinator.submit_watched(file));
    let worker = Worker::start(&coordinator);
    watch.until_under_way();
    let deleted = json(&coordinator.ask(&["delete", &gone, "--json"]));
    assert_eq!(deleted["deleted"], true);
    for command in ["results", "watch", "export", "cancel", "delete"] {
        assert_fails(&coordinator.ask(&[command, &gone]), &[&gone]);
    }
    coordinator.complete(&kept);
    let left = coordinator.list();
    assert_eq!(left.len(), 1, "{left:?}");

    // Submitted again, it starts from nothing.
    let waiting = coordinator.submit(&files[0], &[]);
    assert_eq!(waiting, gone);
    assert_eq!(coordinator.list().len(), 2);
    worker.process.leave();
}

#[test]
fn a_paused_sweep_waits_for_its_resumption() {
    let runs = Runs::new();
    let files = [
        runs.write("paused.toml", quadratic()),
        runs.write("other.toml", REWEIGHTING),
    ];
    let coordinator = Coordinator::start(&runs.store());
    let [paused, other] = files.each_ref().map(|file| coordinator.submit(file, &[]));
    let status = json(&coordinator.ask(&["pause", &paused, "--json"]));
    assert_eq!(status["state"], "paused");
    let worker = Worker::start(&coordinator);
    coordinator.complete(&other);
    let status = coordinator.status(&paused);
    assert_eq!(status["state"], "paused", "{status}");
    assert_eq!(number(&status, "units_done"), 0, "{status}");
    json(&coordinator.ask(&["resume", &paused, "--json"]));
    assert_eq!(
        coordinator.complete(&paused),
        undisturbed(&quadratic(), &[])
    );
    worker.process.leave();
}
