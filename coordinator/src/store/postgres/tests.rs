//! The promises on a real server.

use std::sync::{Arc, OnceLock};

use bistable_common::ids::{Block, CellId, Hash, LeaseToken, Replicate, UnitId, UnitKey, WorkerId};

use super::*;
use crate::{
    board::fixture,
    store::{conformance, open},
};

#[path = "../../../tests/support/postgres.rs"]
mod server;

use server::{Listen, Server, name_of};

/// One server for all of these tests, a database each.
fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::listening(Listen::TcpPassword))
}

fn address(url: &str) -> PostgresAddress {
    PostgresAddress::parse(url).expect("an address")
}

/// A leader's epoch and handle.
type Elected = (Epoch, Arc<dyn Store>);

/// A handle of whoever comes now, and the leader's if it leads.
fn candidate(url: &str) -> (Postgres, Option<Elected>) {
    let handle = Postgres::open(&address(url)).expect("the store opens");
    let elected = match handle.campaign("http://me").expect("a campaign") {
        Standing::Elected { epoch, store } => Some((epoch, store)),
        Standing::Following { .. } => None,
    };
    make_endless(&handle);
    (handle, elected)
}

/// A term that has begun lasts until the test ends it, however slow the machine is: nobody here renews it.
fn make_endless(handle: &Postgres) {
    let endless = "UPDATE leader SET expires_at = 'infinity' WHERE expires_at > '-infinity'";
    let terms = handle.read(async |db| Ok(db.execute(endless, &[]).await?));
    assert_eq!(terms.expect("a statement"), 1);
}

/// Has the server leave a transaction alone for as long as a test takes.
const PATIENTLY: &str = "SET idle_in_transaction_session_timeout = 0";

/// A connection of ours, told some more, with a transaction that has begun.
async fn transaction(url: &str, more: &str) -> Result<Session, PostgresError> {
    let session = Session::open(&address(url)).await?;
    session.batch(more).await?;
    session.batch("BEGIN").await?;
    Ok(session)
}

/// The same, with whoever comes first.
fn elected(url: &str) -> (Postgres, Epoch, Arc<dyn Store>) {
    let (handle, elected) = candidate(url);
    let (epoch, store) = elected.expect("elected");
    (handle, epoch, store)
}

/// A sweep that `store` has.
fn submitted(store: &dyn Store) -> Sweep {
    let sweep = fixture::sweep(40, 2, 1);
    let submitted = store.submit_sweep(&sweep, NUMERICS, None, NOW);
    submitted.expect("submit");
    sweep
}

/// Opens a database and leads, whoever led before.
fn leading(server: &Server, url: &str) -> Arc<dyn Store> {
    let reader = Postgres::open(&address(url)).expect("the store opens");
    expire(server, url);
    drop(reader);
    elected(url).2
}

/// Makes the leader's term end, as its silence would.
fn expire(server: &Server, url: &str) {
    server.sql(name_of(url), "UPDATE leader SET expires_at = '-infinity'");
}

#[test]
fn keeps_every_promise() {
    conformance::test_all(|| {
        let url = shared().database();
        conformance::Fixture::new((), move || leading(shared(), &url))
    });
}

fn lose<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Deposed))
}

const NUMERICS: Hash = Hash([7; 32]);
const NOW: Timestamp = Timestamp(1);

fn result(sweep: &Sweep, block: u32) -> UnitResult {
    UnitResult {
        unit: UnitId {
            sweep: sweep.id(),
            key: UnitKey {
                cell: CellId(0),
                replicate: Replicate(0),
                block: Block(block),
            },
        },
        trajectory: vec![1, 2, 3],
        numerics: NUMERICS,
        build: "build".into(),
        worker: WorkerId("w".into()),
        compute_us: 5,
    }
}

fn lease(sweep: &Sweep) -> Lease {
    Lease {
        token: LeaseToken([1; 16]),
        sweep: sweep.id(),
        units: UnitRange {
            cell: CellId(0),
            replicate: Replicate(0),
            blocks: 1..3,
        },
        attempt: 1,
        worker: WorkerId("w".into()),
        host: "h".into(),
        deadline: NOW,
    }
}

