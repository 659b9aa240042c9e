//! From the domain to messages.

use bistable_common::wire::v1;

use crate::{
    board::{FailureKind, Lease, Progress, SweepState},
    dispatch::{Known, SweepStatus},
    store::Outcome,
};

impl From<SweepState> for v1::SweepState {
    fn from(state: SweepState) -> Self {
        match state {
            SweepState::Running => Self::Running,
            SweepState::Paused => Self::Paused,
            SweepState::Complete => Self::Complete,
            SweepState::Cancelled => Self::Cancelled,
            SweepState::Stuck => Self::Stuck,
        }
    }
}

impl From<v1::FailureKind> for FailureKind {
    fn from(kind: v1::FailureKind) -> Self {
        match kind {
            v1::FailureKind::WorkerLost => Self::WorkerLost,
            v1::FailureKind::Panic => Self::Panic,
            v1::FailureKind::Memory => Self::Memory,
            v1::FailureKind::Data => Self::Data,
            v1::FailureKind::Unfit => Self::Unfit,
            v1::FailureKind::Refused => Self::Refused,
            v1::FailureKind::Other | v1::FailureKind::Unspecified => Self::Other,
        }
    }
}

impl From<FailureKind> for v1::FailureKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::WorkerLost => Self::WorkerLost,
            FailureKind::Panic => Self::Panic,
            FailureKind::Memory => Self::Memory,
            FailureKind::Data => Self::Data,
            FailureKind::Unfit => Self::Unfit,
            FailureKind::Refused => Self::Refused,
            FailureKind::Other => Self::Other,
        }
    }
}

impl From<Outcome> for v1::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Duplicate => Self::Duplicate,
            Outcome::Conflicting => Self::Conflicting,
            Outcome::Stale => Self::Stale,
        }
    }
}

impl From<SweepStatus> for v1::SweepStatus {
    fn from(status: SweepStatus) -> Self {
        let SweepStatus { known, progress } = status;
        let Progress {
            state,
            total,
            done,
            leased,
            quarantined,
            conflicting,
            experiments_total,
            experiments_done,
            workers,
            eta_seconds,
            last_error,
        } = progress;
        Self {
            id: known.sweep.id().to_string(),
            name: known.sweep.name().to_owned(),
            state: v1::SweepState::from(state).into(),
            units_total: total,
            units_done: done,
            units_leased: leased,
            units_quarantined: quarantined,
            units_conflicting: conflicting,
            experiments_total,
            experiments_done,
            workers,
            submitted_at_ms: known.submitted_at.0,
            eta_seconds,
            last_error: last_error.unwrap_or_default(),
            priority: known.priority.0,
        }
    }
}

impl From<Lease> for v1::Lease {
    fn from(lease: Lease) -> Self {
        let Lease {
            token,
            sweep,
            units,
            attempt,
            worker: _,
            host: _,
            deadline: _,
        } = lease;
        Self {
            token: token.0.to_vec().into(),
            sweep: sweep.to_string(),
            cell: units.cell.0,
            replicate: units.replicate.0,
            first_block: units.blocks.start,
            end_block: units.blocks.end,
            attempt,
        }
    }
}

impl From<&Known> for v1::SweepDocument {
    fn from(known: &Known) -> Self {
        Self {
            sweep: known.sweep.id().to_string(),
            canonical_json: known.canonical_json.clone(),
        }
    }
}
