//! The life of a lease.

use super::*;

#[test]
fn a_lease_is_saved_before_it_is_sent() {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), known(SWEEP, fixture::plan(64, 1)));
    board.handle(at(0), joined(1, 1));
    let effects = board.handle(at(0), Event::Credit(SessionId(1), 1));
    let lease = leases(&board).remove(0);
    assert_eq!(lease.units.blocks, 0..2);
    assert_eq!(lease.attempt, 1);
    assert_eq!(
        effects,
        [
            Effect::SaveLease(lease.clone()),
            Effect::SendLease(SessionId(1), lease),
            Effect::Progressed(SWEEP)
        ]
    );
}

#[test]
fn a_finished_lease_is_dropped_and_the_sweep_completes() {
    let mut board = waiting(1);
    let token = leases(&board)[0].token;
    let effects = board.handle(at(1), done(0));
    let saved = Effect::SaveCost(SWEEP, CellId(0), 1_000);
    assert_eq!(effects, [Effect::Progressed(SWEEP), saved]);
    assert_eq!(board.handle(at(1), done(0)), []);
    let effects = board.handle(at(1), Event::Finished(SessionId(1), token));
    assert_eq!(
        effects,
        [Effect::DropLease(token), Effect::Progressed(SWEEP)]
    );
    let progress = board.progress(SWEEP).expect("known");
    assert_eq!(progress.state, SweepState::Complete);
    assert_eq!((progress.done, progress.experiments_done), (1, 16));
    assert_eq!(board.next_deadline(), None);
}

#[test]
fn a_lost_worker_s_units_go_to_another_and_only_the_running_one_counts_as_failed() {
    let mut board = waiting(2);
    board.handle(at(0), joined(2, 1));
    board.handle(at(0), Event::Credit(SessionId(2), 2));
    let token = leases(&board)
        .iter()
        .find(|lease| lease.worker == WorkerId("w1".into()))
        .expect("a lease")
        .token;
    board.handle(at(1), Event::Credit(SessionId(2), 2));
    let effects = board.handle(at(1), Event::WorkerLost(SessionId(1)));
    assert!(effects.contains(&Effect::DropLease(token)));
    let failures = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::RecordFailure(_)));
    assert_eq!(failures.count(), 1);
    let again = sent(&effects);
    assert_eq!(again[0].worker, WorkerId("w2".into()));
    assert_eq!(again[0].attempt, 2);
    board.check_invariants(at(0));
}

#[test]
fn beats_keep_a_lease_and_silence_loses_the_worker() {
    let mut board = waiting(1);
    let token = leases(&board)[0].token;
    let beat =
        |board: &mut Board, now| board.handle(now, Event::Beat(WorkerId("w1".into()), vec![token]));
    assert_eq!(beat(&mut board, at(4)), []);
    let extended = [Effect::ExtendLease(token, at(19))];
    assert_eq!(beat(&mut board, at(9)), extended);
    assert_eq!(board.next_deadline(), Some(at(19)));
    assert_eq!(board.handle(at(18), Event::Tick), []);
    let effects = board.handle(at(19), Event::Tick);
    assert!(effects.contains(&Effect::Disconnect(SessionId(1))));
    assert_eq!(beat(&mut board, at(20)), [Effect::Refuse(token)]);
}

#[test]
fn a_forgotten_lease_is_taken_from_a_living_worker() {
    let mut board = waiting(1);
    let token = leases(&board)[0].token;
    board.handle(at(9), Event::Beat(WorkerId("w1".into()), vec![]));
    let effects = board.handle(at(10), Event::Tick);
    assert!(effects.contains(&Effect::Revoke(SessionId(1), token)));
    assert!(!effects.contains(&Effect::Disconnect(SessionId(1))));
}

#[test]
fn another_worker_s_token_opens_nothing() {
    let mut board = waiting(1);
    board.handle(at(0), joined(2, 1));
    let token = leases(&board)[0].token;
    assert_eq!(
        board.handle(at(1), Event::HandBack(SessionId(2), token)),
        []
    );
    let refused = board.handle(at(1), Event::Beat(WorkerId("w2".into()), vec![token]));
    assert_eq!(refused, [Effect::Refuse(token)]);
    let unknown = LeaseToken([9; 16]);
    assert_eq!(
        board.handle(at(1), Event::Finished(SessionId(1), unknown)),
        []
    );
}

