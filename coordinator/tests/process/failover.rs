//! Coordinators on one PostgreSQL database: one leads, another takes over, and no result is lost or counted twice.

use rustix::process::Signal;

use crate::{
    postgres::{Server, name_of},
    processes::{
        Coordinator, Daemon, Running, Runs, Watch, Worker, assert_fails, bistable, digest, id_of,
        json, number, stderr, undisturbed,
    },
    sweeps::{quadratic, slow, slower},
};

/// The epoch that follows the first one when that has run out.
const RUN_OUT: &str = "2";

/// The epoch that follows the first one when its leader has resigned, which needs an epoch of its own.
const RESIGNED: &str = "3";

/// A leader, a standby, and workers in the middle of a sweep.
struct Cluster {
    server: Server,
    database: String,
    leader: (Daemon, String),
    standby: (Daemon, String),
    workers: Vec<Worker>,
    id: String,
    watch: Watch,
}

impl Cluster {
    fn in_the_middle_of(document: &str) -> Self {
        Self::with_workers(2, document)
    }

    fn with_workers(workers: usize, document: &str) -> Self {
        let server = Server::start();
        let database = server.database();
        let leader = Coordinator::serve("127.0.0.1:0", &database);
        let standby = Coordinator::serve("127.0.0.1:0", &database);
        let urls = format!("{},{}", leader.1, standby.1);
        let workers = (0..workers).map(|_| Worker::of(&urls, &["--threads", "1"]));
        let workers = workers.collect();
        let runs = Runs::new();
        let file = runs.write("sweep.toml", document);
        // Told to the one that stands by, which says who leads.
        let submit = ["submit", file.to_str().expect("a path"), "--json"];
        let submitted = json(&bistable(
            [&submit[..], &["--coordinator", &standby.1]].concat(),
        ));
        let id = submitted["id"].as_str().expect("an identifier").to_owned();
        let mut watch = Watch::start(&id, &urls);
        watch.until_under_way();
        Self {
            server,
            database,
            leader,
            standby,
            workers,
            id,
            watch,
        }
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql(name_of(&self.database), sql)
    }

    /// Waits until the standby leads, which tells by its epoch how the leader went.
    fn taken_over(&mut self, epoch: &str) {
        assert_eq!(self.standby.0.wait_for("leading epoch="), epoch);
        let done = self.sql("SELECT count(*) FROM results");
        assert_ne!(done, "20", "the sweep was over before the leader was");
    }

    /// Sees the sweep to its end, without anyone telling the watcher where to look; returns its digest.
    fn digest(self) -> String {
        let (last, code) = self.watch.last();
        assert_eq!(last["state"], "complete", "{last}");
        assert_eq!(code, Some(0));
        let results = [
            "results",
            &self.id,
            "--json",
            "--coordinator",
            &self.standby.1,
        ];
        let digest = digest(&json(&bistable(results)));
        for worker in self.workers {
            let (code, log) = worker.process.end(Signal::TERM);
            assert_eq!(code, Some(0), "{log}");
            assert!(!log.contains("ERROR"), "{log}");
        }
        let units = "SELECT count(*), (SELECT count(*) FROM conflicts) FROM results";
        assert_eq!(self.server.sql(name_of(&self.database), units), "20|0");
        digest
    }
}

#[test]
fn a_standby_takes_over_from_a_killed_leader() {
    let document = slow();
    let mut cluster = Cluster::in_the_middle_of(&document);
    cluster.leader.0.signal(Signal::KILL);
    cluster.taken_over(RUN_OUT);
    assert_eq!(cluster.digest(), undisturbed(&document, &[]));
}

/// What was leased when the leader died, and what is written about leases from then on.
const WITNESSES: &str = "
CREATE TABLE held AS SELECT * FROM leases;
CREATE TABLE written AS SELECT ''::text AS how, leases.* FROM leases LIMIT 0;
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO written VALUES (TG_OP, NEW.*);
    RETURN NEW;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION witness();
SELECT count(*) FROM held";

/// Leases from before the leader's death that live longer since.
const KEPT: &str = "
SELECT count(DISTINCT token) FROM held JOIN written USING (token, worker, attempt)
WHERE how = 'UPDATE' AND written.deadline_ms > held.deadline_ms";

