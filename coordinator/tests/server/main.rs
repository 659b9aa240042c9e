//! A real coordinator on a real socket, spoken to by workers and clients that say exactly what each test wants.

#[path = "../support/clock.rs"]
mod clock;
mod hellos;
mod leases;
mod reports;
mod serving;
#[path = "../support/mod.rs"]
mod support;
mod troubles;

use bistable_common::{ids::UnitId, sweep::Sweep};
use support::{key, trajectory};

fn unit(sweep: &Sweep, block: u32) -> UnitId {
    UnitId {
        sweep: sweep.id(),
        key: key(0, 0, block),
    }
}

/// A unit's result, where every distance is the same.
fn bits(sweep: &Sweep, unit: UnitId, distance: f64) -> Vec<u8> {
    trajectory(sweep, unit.key, distance).encode()
}
