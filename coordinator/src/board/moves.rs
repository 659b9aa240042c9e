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
        (_, M::Conflict) => Ok(S::Conflicting),
        (state, attempted) => Err(IllegalMove { state, attempted }),
    }
}