/// Leases since the leader's death that have units of leases from before.
const LEASED_AGAIN: &str = "
SELECT count(*) FROM held JOIN written USING (sweep, cell, replicate)
WHERE how = 'INSERT' AND written.first_block < held.end_block AND held.first_block < written.end_block";

#[test]
fn leases_of_a_killed_leader_are_kept_by_the_next_one() {
    // The worker is in the middle of a unit when it has a leader again.
    let document = slower();
    let mut cluster = Cluster::with_workers(1, &document);
    // Nothing is finished while nobody leads.
    cluster.workers[0].process.signal(Signal::STOP);
    cluster.leader.0.signal(Signal::KILL);
    let held = cluster.sql(WITNESSES);
    assert_ne!(held, "0");
    cluster.taken_over(RUN_OUT);
    cluster.workers[0].process.signal(Signal::CONT);
    let joined = cluster.standby.0.wait_for("a worker joined");
    assert!(joined.ends_with(&format!("leases={held}")), "{joined}");

    let (last, code) = cluster.watch.last();
    assert_eq!(last["state"], "complete", "{last}");
    assert_eq!(code, Some(0));
    let results = [
        "results",
        &cluster.id,
        "--json",
        "--coordinator",
        &cluster.standby.1,
    ];
    let results = json(&bistable(results));
    assert_eq!(digest(&results), undisturbed(&document, &[]));
    let sql = |sql: &str| cluster.server.sql(name_of(&cluster.database), sql);
    assert_eq!(sql(KEPT), held);
    assert_eq!(sql(LEASED_AGAIN), "0");
    assert_eq!(sql("SELECT count(*) FROM results"), "6");
    assert_eq!(sql("SELECT count(*) FROM failures"), "0");
    let (_, log) = Running::from(cluster.standby.0).end(Signal::TERM);
    assert!(!log.contains("a unit failed"), "{log}");
}

#[test]
fn a_leader_that_hangs_is_replaced_and_stands_by_when_it_wakes() {
    let document = slow();
    let mut cluster = Cluster::in_the_middle_of(&document);
    cluster.leader.0.signal(Signal::STOP);
    cluster.taken_over(RUN_OUT);
    cluster.leader.0.signal(Signal::CONT);
    cluster.leader.0.wait_for("no longer leading");
    let follows = cluster.leader.0.wait_for("standing by; ");
    assert_eq!(follows, format!("{} leads", cluster.standby.1));
    let (old, id) = (cluster.leader.1.clone(), cluster.id.clone());
    let status = json(&bistable(["list", "--json", "--coordinator", &old]));
    assert_eq!(status[0]["id"], *id, "{status}");
    let expected = undisturbed(&document, &[]);
    let woken = std::mem::replace(
        &mut cluster.leader.0,
        Coordinator::serve("127.0.0.1:0", &cluster.database).0,
    );
    assert_eq!(cluster.digest(), expected);
    drop(woken);
}

#[test]
fn a_leader_that_leaves_resigns_and_is_replaced() {
    let document = slow();
    let mut cluster = Cluster::in_the_middle_of(&document);
    cluster.leader.0.signal(Signal::TERM);
    cluster.taken_over(RESIGNED);
    assert_eq!(cluster.digest(), undisturbed(&document, &[]));
}

#[test]
fn clients_wait_for_the_next_leader() {
    let server = Server::start();
    let database = server.database();
    let (leader, _) = Coordinator::serve("127.0.0.1:0", &database);
    let standbys = [0, 1].map(|_| Coordinator::serve("127.0.0.1:0", &database));
    let urls = standbys.each_ref().map(|(_, url)| url.as_str()).join(",");
    leader.signal(Signal::KILL);
    let runs = Runs::new();
    let file = runs.write("sweep.toml", slow());
    let file = file.to_str().expect("a path");
    let submitted = bistable(["submit", file, "--json", "--coordinator", &urls]);
    assert_eq!(json(&submitted)["existed"], false);
}

#[test]
fn clients_go_on_to_a_coordinator_that_can_answer() {
    let server = Server::start();
    let (mut cut_off, unable) = Coordinator::serve("127.0.0.1:0", &server.database());
    server.kill();
    cut_off.wait_for("no longer leading");
    let runs = Runs::new();
    let file = runs.write("sweep.toml", quadratic());
    let expected = json(&runs.run(&file, &[]));
    let able = Coordinator::start(&runs.store());
    let urls = format!("{unable},{}", able.url);
    let id = id_of(&file);
    let (last, code) = Watch::start(&id, &urls).last();
    assert_eq!((&last["state"], code), (&"complete".into(), Some(0)));
    let results = bistable(["results", &id, "--json", "--coordinator", &urls]);
    assert_eq!(json(&results), expected);
}

