//! Units that fail, where they are tried again, and second chances.

use super::*;

fn fail(board: &mut Board, session: u64, block: u32) -> Vec<Effect> {
    let mut held = board.leases.values();
    let lease = held.find(|entry| entry.session == Some(SessionId(session)));
    let token = lease.expect("a lease").lease.token;
    let unit = UnitId {
        sweep: SWEEP,
        key: unit(0, block),
    };
    let mut effects = board.handle(
        at(1),
        Event::UnitFailed {
            session: SessionId(session),
            token,
            unit,
            complaint: fixture::complaint("no memory"),
        },
    );
    effects.extend(board.handle(at(1), Event::HandBack(SessionId(session), token)));
    effects
}

#[test]
fn another_host_is_preferred_for_a_retry() {
    let mut board = waiting(1);
    // The other host is at work for another sweep.
    let other = SweepId([2; 8]);
    board.handle(at(0), joined(2, 1));
    board.handle(at(0), Event::Credit(SessionId(2), 1));
    let effects = board.handle(at(0), known(other, fixture::plan(16, 1)));
    assert_eq!(sent(&effects)[0].host, "h2");
    board.handle(at(0), Event::Credit(SessionId(1), 1));
    let effects = fail(&mut board, 1, 0);
    assert_eq!(sent(&effects).len(), 0, "the host where it failed waits");
    board.check_invariants(at(1));

    let effects = board.handle(at(2), Event::Credit(SessionId(2), 1));
    let lease = sent(&effects)[0];
    assert_eq!((lease.sweep, &*lease.host), (SWEEP, "h2"));
}

#[test]
fn the_last_host_alive_tries_again() {
    let mut board = waiting(1);
    board.handle(at(0), Event::Credit(SessionId(1), 1));
    let effects = fail(&mut board, 1, 0);
    assert_eq!(sent(&effects)[0].attempt, 2);
}

#[test]
fn every_host_of_a_failure_is_recorded() {
    let mut board = waiting(1);
    let lost = board.handle(at(1), Event::WorkerLost(SessionId(1)));
    let Some(Effect::RecordFailure(first)) = lost.first() else {
        panic!("no failure in {lost:?}");
    };
    assert_eq!(first.complaint.kind, FailureKind::WorkerLost);
    assert_eq!(first.hosts, ["h1".to_owned()].into());
    let mut board = Board::new([1; 32], TERMS);
    board.handle(
        at(2),
        Event::SweepAdded(KnownSweep {
            failures: vec![first.clone()],
            ..fixture::known(SWEEP, fixture::plan(16, 1))
        }),
    );
    board.handle(at(2), joined(2, 1));
    board.handle(at(2), Event::Credit(SessionId(2), 1));
    let effects = fail(&mut board, 2, 0);
    let Some(Effect::RecordFailure(second)) = effects.first() else {
        panic!("no failure in {effects:?}");
    };
    assert_eq!(second.attempts, 2);
    assert_eq!(second.hosts, ["h1", "h2"].map(String::from).into());
    assert_eq!(second.complaint, fixture::complaint("no memory"));
}

#[test]
fn a_retried_unit_starts_afresh() {
    let mut board = Board::new([0; 32], TERMS);
    let given_up = Failure {
        unit: UnitId {
            sweep: SWEEP,
            key: unit(0, 0),
        },
        attempts: MAX_ATTEMPTS,
        complaint: fixture::complaint("no memory"),
        worker: WorkerId("w1".into()),
        host: "h1".into(),
        hosts: ["h1".to_owned()].into(),
        fate: Fate::Quarantined,
    };
    board.handle(
        at(0),
        Event::SweepAdded(KnownSweep {
            failures: vec![given_up],
            conflicting: vec![unit(0, 1)],
            ..fixture::known(SWEEP, fixture::plan(32, 1))
        }),
    );
    let state = |board: &Board| board.progress(SWEEP).expect("known").state;
    assert_eq!(state(&board), SweepState::Stuck);
    board.handle(at(0), joined(1, 1));
    board.handle(at(0), Event::Credit(SessionId(1), 1));
    let retried = Event::UnitsRetried(SWEEP, vec![unit(0, 0), unit(0, 1), unit(7, 7)]);
    let effects = board.handle(at(1), retried);
    let lease = sent(&effects)[0];
    assert_eq!((lease.units.blocks.clone(), lease.attempt), (0..2, 1));
    assert_eq!(state(&board), SweepState::Running);
    board.check_invariants(at(1));
}
