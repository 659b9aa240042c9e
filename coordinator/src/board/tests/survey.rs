//! What the board says of itself is what it did.

use std::cell::Cell;

use super::*;
use crate::board::cost::Costs;

#[test]
fn every_unit_is_counted_where_it_stands() {
    let mut board = waiting(10);
    let survey = board.survey();
    assert_eq!((survey.leases, survey.slots), (1, 1));
    assert_eq!(survey.sweeps, [(SWEEP, SweepState::Running)]);
    let first = UnitCounts {
        leased: 2,
        pending: 8,
        ..UnitCounts::default()
    };
    assert_eq!(survey.units, first);
    assert_eq!(survey.remaining_seconds, 10.0, "a second each, unmeasured");
    board.handle(at(2), done(0));
    board.handle(at(2), done(0));
    let survey = board.survey();
    let second = UnitCounts {
        done: 1,
        leased: 1,
        pending: 8,
        ..UnitCounts::default()
    };
    assert_eq!(survey.units, second);
    assert_eq!(survey.remaining_seconds, 0.009);
    let expected = WorkerSurvey {
        worker: WorkerId("w1".into()),
        host: "h1".into(),
        units: 1,
        compute_seconds: 0.001,
    };
    assert_eq!(survey.workers, [expected], "a result counts once");
    let conflict = UnitId {
        sweep: SWEEP,
        key: unit(0, 0),
    };
    board.handle(at(3), Event::UnitConflicting(conflict));
    assert_eq!(board.survey().units.conflicting, 1);
}

#[test]
fn work_is_wanted_of_sweeps_that_run() {
    let mut board = waiting(10);
    board.handle(at(1), Event::ModeSet(SWEEP, Mode::Paused));
    assert_eq!(board.survey().remaining_seconds, 2.0, "what is leased");
    assert_eq!(board.survey().units.pending, 8);
    board.handle(at(1), Event::ModeSet(SWEEP, Mode::Cancelled));
    assert_eq!(board.survey().remaining_seconds, 0.0);
    assert_eq!(board.survey().units, UnitCounts::default());
}

#[test]
fn what_lost_workers_had_is_taken_back() {
    let mut board = waiting(10);
    let none = Deeds {
        granted: 1,
        ..Deeds::default()
    };
    assert_eq!(board.deeds(), none);
    board.handle(at(1), Event::WorkerLost(SessionId(1)));
    let lost = Deeds {
        taken_back: 2,
        workers_lost: 1,
        ..none
    };
    assert_eq!(board.deeds(), lost);
    assert_eq!(board.survey().workers, []);

    // Who hands everything back before it leaves is not lost.
    board.handle(at(2), joined(2, 1));
    board.handle(at(2), Event::Credit(SessionId(2), 1));
    let token = leases(&board)[0].token;
    board.handle(at(3), Event::HandBack(SessionId(2), token));
    board.handle(at(3), Event::WorkerLost(SessionId(2)));
    assert_eq!(board.deeds(), Deeds { granted: 2, ..lost });
    assert_eq!(board.survey().units.pending, 10);
}

#[test]
fn a_unit_that_is_given_up_is_not_taken_back() {
    let mut board = waiting(1);
    for attempt in 1..=u64::from(MAX_ATTEMPTS) {
        assert_eq!(board.survey().units.leased, 1);
        board.handle(at(attempt), Event::WorkerLost(SessionId(attempt)));
        board.handle(at(attempt), joined(attempt + 1, 1));
        board.handle(at(attempt), Event::Credit(SessionId(attempt + 1), 1));
    }
    assert_eq!(board.survey().units.quarantined, 1);
    let attempts = u64::from(MAX_ATTEMPTS);
    let deeds = Deeds {
        granted: attempts,
        taken_back: attempts - 1,
        workers_lost: attempts,
    };
    assert_eq!(board.deeds(), deeds);
}

/// Sixty million units in one cell, and a million in a thousand cells: a look at each would take minutes.
#[test]
fn a_survey_looks_at_cells_and_never_at_units() {
    let mut board = Board::new([0; 32], TERMS);
    board.handle(at(0), known(SWEEP, fixture::plan(1 << 20, 1 << 10)));
    for _ in 0..10_000 {
        assert_eq!(board.survey().units.pending, 1 << 26);
    }
    let looks = Cell::new(0);
    let costs = Costs::new(1_000, &[]);
    let us = costs.work_us(|_| {
        looks.set(looks.get() + 1);
        1_000
    });
    assert_eq!(us, 1e12);
    assert_eq!(looks.get(), 1_000);
}
