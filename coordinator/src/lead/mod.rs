//! Which coordinator leads: this one, or another one on the same store.
//!
//! A store that only one coordinator can open makes that one the leader. A store with elections chooses: a [`Candidate`]
//! campaigns, leads for a term, and stands by again when the term is lost. Everyone else asks [`Role`].

mod candidate;
mod term;

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};

use self::candidate::Candidate;
pub(crate) use self::term::Mandate;
use crate::{
    dispatch::{Dispatch, Tasks},
    server::ServerError,
    store::Store,
};

/// What a coordinator is at the moment.
#[derive(Clone)]
pub(crate) enum Role {
    /// It decides and writes.
    Leading(Leading),
    /// It reads. Another one leads, if anyone does.
    StandingBy {
        /// Where that one can be reached.
        leader: Option<String>,
    },
}

/// What only a leader has.
#[derive(Clone)]
pub(crate) struct Leading {
    pub dispatch: Dispatch,
    /// The store, to write to.
    pub store: Arc<dyn Store>,
}

/// The part of a coordinator that leads whenever it may.
pub(crate) struct Lead {
    roles: watch::Receiver<Role>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Option<Tasks>>,
}

impl Lead {
    /// Leads, or campaigns to; returns when it is known which. Others reach this coordinator at `url`.
    pub async fn start(
        store: Arc<dyn Store>,
        url: String,
        mandate: Mandate,
    ) -> Result<Self, ServerError> {
        let (stop, stopped) = watch::channel(false);
        if store.elections().is_none() {
            return Self::alone(store, mandate, stop, stopped).await;
        }
        let (roles_in, mut roles) = watch::channel(Role::StandingBy { leader: None });
        let candidate = Candidate {
            store,
            url,
            mandate,
            roles: roles_in,
            stop: stopped,
        };
        let standing = candidate.campaign().await?;
        let task = tokio::spawn(candidate.run(standing));
        // If the candidate is gone, calls will say so.
        let _ = roles.changed().await;
        Ok(Self { roles, stop, task })
    }

    async fn alone(
        store: Arc<dyn Store>,
        mandate: Mandate,
        stop: watch::Sender<bool>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<Self, ServerError> {
        let (leading, mut tasks) = mandate.begin(store).await?;
        mandate.watchers.counts.leads(None);
        let (roles_in, roles) = watch::channel(Role::Leading(leading));
        let task = tokio::spawn(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
            tasks.stop_dispatching().await;
            // Results that are on their way are still recorded.
            drop(roles_in);
            Some(tasks)
        });
        Ok(Self { roles, stop, task })
    }

    /// What this coordinator is, from now on.
    pub fn roles(&self) -> watch::Receiver<Role> {
        self.roles.clone()
    }

    /// Stops leading politely: no session goes on, and another coordinator may lead at once. What was recorded last may
    /// still be on its way; the tasks know.
    pub async fn leave(self) -> Option<Tasks> {
        self.stop.send_replace(true);
        // A panic of the task was already reported by the runtime.
        self.task.await.ok().flatten()
    }
}
