//! What the dispatcher is asked, and what it answers.

use std::{sync::Arc, time::Duration};

use bistable_common::{
    ids::{LeaseToken, SweepId, WorkerId},
    sweep::Sweep,
};
use tokio::sync::{mpsc, oneshot};

use super::{DispatchError, registry::Known};
use crate::board::{Arrival, Event, Lease, Priority, Progress, SessionId, Survey, SweepState};

/// What a session's worker is told.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    /// A sweep that leases will refer to; once a session.
    Sweep(Arc<Known>),
    /// Work.
    Lease(Lease),
    /// Stop.
    Revoke(LeaseToken),
    /// The worker said something that means nothing; the session is over.
    Broken(String),
}

/// The answer to a sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// Tokens that are not, or no longer, the worker's.
    pub refused: Vec<LeaseToken>,
    /// How often to beat from now on.
    pub interval: Duration,
}

/// A sweep and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct SweepStatus {
    pub known: Arc<Known>,
    pub progress: Progress,
}

impl SweepStatus {
    /// A sweep that nobody here can go on with is stuck, whatever its board says.
    pub fn new(known: Arc<Known>, mut progress: Progress) -> Self {
        if known.foreign && !progress.state.is_settled() {
            progress.state = SweepState::Stuck;
            progress.last_error =
                Some(DispatchError::ForeignNumerics(known.sweep.id()).to_string());
        }
        Self { known, progress }
    }
}

/// What a client wants of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steering {
    Pause,
    Resume,
    Cancel,
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, DispatchError>>;

pub(super) enum Command {
    /// Something happened that the board should hear.
    Event(Event),
    /// The store has these results.
    Recorded(Vec<Event>),
    Beat(WorkerId, Vec<LeaseToken>, Reply<Pulse>),
    Join(
        Arrival,
        mpsc::Sender<Outgoing>,
        Reply<(SessionId, Duration)>,
    ),
    Submit(Box<Sweep>, Option<Priority>, Reply<(SweepStatus, Existed)>),
    Steer(SweepId, Steering, Reply<SweepStatus>),
    /// Sent by the recorder alone.
    Delete(SweepId, Reply<()>),
    Status(SweepId, Reply<SweepStatus>),
    List(Reply<Vec<SweepStatus>>),
    Survey(Reply<Survey>),
}

/// Whether a submitted sweep was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Existed(pub bool);