#[test]
fn every_write_of_a_deposed_leader_is_refused() {
    let url = shared().database();
    let (old, epoch, store) = elected(&url);
    let sweep = submitted(&*store);
    expire(shared(), &url);
    let (_new, elected) = candidate(&url);
    assert!(elected.is_some_and(|(later, _)| later > epoch));

    let id = sweep.id();
    let data = StoredData {
        hash: Hash::of(b"x"),
        bytes: 1,
        samples: 1,
        features: 1,
        classes: 1,
    };
    // The reader's handle never writes, the old leader's does no more.
    for store in [&old as &dyn Store, &*store] {
        assert!(lose(store.submit_sweep(&sweep, NUMERICS, None, NOW)));
        assert!(lose(store.bind_numerics(id, NUMERICS)));
        assert!(lose(store.set_lifecycle(id, Lifecycle::Cancelled)));
        assert!(lose(store.delete_sweep(id)));
        assert!(lose(store.record(&[result(&sweep, 0)], NOW)));
        assert!(lose(store.apply(&[])));
        assert!(lose(store.retry(id, &[])));
        assert!(lose(store.put_data(&data, b"x")));
    }
    assert!(lose(old.renew(epoch)));
    let stored = old.sweep(id).expect("sweep").expect("present");
    assert_eq!(stored.lifecycle, Lifecycle::Running);
    assert!(old.done(id).expect("done").is_empty());
    assert!(old.data(data.hash).expect("data").is_none());
}

#[test]
fn one_leads_until_it_resigns() {
    let url = shared().database();
    let (first, epoch, store) = elected(&url);
    let second = Postgres::open(&address(&url)).expect("the store opens");
    let standing = second.campaign("http://second").expect("a campaign");
    assert!(matches!(standing, Standing::Following { leader } if leader == "http://me"));
    first.renew(epoch).expect("renewed");
    first.resign(epoch).expect("resigned");
    assert!(lose(store.apply(&[])));
    let standing = second.campaign("http://second").expect("a campaign");
    assert!(matches!(standing, Standing::Elected { epoch: later, .. } if later > epoch));
    make_endless(&second);
    // What the old leader does about its own term cannot touch the new one.
    first.resign(epoch).expect("nothing to resign");
    assert!(lose(first.renew(epoch)));
    let standing = first.campaign("http://first").expect("a campaign");
    assert!(matches!(standing, Standing::Following { .. }));
}

#[test]
fn a_leader_whose_term_lapsed_writes_again_once_it_has_renewed_it() {
    let url = shared().database();
    let (handle, epoch, store) = elected(&url);
    expire(shared(), &url);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.apply(&[]));
        handle.renew(epoch).expect("renewed");
        make_endless(&handle);
        waiting.join().expect("no panic").expect("written");
    });
}

/// A transaction that holds the fence, as a write in the middle does, on a connection that was told `more`.
fn under_way(url: &str, epoch: Epoch, more: &str) -> (Database, tokio::sync::oneshot::Sender<()>) {
    let database = Database::new(address(url)).expect("a database");
    let (end, ended) = tokio::sync::oneshot::channel();
    let session = database
        .read(async |_| {
            let session = transaction(url, more).await?;
            leader::fence(&session, epoch).await?;
            Ok(session)
        })
        .expect("a transaction");
    std::thread::spawn(move || {
        // Dropping the session rolls back.
        let _ = ended.blocking_recv();
        drop(session);
    });
    (database, end)
}

#[test]
fn a_term_is_renewed_during_a_write_and_taken_over_only_after_it() {
    let url = shared().database();
    let (first, epoch, _) = elected(&url);
    let (_database, end) = under_way(&url, epoch, PATIENTLY);
    first
        .renew(epoch)
        .expect("a write does not keep its own leader from renewing");
    expire(shared(), &url);
    let second = Postgres::open(&address(&url)).expect("the store opens");
    let early = second.campaign("http://second");
    assert!(
        early.is_err(),
        "a term began while a write of the last one was under way"
    );
    end.send(()).expect("a transaction");
    // The server notices the end of a connection in its own time.
    let standing = loop {
        if let Ok(standing) = second.campaign("http://second") {
            break standing;
        }
    };
    assert!(matches!(standing, Standing::Elected { .. }));
}

