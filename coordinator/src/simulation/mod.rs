//! Coordinators, workers and a user in one process, on a simulated network and clock: the real services, dispatcher,
//! elections and links, over a store in memory.
//!
//! What goes wrong is a function of a seed: links that break, stall, lose and delay messages, processes that die or leave
//! and come back. Whatever it is, every unit must end with one result and the sweeps with the digests of an undisturbed
//! run. A seed that fails can be run again alone, and does the same again.

mod faults;
mod hosts;
mod machine;
mod network;
mod run;
mod sweeps;
mod trace;

use std::{
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{available_parallelism, scope},
};

use run::{Finished, Weather, run};

/// Simulations in a usual run.
const SIMULATIONS: u64 = 200;

/// How many simulations to run instead.
const COUNT: &str = "BISTABLE_SIMULATIONS";

/// The seed of the only simulation to run instead.
const SEED: &str = "BISTABLE_SIMULATION";

/// What an undisturbed run says.
static DIGESTS: LazyLock<Vec<String>> = LazyLock::new(|| match run(0, Weather::Fair) {
    Ok(Finished { digests, .. }) => digests,
    Err(trouble) => panic!("in an undisturbed run: {trouble}"),
});

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

fn seeds() -> std::ops::Range<u64> {
    match number(SEED) {
        Some(seed) => seed..seed + 1,
        None => 0..number(COUNT).unwrap_or(SIMULATIONS),
    }
}

/// Runs a seed, and panics with how to run it again if it fails.
fn simulate(seed: u64) -> Finished {
    let trouble = match run(seed, Weather::Foul) {
        Ok(finished) if finished.digests == *DIGESTS => return finished,
        Ok(finished) => format!("{}\nother digests: {:?}", finished.trace, finished.digests),
        Err(trouble) => trouble,
    };
    panic!("{trouble}\nseed {seed} failed; {SEED}={seed} runs it again");
}

/// Has every core take one seed after the other.
fn each(seeds: std::ops::Range<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let threads = available_parallelism().map_or(1, usize::from);
    scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    work(seed);
                }
            });
        }
    });
}

#[test]
fn whatever_goes_wrong_the_digests_are_those_of_an_undisturbed_run() {
    each(seeds(), |seed| drop(simulate(seed)));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let differ = Mutex::new(Vec::new());
    each(0..20, |seed| {
        let (first, second) = (simulate(seed).trace, simulate(seed).trace);
        let mut lines = first.lines().zip(second.lines());
        if let Some((one, other)) = lines.find(|(one, other)| one != other) {
            let words = format!("seed {seed}:\n{one}\n{other}");
            differ
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(words);
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    });
    let differ = differ.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
