//! Which units a worker gets.

use super::*;

const OTHER: SweepId = SweepId([2; 8]);

fn order(effects: &[Effect]) -> Vec<SweepId> {
    sent(effects).iter().map(|lease| lease.sweep).collect()
}

/// Two sweeps, and a worker that wants four leases.
fn two_sweeps(priority: i32) -> Vec<SweepId> {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), known(SWEEP, fixture::plan(640, 1)));
    board.handle(at(0), known(OTHER, fixture::plan(48, 1)));
    board.handle(at(0), Event::PrioritySet(OTHER, Priority(priority)));
    board.handle(at(0), joined(1, 4));
    order(&board.handle(at(0), Event::Credit(SessionId(1), 4)))
}

#[test]
fn sweeps_of_equal_priority_take_turns() {
    assert_eq!(two_sweeps(0), [SWEEP, OTHER, SWEEP, OTHER]);
}

#[test]
fn an_urgent_sweep_comes_first_as_long_as_it_has_units() {
    assert_eq!(two_sweeps(1), [OTHER, OTHER, OTHER, SWEEP]);
    assert_eq!(two_sweeps(-1), [SWEEP; 4]);
}

#[test]
fn a_lease_never_outlasts_its_worker() {
    let mut board = Board::new([0; 32], TERMS);
    let costs = vec![(CellId(0), 3_000_000)];
    board.handle(
        at(0),
        Event::SweepAdded(KnownSweep {
            costs,
            ..fixture::known(SWEEP, fixture::plan(16 * 100, 1))
        }),
    );
    let limited = Arrival {
        remaining: Some(Duration::from_secs(7)),
        ..arrival(1, 1)
    };
    board.handle(at(0), Event::WorkerJoined(SessionId(1), limited));
    let effects = board.handle(at(0), Event::Credit(SessionId(1), 1));
    assert_eq!(sent(&effects)[0].units.blocks, 0..2);
    let effects = board.handle(at(5), Event::Credit(SessionId(1), 1));
    assert_eq!(
        sent(&effects).len(),
        0,
        "two seconds are left, and a unit takes three"
    );
    board.handle(at(5), joined(2, 1));
    let effects = board.handle(at(5), Event::Credit(SessionId(2), 1));
    assert_eq!(sent(&effects)[0].units.blocks, 2..12);
    board.check_invariants(at(5));
}

#[test]
fn many_small_leases_are_kept_in_stock_and_long_ones_are_not() {
    let granted = |unit_us| {
        let mut board = Board::new([0; 32], TERMS);
        board.handle(
            at(0),
            Event::SweepAdded(KnownSweep {
                costs: vec![(CellId(0), unit_us)],
                // Runs of one unit, so that every lease is one.
                ..fixture::known(SWEEP, fixture::plan(16, 1_000))
            }),
        );
        board.handle(at(0), joined(1, 2));
        let effects = board.handle(at(0), Event::Credit(SessionId(1), 100));
        board.check_invariants(at(0));
        sent(&effects).len()
    };
    assert_eq!(granted(1_000), 100);
    assert_eq!(granted(100_000), 20);
    assert_eq!(granted(60_000_000), 4);
}

#[test]
fn what_units_cost_survives_a_restart() {
    let mut board = waiting(40);
    let effects = board.handle(at(1), done(0));
    assert!(effects.contains(&Effect::SaveCost(SWEEP, CellId(0), 1_000)));
    let mut board = Board::new([0; 32], TERMS);
    board.handle(
        at(0),
        Event::SweepAdded(KnownSweep {
            costs: vec![(CellId(0), 1_000_000)],
            ..fixture::known(SWEEP, fixture::plan(16 * 100, 1))
        }),
    );
    board.handle(at(0), joined(1, 1));
    let effects = board.handle(at(0), Event::Credit(SessionId(1), 1));
    assert_eq!(
        sent(&effects)[0].units.blocks,
        0..30,
        "half a minute of work"
    );
}
