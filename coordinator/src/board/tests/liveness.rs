//! Who counts as lost, and who must not.

use super::*;

#[test]
fn a_large_fleet_beats_less_often_and_is_given_more_time() {
    let mut board = Board::new([0; 32], TERMS);
    assert_eq!(board.beat_interval(), Duration::from_secs(1));
    for session in 0..4_000 {
        board.handle(at(0), joined(session, 1));
    }
    assert_eq!(board.beat_interval(), Duration::from_secs(4));
    board.handle(at(0), known(SWEEP, fixture::plan(16, 1)));
    let first = WorkerId("w0".into());
    board.handle(at(0), Event::Beat(first.clone(), vec![]));
    board.handle(at(0), Event::Credit(SessionId(0), 1));
    let token = leases(&board)[0].token;
    assert_eq!(board.next_deadline(), Some(at(16)));

    // When the others leave it still beats as it was told before.
    for session in 1..4_000 {
        board.handle(at(1), Event::WorkerLost(SessionId(session)));
    }
    board.handle(at(15), Event::Beat(first, vec![token]));
    assert_eq!(
        board.next_deadline(),
        Some(at(25)),
        "it was told to beat every second"
    );
}

#[test]
fn a_coordinator_that_did_not_listen_blames_nobody() {
    let mut board = waiting(1);
    let token = leases(&board)[0].token;
    let effects = board.handle(at(60), Event::Tick);
    assert_eq!(effects, []);
    assert_eq!(
        board.next_deadline(),
        Some(at(62)),
        "beats that wait are heard first"
    );
    let beat = Event::Beat(WorkerId("w1".into()), vec![token]);
    let effects = board.handle(at(61), beat);
    assert_eq!(effects, [Effect::ExtendLease(token, at(71))]);
    // Silence that it did listen to counts.
    let effects = board.handle(at(71), Event::Tick);
    assert!(effects.contains(&Effect::Disconnect(SessionId(1))));
}

#[test]
fn of_a_lost_worker_s_leases_only_those_under_way_failed() {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), joined(1, 2));
    board.handle(at(0), known(SWEEP, fixture::plan(16, 10)));
    let effects = board.handle(at(0), Event::Credit(SessionId(1), 10));
    let under_way: Vec<_> = sent(&effects)[..2]
        .iter()
        .map(|lease| lease.units.replicate)
        .collect();
    assert_eq!(sent(&effects).len(), 4);
    let effects = board.handle(at(1), Event::WorkerLost(SessionId(1)));
    let failed: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::RecordFailure(failure) => Some(failure.unit.key.replicate),
            _ => None,
        })
        .collect();
    assert_eq!(failed, under_way);
}
