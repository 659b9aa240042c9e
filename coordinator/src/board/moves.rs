//! The legal moves of a unit: one table.

/// Where a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitState {
    /// Nobody works on it.
    Pending,
    /// It is part of a lease.
    Leased,
    /// It has a result.
    Done,
    /// It was given up after repeated failures.
    Quarantined,
    /// It has results that differ.
    Conflicting,
}

/// What happens to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// It is given to a worker.
    Lease,
    /// It comes back without a result.
    Return,
    /// A result is stored, or was already.
    Finish,
    /// Another result than the stored one was reported.
    Conflict,
    /// It is given up.
    Quarantine,
    /// A client wants it tried again; whatever results it had are forgotten.
    Retry,
}

/// A move that cannot happen: a defect of the board, never of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a unit that is {state:?} cannot make the move {attempted:?}")]
pub struct IllegalMove {
    /// Where the unit stood.
    pub state: UnitState,
    /// What was tried.
    pub attempted: Move,
}

/// The table.
pub fn next(state: UnitState, attempted: Move) -> Result<UnitState, IllegalMove> {
    use {Move as M, UnitState as S};
    match (state, attempted) {
        (S::Pending, M::Lease) => Ok(S::Leased),
        (S::Leased, M::Return) => Ok(S::Pending),
        (S::Leased, M::Quarantine) => Ok(S::Quarantined),
        // Results count whoever brings them and whenever: the store has already decided.
        (S::Pending | S::Leased | S::Done | S::Quarantined, M::Finish) => Ok(S::Done),
        // The news of a first result may arrive after that of a conflict with it.
        (S::Conflicting, M::Finish) => Ok(S::Conflicting),
        (S::Quarantined | S::Conflicting, M::Retry) => Ok(S::Pending),
        (_, M::Conflict) => Ok(S::Conflicting),
        (state, attempted) => Err(IllegalMove { state, attempted }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [UnitState; 5] = [
        UnitState::Pending,
        UnitState::Leased,
        UnitState::Done,
        UnitState::Quarantined,
        UnitState::Conflicting,
    ];

    /// The table once more, a column a state: what each move makes of it.
    #[test]
    fn every_move_is_legal_or_not() {
        use UnitState::{Conflicting as C, Done as D, Leased as L, Pending as P, Quarantined as Q};
        let table = [
            (Move::Lease, [Some(L), None, None, None, None]),
            (Move::Return, [None, Some(P), None, None, None]),
            (Move::Finish, [Some(D), Some(D), Some(D), Some(D), Some(C)]),
            (Move::Conflict, [Some(C); 5]),
            (Move::Quarantine, [None, Some(Q), None, None, None]),
            (Move::Retry, [None, None, None, Some(P), Some(P)]),
        ];
        for (attempted, expected) in table {
            for (state, after) in STATES.into_iter().zip(expected) {
                let refused = IllegalMove { state, attempted };
                assert_eq!(next(state, attempted), after.ok_or(refused));
            }
        }
    }
}
