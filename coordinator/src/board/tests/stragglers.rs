//! Near the end of a sweep the slowest units are run twice.

use super::*;

/// A sweep of which the last two units are leased to the first worker, while the second waits.
fn near_the_end() -> (Board, Lease) {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(
        at(0),
        Event::SweepAdded(KnownSweep {
            costs: vec![(CellId(0), 2_000_000)],
            ..fixture::known(SWEEP, fixture::plan(32, 1))
        }),
    );
    board.handle(at(0), joined(1, 1));
    board.handle(at(0), Event::Credit(SessionId(1), 1));
    board.handle(at(0), joined(2, 1));
    let effects = board.handle(at(0), Event::Credit(SessionId(2), 1));
    assert_eq!(sent(&effects).len(), 0);
    let lease = leases(&board).remove(0);
    (board, lease)
}

/// The moment when its first unit has taken twice as long as usual.
const DUE: u64 = 4;

fn finish(block: u32, worker: &str) -> Event {
    Event::UnitDone {
        unit: UnitId {
            sweep: SWEEP,
            key: unit(0, block),
        },
        worker: WorkerId(worker.into()),
        compute_us: 2_000_000,
    }
}

#[test]
fn an_idle_worker_gets_a_duplicate_of_what_takes_long() {
    let (mut board, original) = near_the_end();
    assert_eq!(board.next_deadline(), Some(at(DUE)));
    let effects = board.handle(at(DUE), Event::Tick);
    let duplicate = sent(&effects)[0].clone();
    assert_eq!(duplicate.units.blocks, 1..2, "its holder is at the first");
    assert_ne!(duplicate.token, original.token);
    assert_eq!(effects[0], Effect::SaveLease(duplicate.clone()));
    board.check_invariants(at(DUE));
    assert_eq!(board.progress(SWEEP).expect("known").leased, 2);

    // The duplicate wins: there is nothing left of the original after its own unit, and it is told so.
    let effects = board.handle(at(5), finish(1, "w2"));
    assert!(!effects.contains(&Effect::Revoke(SessionId(1), original.token)));
    let effects = board.handle(at(5), Event::Finished(SessionId(2), duplicate.token));
    assert!(effects.contains(&Effect::DropLease(duplicate.token)));
    let effects = board.handle(at(6), finish(0, "somebody"));
    assert_eq!(effects[0], Effect::Revoke(SessionId(1), original.token));
    assert_eq!(effects[1], Effect::DropLease(original.token));
    let progress = board.progress(SWEEP).expect("known");
    assert_eq!(progress.state, SweepState::Complete);
}

#[test]
fn the_loser_is_cancelled() {
    let (mut board, original) = near_the_end();
    let effects = board.handle(at(DUE), Event::Tick);
    let duplicate = sent(&effects)[0].token;
    let effects = board.handle(at(5), finish(1, "w1"));
    assert_eq!(effects[0], Effect::Revoke(SessionId(2), duplicate));
    assert_eq!(effects[1], Effect::DropLease(duplicate));
    assert!(board.leases.contains_key(&original.token));
}

#[test]
fn a_duplicate_that_fails_leaves_the_original_alone() {
    let (mut board, original) = near_the_end();
    board.handle(at(DUE), Event::Tick);
    let effects = board.handle(at(5), Event::WorkerLost(SessionId(2)));
    let failures = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::RecordFailure(_)));
    assert_eq!(failures.count(), 1);
    assert_eq!(board.progress(SWEEP).expect("known").leased, 2);
    assert_eq!(leases(&board), [original]);
    board.check_invariants(at(5));
}

#[test]
fn a_lost_original_leaves_the_duplicate_alone() {
    let (mut board, _) = near_the_end();
    let effects = board.handle(at(DUE), Event::Tick);
    let duplicate = sent(&effects)[0].clone();
    board.handle(at(5), Event::WorkerLost(SessionId(1)));
    let effects = board.handle(at(5), Event::Credit(SessionId(2), 1));
    // Only the unit that nobody else has is leased again.
    assert_eq!(sent(&effects)[0].units.blocks, 0..1);
    assert!(board.leases.contains_key(&duplicate.token));
    board.check_invariants(at(5));
}

#[test]
fn progress_is_no_straggling_and_two_are_enough() {
    let (mut board, original) = near_the_end();
    board.handle(at(3), finish(0, "w1"));
    let beat = Event::Beat(WorkerId("w1".into()), vec![original.token]);
    board.handle(at(3), beat);
    assert_eq!(sent(&board.handle(at(DUE), Event::Tick)).len(), 0);
    assert_eq!(sent(&board.handle(at(7), Event::Tick)).len(), 1);
    board.handle(at(7), joined(3, 1));
    board.handle(at(7), Event::Credit(SessionId(3), 1));
    let beat = Event::Beat(WorkerId("w1".into()), vec![original.token]);
    board.handle(at(10), beat);
    assert_eq!(sent(&board.handle(at(12), Event::Tick)).len(), 0);
    board.check_invariants(at(12));
}

#[test]
fn nobody_runs_its_own_units_twice() {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), joined(1, 2));
    board.handle(at(0), Event::Credit(SessionId(1), 2));
    let effects = board.handle(at(0), known(SWEEP, fixture::plan(16, 1)));
    let token = sent(&effects)[0].token;
    let beat = Event::Beat(WorkerId("w1".into()), vec![token]);
    board.handle(at(9), beat);
    assert_eq!(sent(&board.handle(at(12), Event::Tick)).len(), 0);
}
