//! Chaos: a sweep on a whole cluster of real processes, any of which is killed, stopped or cut off at any moment.
//!
//! Each run has a database, two coordinators, four workers and a seed. The seed says what goes wrong and when; moments are
//! counted in units that are done, and nobody is struck but in the middle of a lease. Every run must end with the very results
//! of a run that nothing disturbs, each unit counted once.

#![cfg(unix)]

mod fleet;
#[path = "../support/images.rs"]
mod images;
mod ledger;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/processes.rs"]
mod processes;
mod proxy;
#[expect(dead_code, reason = "schedules have other needs than boards")]
#[path = "../../src/random.rs"]
mod random;
mod run;
mod schedule;
mod strikes;
#[path = "../support/sweeps.rs"]
mod sweeps;
mod verdict;
mod workload;

use std::{
    ops::Range,
    sync::Mutex,
    thread::{available_parallelism, scope},
};

use self::{
    processes::Runs,
    run::{Run, Tally},
    schedule::KINDS,
    verdict::CONSEQUENCES,
    workload::Sweep,
};

/// Runs in a usual test.
const RUNS: u64 = 6;

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

#[test]
fn every_run_ends_with_the_results_of_one_that_nothing_disturbs() {
    let runs = Runs::new();
    let sweeps = Sweep::all(&runs);
    let seeds = seeds();
    let usual = seeds.clone().count() as u64 >= RUNS;
    let seeds = Mutex::new(seeds);
    let total = Mutex::new(Tally::new());
    let work = || {
        while let Some(seed) = { seeds.lock().expect("seeds").next() } {
            let runtime = tokio::runtime::Runtime::new().expect("threads");
            let tally = runtime.block_on(Run::whole(seed, &sweeps));
            println!("run {seed}: {tally:?}");
            let mut total = total.lock().expect("a tally");
            for (what, count) in tally {
                *total.entry(what).or_default() += count;
            }
        }
    };
    scope(|scope| {
        // They wait most of the time.
        let threads = 2 * available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let total = total.into_inner().expect("a tally");
    // In a single run not everything follows.
    if usual {
        for what in KINDS.into_iter().chain(CONSEQUENCES) {
            assert!(total.get(what) > Some(&0), "never a {what}: {total:?}");
        }
    }
}
