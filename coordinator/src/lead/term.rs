//! What a term of leadership begins with.

use std::sync::Arc;

use bistable_common::ids::Hash;
use bistable_worker::data::Dataset;

use super::Leading;
use crate::{
    board::Terms,
    dispatch::{Backlog, Clock, Dispatch, Tasks},
    machine::Machine,
    monitor::Watchers,
    rpc,
    server::ServerError,
    store::{Store, blocking},
};

/// The same for every term.
pub(crate) struct Mandate {
    pub numerics: Hash,
    pub bundled: Option<Arc<Dataset>>,
    /// What workers are held to.
    pub terms: Terms,
    pub backlog: Backlog,
    pub machine: Arc<dyn Machine>,
    pub watchers: Watchers,
}

impl Mandate {
    /// Rebuilds everything from the store, and starts to dispatch. Leases of earlier leaders wait for their workers.
    pub async fn begin(&self, store: Arc<dyn Store>) -> Result<(Leading, Tasks), ServerError> {
        if let Some(data) = self.bundled.clone() {
            blocking(&store, move |store| rpc::keep(store, &data)).await?;
        }
        let (dispatch, tasks) = Dispatch::start(
            Arc::clone(&store),
            self.numerics,
            self.terms,
            self.backlog,
            Clock::start(self.machine.time()),
            self.machine.secret()?,
            self.watchers.clone(),
        )
        .await?;
        Ok((Leading { dispatch, store }, tasks))
    }
}
