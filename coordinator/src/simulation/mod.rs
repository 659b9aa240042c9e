//! Coordinators, workers and a user in one process, on a simulated network and clock: the real services, dispatcher,
//! elections and links, over a store in memory.
//!
//! What goes wrong is a function of a seed: links that break, stall, lose and delay messages, processes that die or leave
//! and come back. Whatever it is, every unit must end with one result and the sweeps with the digests of an undisturbed
//! run, no lease may be left over, the board keeps its invariants, and no worker is blamed that nothing happened to. A seed
//! that fails can be run again alone, and does the same again.

mod faults;
mod hosts;
mod links;
mod machine;
mod network;
mod panics;
mod run;
mod sweeps;
mod trace;

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::{available_parallelism, scope},
};

use run::{Finished, Weather, run};

/// Simulations in a usual run.
const SIMULATIONS: u64 = 200;

/// How many simulations to run instead.
const COUNT: &str = "BISTABLE_SIMULATIONS";

/// Of these, so many are run twice.
const REPEATED: u64 = 50;

/// Lines that are shown before two traces part, and after.
const CONTEXT: usize = 10;

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
        Ok(finished) if finished.digests == *DIGESTS => {
            if number(SEED).is_some() {
                eprintln!("{}", finished.trace);
            }
            return finished;
        }
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

/// The lines from which on two traces differ, with those before.
fn difference(first: &str, second: &str) -> Option<String> {
    let (first, second): (Vec<_>, Vec<_>) = (first.lines().collect(), second.lines().collect());
    let same = first
        .iter()
        .zip(&second)
        .take_while(|(one, other)| one == other);
    let (same, end) = (same.count(), first.len().max(second.len()));
    let shown = |lines: &[&str]| {
        let shown = lines.iter().skip(same.saturating_sub(CONTEXT));
        shown
            .take(2 * CONTEXT)
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    (same < end).then(|| format!("{}\nbut then\n{}", shown(&first), shown(&second)))
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    each(0..REPEATED, |seed| {
        let (first, second) = (simulate(seed).trace, simulate(seed).trace);
        if let Some(difference) = difference(&first, &second) {
            panic!("seed {seed} went two ways:\n{difference}");
        }
    });
}
