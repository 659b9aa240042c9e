//! What coordinators and workers say of themselves, compared with what they did.

use rustix::process::Signal;

use crate::{
    postgres::Server,
    processes::{Coordinator, Daemon, Runs, Worker, number},
    scrape::{Scrape, get},
    sweeps::slow,
};

const MONITORED: [&str; 4] = ["--threads", "1", "--monitor", "127.0.0.1:0"];

/// A worker, its monitor's address, and its name.
fn worker(coordinator: &Coordinator, cache: &tempfile::TempDir) -> (Daemon, String) {
    let mut daemon = Worker::seeking(&coordinator.url, cache, &MONITORED);
    let monitor = daemon.wait_for("monitor on http://");
    assert_eq!(get(&monitor, "/livez").0, 200);
    daemon.wait_for("working for");
    // It says so a moment before it has its session at hand.
    while get(&monitor, "/readyz").0 != 200 {}
    (daemon, monitor)
}

fn units(scrape: &Scrape, state: &str) -> f64 {
    scrape.value(&format!("bistable_units{{state=\"{state}\"}}"))
}

fn accepted(scrape: &Scrape) -> f64 {
    scrape.value("bistable_reports_total{outcome=\"accepted\"}")
}

#[test]
fn every_number_is_what_was_done() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", slow());
    let (coordinator, monitor) = Coordinator::monitored(&runs.store());
    let idle = Scrape::of(&monitor);
    idle.check();
    assert_eq!(idle.sum("bistable_units"), 0.0);
    assert_eq!(idle.value("bistable_leader"), 1.0);
    assert_eq!(idle.value("bistable_terms_total"), 1.0);
    assert_eq!(idle.value("bistable_remaining_work_seconds"), 0.0);

    let (id, mut watch) = coordinator.submit_watched(&file);
    let before = Scrape::of(&monitor);
    assert_eq!(
        (units(&before, "pending"), before.sum("bistable_units")),
        (20.0, 20.0)
    );
    assert_eq!(before.value("bistable_remaining_work_seconds"), 20.0);
    assert_eq!(before.value("bistable_sweeps{state=\"running\"}"), 1.0);
    assert_eq!(before.value("bistable_workers"), 0.0);

    let caches = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (victim, _) = worker(&coordinator, &caches[0]);
    watch.until_under_way();
    let during = Scrape::of(&monitor);
    during.check();
    assert_eq!(during.sum("bistable_units"), 20.0);
    assert_eq!(during.value("bistable_workers"), 1.0);
    assert_eq!(during.value("bistable_slots"), 1.0);
    assert!(during.value("bistable_connections") >= 2.0);
    assert!(during.value("bistable_leases") >= 1.0);
    let (series, brought) = during
        .named("bistable_worker_units_total")
        .next()
        .expect("a worker");
    let host = format!("host=\"{}\"", bistable_worker::link::host_name());
    assert!(series.contains(&host), "{series}");
    // A result may be on its way from the store to the board.
    let on_its_way = accepted(&during) - brought;
    assert!((0.0..=1.0).contains(&on_its_way), "{during:?}");

    victim.signal(Signal::KILL);
    watch.until(|status| number(status, "units_leased") == 0);
    let lost = Scrape::of(&monitor);
    assert_eq!(lost.value("bistable_workers_lost_total"), 1.0);
    assert_eq!(
        lost.value("bistable_failed_attempts_total{kind=\"worker_lost\"}"),
        1.0
    );
    let taken_back = lost.value("bistable_releases_total");
    assert!(taken_back >= 1.0);
    assert_eq!(units(&lost, "pending"), 20.0 - units(&lost, "done"));
    assert_eq!(
        lost.named("bistable_worker_units_total").count(),
        0,
        "it is gone"
    );
    drop(victim);

    let (survivor, own) = worker(&coordinator, &caches[1]);
    coordinator.complete(&id);
    let after = Scrape::of(&monitor);
    after.check();
    assert_eq!(
        (units(&after, "done"), after.sum("bistable_units")),
        (20.0, 20.0)
    );
    assert_eq!(accepted(&after), 20.0);
    assert_eq!(after.sum("bistable_reports_total"), 20.0);
    assert_eq!(after.value("bistable_releases_total"), taken_back);
    assert_eq!(after.value("bistable_remaining_work_seconds"), 0.0);
    assert_eq!(after.value("bistable_sweeps{state=\"complete\"}"), 1.0);
    let granted = after.value("bistable_leases_granted_total");
    assert!(granted > lost.value("bistable_leases_granted_total"));
    let commits = after.value("bistable_commit_seconds_count{what=\"results\"}");
    assert!((1.0..=20.0).contains(&commits), "{commits}");

    // The second worker did the rest, and says so itself.
    let rest = 20.0 - accepted(&lost);
    assert_eq!(after.sum("bistable_worker_units_total"), rest);
    // The last acknowledgement is on its way to it.
    while Scrape::of(&own).value("bistable_unacknowledged_units") > 0.0 {}
    let said = Scrape::of(&own);
    said.check();
    assert_eq!(said.value("bistable_computed_units_total"), rest);
    assert_eq!(
        (
            said.value("bistable_session"),
            said.value("bistable_sessions_total")
        ),
        (1.0, 1.0)
    );
    let (there, here) = (
        after.sum("bistable_worker_compute_seconds_total"),
        said.value("bistable_compute_seconds_total"),
    );
    assert!(0.0 < there && there <= here + 1e-3, "{there} of {here}");

    // Sweeps have no names here.
    let (_, text) = get(&monitor, "/metrics");
    assert!(!text.contains(&id) && !text.contains("slow"), "{text}");
    survivor.signal(Signal::TERM);
    let (code, log) = coordinator.process.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
}

/// A coordinator on a database, and its monitor.
fn on_database(database: &str) -> (Daemon, String) {
    let options = ["--monitor", "127.0.0.1:0"];
    let mut daemon = Coordinator::daemon("127.0.0.1:0", database, &options);
    let monitor = daemon.wait_for("monitor on http://");
    daemon.wait_for("coordinator on ");
    (daemon, monitor)
}

#[test]
fn readiness_is_the_store_s_whoever_leads() {
    let server = Server::start();
    let database = server.database();
    let (_leader, first) = on_database(&database);
    let (_standby, second) = on_database(&database);
    let roles = [&first, &second].map(|monitor| Scrape::of(monitor).value("bistable_leader"));
    assert_eq!(roles, [1.0, 0.0]);
    assert_eq!(
        Scrape::of(&second).named("bistable_units").count(),
        0,
        "it does not know"
    );
    assert!(Scrape::of(&first).value("bistable_term") >= 1.0);
    let all = |expected: u16| {
        for monitor in [&first, &second] {
            let (status, why) = get(monitor, "/readyz");
            assert_eq!(status, expected, "{why}");
            assert!(!why.contains("postgres") && !why.contains('/'), "{why}");
            assert_eq!(get(monitor, "/livez").0, 200, "no reason to end it");
        }
    };
    all(200);
    server.kill();
    all(503);
    server.start_again();
    all(200);
}

#[test]
fn a_worker_without_a_coordinator_lives_and_is_not_ready() {
    let cache = tempfile::tempdir().expect("a folder");
    let mut worker = Worker::seeking("http://127.0.0.1:1", &cache, &MONITORED);
    let monitor = worker.wait_for("monitor on http://");
    assert_eq!(get(&monitor, "/livez").0, 200);
    assert_eq!(get(&monitor, "/readyz").0, 503);
    assert_eq!(Scrape::of(&monitor).value("bistable_session"), 0.0);
}