#[test]
fn handing_back_is_no_failure() {
    let mut board = waiting(1);
    let token = leases(&board)[0].token;
    let effects = board.handle(at(1), Event::HandBack(SessionId(1), token));
    assert_eq!(
        effects,
        [Effect::DropLease(token), Effect::Progressed(SWEEP)]
    );
}

#[test]
fn a_unit_that_keeps_failing_is_given_up_and_the_rest_goes_on() {
    let mut board = waiting(2);
    for attempt in 1..=MAX_ATTEMPTS {
        let lease = leases(&board).remove(0);
        let poisoned = UnitId {
            sweep: SWEEP,
            key: unit(0, 0),
        };
        let failed = Event::UnitFailed {
            session: SessionId(1),
            token: lease.token,
            unit: poisoned,
            complaint: fixture::complaint("no memory"),
        };
        let effects = board.handle(at(1), failed);
        let Some(Effect::RecordFailure(failure)) = effects.first() else {
            panic!("no failure in {effects:?}");
        };
        assert_eq!(failure.attempts, attempt);
        let expected = match attempt == MAX_ATTEMPTS {
            true => Fate::Quarantined,
            false => Fate::Retried,
        };
        assert_eq!(failure.fate, expected);
        board.handle(at(1), Event::HandBack(SessionId(1), lease.token));
        board.handle(at(1), Event::Credit(SessionId(1), 1));
        board.check_invariants(at(0));
    }
    board.handle(at(2), done(1));
    let progress = board.progress(SWEEP).expect("known");
    assert_eq!(progress.state, SweepState::Stuck);
    assert_eq!(progress.last_error.as_deref(), Some("no memory"));
    board.handle(at(3), done(0));
    let progress = board.progress(SWEEP).expect("known");
    assert_eq!(progress.state, SweepState::Complete);
    assert_eq!(progress.last_error, None);
}

#[test]
fn cancelling_revokes_and_reviving_leases_again() {
    let mut board = waiting(1);
    let token = leases(&board)[0].token;
    let effects = board.handle(at(1), Event::ModeSet(SWEEP, Mode::Cancelled));
    assert_eq!(effects[0], Effect::Revoke(SessionId(1), token));
    assert_eq!(effects[1], Effect::DropLease(token));
    board.handle(at(2), Event::Credit(SessionId(1), 1));
    let state = |board: &Board| board.progress(SWEEP).expect("known").state;
    assert_eq!(state(&board), SweepState::Cancelled);
    let effects = board.handle(at(3), Event::ModeSet(SWEEP, Mode::Running));
    assert_eq!(sent(&effects).len(), 1);
    assert_eq!(state(&board), SweepState::Running);
}

#[test]
fn pausing_lets_leases_run_and_gives_no_new_ones() {
    let mut board = waiting(4);
    board.handle(at(1), Event::ModeSet(SWEEP, Mode::Paused));
    assert_eq!(leases(&board).len(), 1);
    let effects = board.handle(at(1), Event::Credit(SessionId(1), 1));
    assert_eq!(sent(&effects).len(), 0);
}

#[test]
fn sweeps_take_turns() {
    let mut board = Board::new([0; 32], TERMS);
    let other = SweepId([2; 8]);
    board.handle(at(0), known(SWEEP, fixture::plan(640, 1)));
    board.handle(at(0), known(other, fixture::plan(640, 1)));
    board.handle(at(0), joined(1, 4));
    let effects = board.handle(at(0), Event::Credit(SessionId(1), 4));
    let order: Vec<SweepId> = sent(&effects).iter().map(|lease| lease.sweep).collect();
    assert_eq!(order, [SWEEP, other, SWEEP, other]);
}

#[test]
fn credit_beyond_use_is_not_believed() {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), joined(1, 3));
    board.handle(at(0), Event::Credit(SessionId(1), u32::MAX));
    let effects = board.handle(at(0), known(SWEEP, fixture::plan(1 << 14, 4)));
    // Of nothing is known what it costs, so it has one to work on and one to go on with.
    assert_eq!(sent(&effects).len(), 6);
}

#[test]
fn the_same_worker_twice_is_the_second() {
    let mut board = waiting(1);
    let again = Event::WorkerJoined(SessionId(5), arrival(1, 1));
    let effects = board.handle(at(1), again);
    assert!(effects.contains(&Effect::Disconnect(SessionId(1))));
    board.handle(at(1), Event::WorkerLost(SessionId(1)));
    let effects = board.handle(at(1), Event::Credit(SessionId(5), 1));
    assert_eq!(sent(&effects).len(), 1);
    board.check_invariants(at(0));
}
