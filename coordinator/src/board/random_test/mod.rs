//! The board under seeded schedules of lost, late, repeated and reordered events, partitions and restarts.
//!
//! Around it stand a store that keeps what it is told and workers that hold leases, forget them, vanish and come back. After
//! every event the board's invariants are checked and its leases compared with the store's. At the end one honest worker
//! ends every sweep, and the board must agree with the store about every unit.

mod store;
mod world;

use std::{
    ops::Range,
    thread::{available_parallelism, scope},
};

use world::World;

/// Schedules in a usual run.
const SCHEDULES: u64 = 100_000;

/// How many schedules to try instead.
const VARIABLE: &str = "BISTABLE_SCHEDULES";

/// Random events in a schedule.
const STEPS: u64 = 50;

fn schedules() -> u64 {
    match std::env::var(VARIABLE) {
        Ok(count) => count.parse().expect("a number of schedules"),
        Err(_) => SCHEDULES,
    }
}

fn run(seeds: Range<u64>) {
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.finish();
    }
}

#[test]
fn every_schedule_keeps_the_invariants_and_can_be_ended() {
    let threads = available_parallelism().map_or(1, usize::from) as u64;
    let share = schedules().div_ceil(threads);
    scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || run(thread * share..(thread + 1) * share));
        }
    });
}
