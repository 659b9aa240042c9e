//! What can happen to a worker, and what its threads hand on.

use std::{sync::Arc, time::Duration};

use bistable_common::{
    ids::LeaseToken,
    wire::v1::{self, session_response},
};
use tokio::sync::{mpsc, oneshot};

use super::{Client, LinkError};
use crate::data::Dataset;

/// Something the desk must know of.
pub(super) enum Event {
    /// A coordinator said welcome.
    Up(Connection),
    /// It said something else.
    Said(session_response::Message),
    /// The session is over; the connector is on its way to the next.
    Down,
    /// No coordinator will ever take this worker.
    Refused(LinkError),
    /// Leases that are no longer valid.
    Revoked(Vec<LeaseToken>),
    /// A data set that a lease waits for is here, or never will be.
    Data(LeaseToken, Result<Arc<Dataset>, String>),
    /// A unit could not be run or reported.
    Failed(v1::UnitFailed),
    /// A thread is done with a lease, and was at it for so long.
    Computed(LeaseToken, Duration),
    /// All results of a lease are acknowledged.
    Settled(LeaseToken, End),
    /// Somebody wants to know whether anyone listens.
    Asked(oneshot::Sender<()>),
}

/// An open session.
pub(super) struct Connection {
    /// To the coordinator.
    pub outbound: mpsc::Sender<v1::SessionRequest>,
    /// For calls beside the session.
    pub client: Client,
    /// Dropping it breaks the session off.
    pub alive: oneshot::Sender<Goodbye>,
}

/// The worker has said all it had to say; the coordinator may end the session when it has heard it.
pub(super) struct Goodbye;

/// How the numerics left a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Every unit was run, or failed and said so.
    Complete,
    /// Stopped on request.
    Stopped,
}

/// What a thread produces, in order.
pub(super) enum Output {
    /// A unit's result.
    Unit(v1::UnitReport),
    /// Nothing more of this lease.
    End(LeaseToken, End),
}