#[test]
fn what_was_acknowledged_survives_the_death_of_the_database() {
    let document = slow();
    let server = Server::start();
    let database = server.database();
    let (daemon, url) = Coordinator::serve("127.0.0.1:0", &database);
    let coordinator = Coordinator {
        url,
        process: Running::from(daemon),
    };
    let worker = Worker::start(&coordinator);
    let runs = Runs::new();
    let id = coordinator.submit(&runs.write("sweep.toml", &document), &[]);
    let mut watch = coordinator.watch(&id);
    for (done, over) in [(2, false), (6, true)] {
        let before = watch.until(|status| number(status, "units_done") >= done);
        // The worker goes on while there is no database, so that everything may be done the second time.
        assert!(
            over || number(&before, "units_done") < 20,
            "the sweep was over before the database was: {before}"
        );
        server.kill();
        server.start_again();
        let kept = server.sql(name_of(&database), "SELECT count(*) FROM results");
        let kept: u64 = kept.parse().expect("a number");
        assert!(
            kept >= number(&before, "units_done"),
            "{kept} are left of {before}"
        );
    }
    assert_eq!(coordinator.complete(&id), undisturbed(&document, &[]));
    worker.process.end(Signal::TERM);
}

#[test]
fn run_works_on_a_database_that_nobody_leads() {
    let document = slow();
    let server = Server::start();
    let database = server.database();
    let runs = Runs::new();
    let file = runs.write("sweep.toml", &document);
    let run = [
        "run",
        file.to_str().expect("a path"),
        "--json",
        "--no-plots",
        "--store",
        &database,
    ];
    let output = bistable(run);
    assert!(!stderr(&output).contains("WARN"), "{}", stderr(&output));
    assert_eq!(digest(&json(&output)), undisturbed(&document, &[]));
    let (_leader, url) = Coordinator::serve("127.0.0.1:0", &database);
    assert_fails(
        &bistable(run),
        &["leads on this store", &url, "bistable submit"],
    );
}

#[test]
fn run_says_who_has_taken_over() {
    let server = Server::start();
    let database = server.database();
    let runs = Runs::new();
    let document = slow();
    let file = runs.write("sweep.toml", &document);
    let (run, run_url) = runs.start_on(&database, &file, &[]);
    let id = id_of(&file);
    Watch::start(&id, &run_url).until_under_way();
    run.signal(Signal::STOP);
    let (mut next, url) = Coordinator::serve("127.0.0.1:0", &database);
    next.wait_for("leading epoch=");
    run.signal(Signal::CONT);
    let (code, log) = run.wait();
    assert_eq!(code, Some(1), "{log}");
    let told =
        format!("error: the coordinator at {url} leads on this store now; what is done is in it");
    assert!(log.contains(&told), "{log}");
    // What the next one leads is the same sweep.
    let _worker = Worker::of(&url, &["--threads", "1"]);
    let (last, _) = Watch::start(&id, &url).last();
    assert_eq!(last["state"], "complete", "{last}");
    let results = bistable(["results", &id, "--json", "--coordinator", &url]);
    assert_eq!(digest(&json(&results)), undisturbed(&document, &[]));
}

#[test]
fn a_coordinator_that_cannot_read_the_store_does_not_lead() {
    let server = Server::start();
    let database = server.database();
    let sql = |sql: &str| server.sql(name_of(&database), sql);
    let (mut first, _) = Coordinator::serve("127.0.0.1:0", &database);
    first.signal(Signal::TERM);
    first.wait_for("leaving");
    sql("INSERT INTO sweeps (id, name, canonical_json, lifecycle, numerics, priority, submitted_at_ms)
         VALUES ('\\x0101010101010101', '', 'no sweep', 'running', '\\x07', 0, 1)");
    let (mut second, url) = Coordinator::serve("127.0.0.1:0", &database);
    let refused = bistable(["list", "--coordinator", &url]);
    assert_fails(&refused, &["the store is damaged"]);
    sql("DELETE FROM sweeps");
    second.wait_for("leading epoch=");
}
