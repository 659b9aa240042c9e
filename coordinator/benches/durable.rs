//! What durable acknowledgements cost, on SQLite and on PostgreSQL, beside bare transactions on the same disk; and what a
//! million units cost to plan, to remember, and to start again from. Linux only (reads `/proc`).
//!
//!     cargo bench -p bistable-coordinator --bench durable

#[path = "../tests/support/postgres.rs"]
mod postgres;
#[path = "support/processes.rs"]
mod processes;

use std::{fs, path::Path, time::Instant};

use postgres::{Server, name_of};
use processes::{Outcome, client, serve, worker};

const UNITS: usize = 10_000;

/// Units of a run: a replicate of a cell.
const RUNS: [usize; 2] = [20, 500];

/// As many results as a worker reports at once.
const BATCH: usize = 256;

/// Bytes of a trajectory of one of the units.
const BYTES: usize = 2_000;

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// A sweep of `replicates` x `units` units that take next to no time.
fn trivial(replicates: usize, units: usize) -> String {
    format!(
        "name = \"trivial\"\nreplicates = {replicates}\ntest = 1\n[problem]\nkind = \"quadratic\"\ndim_x = 1\ndim_y = 1\n\
         [grid]\nm1 = {}\nm2 = 1\nK = 1\neta_x = 0.1\neta_y = 0.1\n\
         [[solvers]]\npreset = \"ssgd\"\nbatch_x = 1\nbatch_y = 1\n",
        16 * units
    )
}

/// Submits a document; returns the sweep's identifier.
fn submit(folder: &Path, url: &str, document: &str) -> Outcome<String> {
    let file = folder.join("sweep.toml");
    fs::write(&file, document)?;
    let submitted = client(url, &["submit", &file.display().to_string(), "--json"])?;
    let id = submitted.split('"').nth(3).ok_or("no identifier")?;
    Ok(id.to_owned())
}

/// Inserts rows like results, a transaction a batch, as plainly as it can be done; rows a second.
fn raw_sqlite(folder: &Path, batch: usize) -> Outcome<f64> {
    let mut db = rusqlite::Connection::open(folder.join(format!("raw{batch}")))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute(
        "CREATE TABLE raw (unit INTEGER PRIMARY KEY, bytes BLOB)",
        [],
    )?;
    let bytes = vec![7_u8; BYTES];
    let start = now();
    for first in (0..UNITS).step_by(batch) {
        let tx = db.transaction()?;
        for unit in first..(first + batch).min(UNITS) {
            tx.prepare_cached("INSERT INTO raw VALUES (?, ?)")?
                .execute((unit as i64, &bytes))?;
        }
        tx.commit()?;
    }
    Ok(UNITS as f64 / start.elapsed().as_secs_f64())
}

/// The same.
fn raw_postgres(url: &str, batch: usize) -> Outcome<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (mut db, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let table = format!("raw{batch}");
        db.batch_execute(&format!(
            "CREATE TABLE {table} (unit bigint PRIMARY KEY, bytes bytea)"
        ))
        .await?;
        let insert = format!("INSERT INTO {table} SELECT * FROM unnest($1::bigint[], $2::bytea[])");
        let insert = db.prepare(&insert).await?;
        let bytes = vec![7_u8; BYTES];
        let start = now();
        for first in (0..UNITS).step_by(batch) {
            let units: Vec<i64> = (first..(first + batch).min(UNITS))
                .map(|unit| unit as i64)
                .collect();
            let rows = vec![&bytes[..]; units.len()];
            let tx = db.transaction().await?;
            tx.execute(&insert, &[&units, &rows]).await?;
            tx.commit().await?;
        }
        Ok(UNITS as f64 / start.elapsed().as_secs_f64())
    })
}

