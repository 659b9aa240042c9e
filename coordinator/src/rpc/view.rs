//! Where answers about sweeps come from: the board of a leader, or the store of a coordinator that stands by.

use std::{sync::Arc, time::Duration};

use bistable_common::ids::SweepId;
use tokio::sync::watch;

use super::Error;
use crate::dispatch::{Dispatch, DispatchError, Known, Replica, SweepStatus};

/// How often a coordinator that stands by looks for changes, which nobody tells it of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a coordinator knows at the moment.
pub(super) enum View {
    /// It leads.
    Board(Dispatch),
    /// It reads.
    Store(Replica),
}

impl View {
    /// A sweep.
    pub async fn known(&self, id: SweepId) -> Result<Arc<Known>, Error> {
        match self {
            Self::Board(dispatch) => {
                let known = dispatch.registry().get(id);
                known.ok_or_else(|| DispatchError::Unknown(id).into())
            }
            Self::Store(replica) => Ok(replica.known(id).await?),
        }
    }

    /// Where a sweep stands.
    pub async fn status(&self, id: SweepId) -> Result<SweepStatus, DispatchError> {
        match self {
            Self::Board(dispatch) => dispatch.status(id).await,
            Self::Store(replica) => replica.status(id).await,
        }
    }

    /// Where every sweep stands, oldest first.
    pub async fn list(&self) -> Result<Vec<SweepStatus>, DispatchError> {
        match self {
            Self::Board(dispatch) => dispatch.list().await,
            Self::Store(replica) => replica.list().await,
        }
    }

    /// What happens from now on.
    pub fn changes(&self) -> Changes {
        match self {
            Self::Board(dispatch) => {
                let mut changes = dispatch.changes();
                changes.mark_unchanged();
                Changes::Told(changes)
            }
            Self::Store(_) => Changes::Guessed,
        }
    }
}

/// Says when to look again.
pub(super) enum Changes {
    Told(watch::Receiver<u64>),
    Guessed,
}

impl Changes {
    /// Returns when something may have changed. The end of a board is a change, too.
    pub async fn changed(mut self) {
        match &mut self {
            Self::Told(changes) => drop(changes.changed().await),
            Self::Guessed => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