#[test]
fn leases_are_written_beside_results() {
    let server = shared();
    let url = server.database();
    let store = leading(server, &url);
    let sweep = fixture::sweep(40, 1, 1);
    let submitted = store.submit_sweep(&sweep, NUMERICS, None, NOW);
    submitted.expect("submit");
    // Somebody else is about to have the same result, and takes long.
    let database = Database::new(address(&url)).expect("a database");
    let unit = "INSERT INTO results SELECT id, 0, 0, 0, '', numerics, '', '', 1, 1 FROM sweeps";
    let other = database.read(async |_| {
        let session = transaction(&url, PATIENTLY).await?;
        session.batch(unit).await?;
        Ok(session)
    });
    let other = other.expect("a transaction");
    // Asked on a connection that is there: nobody waits for a lock for long.
    let waits = || {
        let query = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let count = database.read(async |db| {
            let row = db.query_opt(query, &[]).await?;
            row::get::<i64>(&row.expect("a row"), 0)
        });
        count.expect("a count")
    };
    assert_eq!(waits(), 0);
    std::thread::scope(|scope| {
        // A try ends when it has waited for a lock for long, and gets nowhere before the other one ends.
        let record = || store.record(&[result(&sweep, 0)], NOW).ok();
        let recording = scope.spawn(move || (0..400).find_map(|_| record()));
        while waits() != 1 {
            assert!(!recording.is_finished(), "the result did not wait");
        }
        let saved = store.apply(&[Change::SaveLease(lease(&sweep))]);
        saved.expect("a lease");
        assert!(!recording.is_finished(), "the lease waited for the result");
        drop(other);
        recording.join().expect("no panic").expect("recorded");
    });
    assert_eq!(store.leases().expect("leases"), [lease(&sweep)]);
}

#[test]
fn a_write_that_hangs_is_ended_by_the_server() {
    let url = shared().database();
    let (_first, epoch, _) = elected(&url);
    let (_database, _end) = under_way(&url, epoch, "");
    expire(shared(), &url);
    let second = Postgres::open(&address(&url)).expect("the store opens");
    // Nobody but the server ends the transaction. One try gives up sooner than the server does; forty last a minute.
    let standing = (0..40).find_map(|_| second.campaign("http://second").ok());
    assert!(matches!(standing, Some(Standing::Elected { .. })));
}

#[test]
fn a_batch_is_one_transaction() {
    let url = shared().database();
    let (_handle, _, store) = elected(&url);
    let sweep = submitted(&*store);
    let results: Vec<_> = (0..3).map(|block| result(&sweep, block)).collect();
    store.record(&results, NOW).expect("record");
    let transactions = "SELECT count(*), count(DISTINCT xmin::text) FROM results";
    assert_eq!(shared().sql(name_of(&url), transactions), "3|1");
}

#[test]
fn commits_are_durable_whatever_the_server_was_told() {
    let url = shared().database();
    let name = name_of(&url);
    shared().sql(
        "postgres",
        &format!("ALTER DATABASE {name} SET synchronous_commit = off"),
    );
    let (handle, _) = candidate(&url);
    let setting = handle.read(async |db| {
        let row = db.query_opt("SELECT current_setting('synchronous_commit')", &[]);
        row::get::<String>(&row.await?.expect("a row"), 0)
    });
    assert_eq!(setting.expect("a setting"), "on");
}

#[test]
fn what_a_connection_was_doing_is_done_again_on_another() {
    let url = shared().database();
    let (handle, _, store) = elected(&url);
    let sweep = submitted(&*store);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for block in 0..3 {
        shared().sql(name_of(&url), kill);
        let outcome = store.record(&[result(&sweep, block)], NOW).expect("record");
        assert_eq!(outcome, [Outcome::Accepted]);
        shared().sql(name_of(&url), kill);
        assert_eq!(
            handle.done(sweep.id()).expect("done")[0].blocks,
            0..block + 1
        );
    }
}

