//! The board's answers to single events.

mod comeback;
mod fairness;
mod leases;
mod liveness;
mod poison;
mod stragglers;
mod survey;

use std::time::Duration;

use bistable_common::{
    ids::{CellId, LeaseToken, SweepId, UnitId, WorkerId},
    plan::Plan,
};

use super::{fixture::unit, release::MAX_ATTEMPTS, *};

const TERMS: Terms = Terms {
    beat_interval: Duration::from_secs(1),
    lease_timeout: Duration::from_secs(10),
    grace: Duration::from_secs(6),
};
const SWEEP: SweepId = SweepId([1; 8]);

fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * 1_000)
}

fn known(id: SweepId, plan: Plan) -> Event {
    Event::SweepAdded(fixture::known(id, plan))
}

fn arrival(session: u64, slots: u32) -> Arrival {
    Arrival {
        worker: WorkerId(format!("w{session}")),
        host: format!("h{session}"),
        slots,
        held: vec![],
        remaining: None,
        proof: Some([1; 16]),
    }
}

fn joined(session: u64, slots: u32) -> Event {
    Event::WorkerJoined(SessionId(session), arrival(session, slots))
}

/// A board with one sweep of `units` units and one worker that waits for a lease.
fn waiting(units: u32) -> Board {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), joined(1, 1));
    board.handle(at(0), Event::Credit(SessionId(1), 1));
    board.handle(at(0), known(SWEEP, fixture::plan(units * 16, 1)));
    board
}

fn sent(effects: &[Effect]) -> Vec<&Lease> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendLease(_, lease) => Some(lease),
            _ => None,
        })
        .collect()
}

fn leases(board: &Board) -> Vec<Lease> {
    board.leases.values().map(|e| e.lease.clone()).collect()
}

fn done(block: u32) -> Event {
    Event::UnitDone {
        unit: UnitId {
            sweep: SWEEP,
            key: unit(0, block),
        },
        worker: WorkerId("w1".into()),
        compute_us: 1_000,
    }
}
