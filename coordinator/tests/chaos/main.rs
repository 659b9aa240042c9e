//! Chaos: a sweep on a whole cluster of real processes, any of which is killed, stopped or cut off at any moment.
//!
//! Each run has a database, two coordinators, four workers and a seed. The seed says what goes wrong and when; moments are
//! counted in units that are done, so that they fall into the middle of the work on any machine. Every run must end with the
//! very results of a run that nothing disturbs.

#![cfg(unix)]

mod fleet;
mod ledger;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/processes.rs"]
mod processes;
mod proxy;
#[expect(dead_code, reason = "schedules have other needs than boards")]
#[path = "../../src/board/random_test/random.rs"]
mod random;
mod run;
mod schedule;

use std::{
    ops::Range,
    sync::Mutex,
    thread::{available_parallelism, scope},
};

use self::{
    processes::{Runs, json},
    run::{Run, Tally},
    schedule::KINDS,
};

/// Runs in a usual test.
const RUNS: u64 = 4;

/// How many runs to make instead, or which: `100`, `17..18`.
const VARIABLE: &str = "BISTABLE_CHAOS";

fn seeds() -> Range<u64> {
    let Ok(wanted) = std::env::var(VARIABLE) else {
        return 0..RUNS;
    };
    let number = |text: &str| text.parse().expect("a number of runs, or a range of seeds");
    match wanted.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => 0..number(&wanted),
    }
}

/// Five solvers by four replicates by four blocks of units that take some tenths of a second.
const SWEEP: &str = r#"
name = "chaos"
replicates = 4
indices = "all"

[problem]
kind = "quadratic"
dim_x = 24
dim_y = 24
mu_f = 1.0
l_f = 1.5
mu_g = 1.0
l_g = 1.5
mean = 1.0
noise = 1.0
seed = 1

[grid]
m1 = 64
m2 = 200
K = [100, 4000]
T = [1, 2]
eta_x = 0.1
eta_y = 0.1

[[solvers]]
preset = "ssgd"

[[solvers]]
preset = "tsgd"

[[solvers]]
preset = "ud"
"#;

#[test]
fn every_run_ends_with_the_results_of_one_that_nothing_disturbs() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", SWEEP);
    let expected = json(&runs.run(&file, &[]));
    let seeds = Mutex::new(seeds());
    let total = Mutex::new(Tally::new());
    let work = || {
        while let Some(seed) = { seeds.lock().expect("seeds").next() } {
            let runtime = tokio::runtime::Runtime::new().expect("threads");
            let tally = runtime.block_on(Run::whole(seed, &file, &expected));
            println!("run {seed}: {tally:?}");
            let mut total = total.lock().expect("a tally");
            for (what, count) in tally {
                *total.entry(what).or_default() += count;
            }
        }
    };
    scope(|scope| {
        let threads = available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let total = total.into_inner().expect("a tally");
    for kind in KINDS {
        assert!(total.get(kind) > Some(&0), "never a {kind}: {total:?}");
    }
}