/// Calls a write whose connection breaks after its commit and before the answer: on a new connection the server waits for a
/// standby that does not exist, and is told to end the connection instead.
fn unanswered<T: Send>(server: &Server, url: &str, write: impl FnOnce() -> T + Send) -> T {
    let name = name_of(url);
    let waits = |how| format!("ALTER DATABASE {name} SET synchronous_commit = {how}");
    let end = |which| {
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' {which}"
        );
        server.sql("postgres", &sql)
    };
    server.sql("postgres", &waits("on"));
    end("");
    std::thread::scope(|scope| {
        let writing = scope.spawn(write);
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        while server.sql("postgres", waiting) != "1" {
            assert!(!writing.is_finished(), "the write did not wait");
        }
        server.sql("postgres", &waits("local"));
        assert_eq!(end("AND wait_event = 'SyncRep'"), "1");
        writing.join().expect("no panic")
    })
}

#[test]
fn a_write_whose_answer_is_lost_is_not_done_twice() {
    let settings = "synchronous_commit = local\nsynchronous_standby_names = 'nobody'\n";
    let server = Server::configured(Listen::Socket, settings);
    let url = server.database();
    let (_handle, _, store) = elected(&url);
    let sweep = fixture::sweep(40, 2, 1);
    let submitted = unanswered(&server, &url, || {
        store.submit_sweep(&sweep, NUMERICS, None, NOW)
    });
    assert_eq!(submitted.expect("submit"), Submitted::Inserted);
    let results = [result(&sweep, 0)];
    let outcome = unanswered(&server, &url, || store.record(&results, NOW));
    // The truth, if not the whole of it: the result is stored once.
    assert_eq!(outcome.expect("record"), [Outcome::Duplicate]);
    assert!(store.conflicts(sweep.id()).expect("conflicts").is_empty());
    let deleted = unanswered(&server, &url, || store.delete_sweep(sweep.id()));
    assert!(deleted.expect("delete"));
}

#[test]
fn any_text_of_a_worker_is_taken() {
    let url = shared().database();
    let (_handle, _, store) = elected(&url);
    let sweep = submitted(&*store);
    let rude = UnitResult {
        build: "\0".into(),
        worker: WorkerId("w\0".into()),
        ..result(&sweep, 0)
    };
    let outcome = store
        .record(std::slice::from_ref(&rude), NOW)
        .expect("record");
    assert_eq!(outcome, [Outcome::Accepted]);
    let rivals = store.rivals(rude.unit).expect("rivals");
    assert_eq!(rivals[0].worker, WorkerId("w\u{fffd}".into()));
}

#[test]
fn errors_say_where_and_why_but_no_password() {
    let refused = open(&shared().tcp_url("postgres", "wrong-horse"));
    let error = refused.err().expect("an error");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains("password authentication failed"), "{text}");
        assert!(!text.contains("wrong-horse"), "{text}");
    }
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
    let missing = open(&shared().tcp_url("nosuch", server::PASSWORD));
    let text = missing.err().expect("an error").to_string();
    assert!(
        text.contains("database \"nosuch\" does not exist"),
        "{text}"
    );
    let nobody = open("postgres://me:s3cret@127.0.0.1:1/x");
    let text = nobody.err().expect("an error").to_string();
    assert!(
        text.contains("127.0.0.1:1") && text.contains("refused"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_newer_schema_is_refused() {
    let url = shared().database();
    drop(candidate(&url));
    shared().sql(name_of(&url), "INSERT INTO schema_version VALUES (99)");
    let refused = Postgres::open(&address(&url));
    assert!(matches!(refused, Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn coordinators_that_start_together_migrate_once() {
    let url = shared().database();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Postgres::open(&address(&url)).map(drop)))
            .collect();
        for thread in opened {
            thread.join().expect("no panic").expect("the store opens");
        }
    });
}

#[test]
fn whoever_sets_the_database_up_is_waited_for() {
    let url = shared().database();
    let database = Database::new(address(&url)).expect("a database");
    let turn = database.read(async |_| {
        let session = transaction(&url, PATIENTLY).await?;
        let lock = "SELECT pg_advisory_xact_lock($1)";
        session.query(lock, &[&schema::TURN]).await?;
        Ok(session)
    });
    let turn = turn.expect("a turn");
    // Longer than a lock is waited for elsewhere.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '2 s'";
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Postgres::open(&address(&url)).map(drop));
        while shared().sql(name_of(&url), waits) != "1" {
            assert!(!opening.is_finished(), "it did not wait");
        }
        drop(turn);
        opening.join().expect("no panic").expect("the store opens");
    });
}