/// Runs the units with one worker, from submit to the last acknowledgement. A lease holds units of one run at most, so
/// runs of few units need more leases, each of which is a transaction too.
fn acknowledged(store: &str, folder: &Path, run: usize) -> Outcome<()> {
    let (coordinator, url) = serve(store)?;
    let idle = coordinator.resident()?;
    let _worker = worker(&url)?;
    let before = coordinator.ticks()?;
    let start = now();
    let id = submit(folder, &url, &trivial(UNITS / run, run))?;
    client(&url, &["watch", &id])?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_us = 1e4 * (coordinator.ticks()? - before) / UNITS as f64;
    println!(
        "  {UNITS} units in runs of {run} in {seconds:.2} s: {:.0}/s; coordinator {cpu_us:.0} us of CPU a unit; {:.1} MB idle, {:.1} MB after",
        UNITS as f64 / seconds,
        idle / 1e6,
        coordinator.resident()? / 1e6
    );
    Ok(())
}

/// Plans a million units; then starts again, before any is done and after all but one are.
fn a_million(store: &str, folder: &Path, fill: impl Fn(&str) -> Outcome<()>) -> Outcome<()> {
    let (coordinator, url) = serve(store)?;
    let start = now();
    let id = submit(folder, &url, &trivial(1_000, 1_000))?;
    let planned = start.elapsed().as_secs_f64();
    let resident = coordinator.resident()? / 1e6;
    coordinator.leave()?;
    let again = || -> Outcome<(f64, f64)> {
        let start = now();
        let (coordinator, url) = serve(store)?;
        client(&url, &["list"])?;
        let seconds = start.elapsed().as_secs_f64();
        let resident = coordinator.resident()? / 1e6;
        coordinator.leave()?;
        Ok((seconds, resident))
    };
    let (empty, _) = again()?;
    fill(&id)?;
    let (full, after) = again()?;
    println!(
        "  1000000 units: planned in {planned:.2} s, {resident:.1} MB; started again in {empty:.2} s with none done, \
         in {full:.2} s and {after:.1} MB with all but one done"
    );
    Ok(())
}

/// Every unit but the first, with a result of one byte.
fn fill(id: &str, bytes: [&str; 3], series: &str) -> String {
    let [sweep, byte, numerics] = bytes.map(|bytes| bytes.replace("ID", id));
    format!(
        "INSERT INTO results (sweep, cell, replicate, block, trajectory, numerics, build, worker, compute_us, reported_at_ms)
         SELECT {sweep}, 0, n / 1000, n % 1000, {byte}, {numerics}, '', '', 1, 1 FROM {series}"
    )
}

fn sqlite() -> Outcome<()> {
    println!("SQLite");
    let folder = tempfile::tempdir()?;
    for batch in [16, BATCH] {
        let rate = raw_sqlite(folder.path(), batch)?;
        println!("  bare transactions of {batch} rows: {rate:.0} rows/s");
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    for run in RUNS {
        acknowledged(&path(&format!("{run}.sqlite")), folder.path(), run)?;
    }
    let store = path("b.sqlite");
    a_million(&store, folder.path(), |id| {
        let series = "(WITH RECURSIVE s (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < 999999) SELECT n FROM s)";
        let bytes = ["x'ID'", "x'00'", "(SELECT numerics FROM sweeps)"];
        rusqlite::Connection::open(&store)?.execute_batch(&fill(id, bytes, series))?;
        Ok(())
    })
}

fn postgres() -> Outcome<()> {
    println!("PostgreSQL");
    let folder = tempfile::tempdir()?;
    let server = Server::start();
    let raw = server.database();
    for batch in [16, BATCH] {
        let rate = raw_postgres(&raw, batch)?;
        println!("  bare transactions of {batch} rows: {rate:.0} rows/s");
    }
    for run in RUNS {
        acknowledged(&server.database(), folder.path(), run)?;
    }
    let store = server.database();
    a_million(&store, folder.path(), |id| {
        let bytes = [
            "'\\xID'::bytea",
            "'\\x00'::bytea",
            "(SELECT numerics FROM sweeps)",
        ];
        server.sql(
            name_of(&store),
            &fill(id, bytes, "generate_series(1, 999999) AS s (n)"),
        );
        Ok(())
    })
}

fn main() -> Outcome<()> {
    sqlite()?;
    postgres()
}
