//! The sessions of the workers that are connected, and the letters to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bistable_common::ids::SweepId;
use tokio::sync::mpsc;

use super::{Outgoing, registry::Known};
use crate::board::SessionId;

/// A worker that does not read, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreachable;

struct Session {
    outbox: mpsc::Sender<Outgoing>,
    /// Sweeps whose documents it has.
    knows: BTreeSet<SweepId>,
}

#[derive(Default)]
pub(super) struct Sessions {
    last: u64,
    open: BTreeMap<SessionId, Session>,
}

impl Sessions {
    pub fn open(&mut self, outbox: mpsc::Sender<Outgoing>) -> SessionId {
        self.last += 1;
        let session = Session {
            outbox,
            knows: BTreeSet::new(),
        };
        self.open.insert(SessionId(self.last), session);
        SessionId(self.last)
    }

    /// Ends a session: its stream ends with its outbox.
    pub fn close(&mut self, session: SessionId) {
        self.open.remove(&session);
    }

    /// Puts a letter into the session's outbox. Never waits: an outbox has room for all that a worker can be owed, so a full
    /// one belongs to a worker that does not read.
    pub fn send(&mut self, session: SessionId, letter: Outgoing) -> Result<(), Unreachable> {
        let session = self.open.get_mut(&session).ok_or(Unreachable)?;
        session.outbox.try_send(letter).map_err(|_| Unreachable)
    }

    /// Sends the document of a sweep, once a session.
    pub fn introduce(&mut self, id: SessionId, known: Arc<Known>) -> Result<(), Unreachable> {
        let session = self.open.get_mut(&id).ok_or(Unreachable)?;
        if session.knows.insert(known.sweep.id()) {
            self.send(id, Outgoing::Sweep(known))?;
        }
        Ok(())
    }
}
