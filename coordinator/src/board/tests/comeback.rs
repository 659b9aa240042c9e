//! Leases outlive sessions and coordinators.

use super::*;

/// Another life of a coordinator, which finds `lease` in its store.
fn restarted(lease: &Lease) -> Board {
    let mut board = Board::new([1; 32], TERMS);
    board.handle(
        at(100),
        Event::SweepAdded(KnownSweep {
            leases: vec![lease.clone()],
            ..fixture::known(SWEEP, fixture::plan(32, 1))
        }),
    );
    board
}

fn back(held: Vec<LeaseToken>) -> Event {
    let arrival = Arrival {
        held,
        ..arrival(1, 1)
    };
    Event::WorkerJoined(SessionId(9), arrival)
}

#[test]
fn a_lease_of_an_earlier_life_is_adopted_under_its_token() {
    let lease = leases(&waiting(2)).remove(0);
    let mut board = restarted(&lease);
    // Until its worker is here nobody else gets its units.
    board.handle(at(101), joined(2, 1));
    let effects = board.handle(at(101), Event::Credit(SessionId(2), 1));
    assert_eq!(sent(&effects).len(), 0);
    let effects = board.handle(at(102), back(vec![lease.token]));
    assert_eq!(
        effects,
        [
            Effect::ExtendLease(lease.token, at(112)),
            Effect::Progressed(SWEEP)
        ]
    );
    board.check_invariants(at(102));
    board.handle(at(103), done(0));
    board.handle(at(103), done(1));
    let effects = board.handle(at(104), Event::Finished(SessionId(9), lease.token));
    assert!(effects.contains(&Effect::DropLease(lease.token)));
    let progress = board.progress(SWEEP).expect("known");
    assert_eq!(progress.state, SweepState::Complete);
}

#[test]
fn a_worker_that_does_not_come_back_is_waited_for_so_long() {
    let lease = leases(&waiting(2)).remove(0);
    let mut board = restarted(&lease);
    assert_eq!(board.next_deadline(), Some(at(106)));
    board.handle(at(101), joined(2, 1));
    board.handle(at(101), Event::Credit(SessionId(2), 1));
    let effects = board.handle(at(106), Event::Tick);
    assert_eq!(effects[1], Effect::DropLease(lease.token));
    assert_eq!(
        sent(&effects)[0].attempt,
        2,
        "it may be why its worker is gone"
    );
}

#[test]
fn what_a_worker_does_not_present_nobody_works_on() {
    let lease = leases(&waiting(2)).remove(0);
    let mut board = restarted(&lease);
    let effects = board.handle(at(101), back(vec![]));
    assert_eq!(
        effects,
        [Effect::DropLease(lease.token), Effect::Progressed(SWEEP)]
    );
    let effects = board.handle(at(101), Event::Credit(SessionId(9), 1));
    assert_eq!(sent(&effects)[0].attempt, 1, "nothing failed");
}

#[test]
fn nobody_presents_another_s_lease() {
    let lease = leases(&waiting(2)).remove(0);
    let mut board = restarted(&lease);
    let thief = Arrival {
        held: vec![lease.token],
        ..arrival(2, 1)
    };
    let effects = board.handle(at(101), Event::WorkerJoined(SessionId(2), thief));
    assert_eq!(effects, [Effect::Revoke(SessionId(2), lease.token)]);
}

#[test]
fn a_name_is_taken_while_its_worker_is_there() {
    let mut board = waiting(2);
    let proven = |proof| Arrival {
        proof,
        ..arrival(1, 1)
    };
    assert!(board.is_taken(&proven(Some([2; 16]))) && board.is_taken(&proven(None)));
    assert!(!board.is_taken(&proven(Some([1; 16]))), "it is the same");
    assert!(!board.is_taken(&arrival(2, 1)), "another name");
    board.handle(at(1), Event::WorkerLost(SessionId(1)));
    assert!(!board.is_taken(&proven(Some([2; 16]))), "nobody has it");
}

#[test]
fn without_grace_leases_of_an_earlier_life_are_over() {
    let lease = leases(&waiting(2)).remove(0);
    let terms = Terms {
        grace: Duration::ZERO,
        ..TERMS
    };
    let mut board = Board::new([1; 32], terms);
    let effects = board.handle(
        at(100),
        Event::SweepAdded(KnownSweep {
            leases: vec![lease.clone()],
            ..fixture::known(SWEEP, fixture::plan(32, 1))
        }),
    );
    assert_eq!(effects[0], Effect::DropLease(lease.token));
    assert_eq!(board.progress(SWEEP).expect("known").leased, 0);
    assert_eq!(board.next_deadline(), None);
}

#[test]
fn a_lease_whose_units_are_done_is_dropped_at_start() {
    let lease = leases(&waiting(2)).remove(0);
    let mut board = Board::new([1; 32], TERMS);
    let effects = board.handle(
        at(100),
        Event::SweepAdded(KnownSweep {
            done: vec![lease.units.clone()],
            leases: vec![lease.clone()],
            ..fixture::known(SWEEP, fixture::plan(32, 1))
        }),
    );
    assert_eq!(effects[0], Effect::DropLease(lease.token));
}

#[test]
fn a_worker_that_connects_again_keeps_what_it_presents() {
    let mut board = waiting(2);
    let token = leases(&board)[0].token;
    let effects = board.handle(at(1), back(vec![token]));
    assert_eq!(effects[0], Effect::Disconnect(SessionId(1)));
    assert_eq!(board.leases[&token].session, Some(SessionId(9)));
    // The end of the old session comes late, and takes nothing with it.
    assert_eq!(board.handle(at(2), Event::WorkerLost(SessionId(1))), []);
    assert_eq!(board.leases.len(), 1);
    board.check_invariants(at(2));
}
