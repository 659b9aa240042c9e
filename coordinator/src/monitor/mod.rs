//! What a coordinator says to those who watch it: whether it lives, whether it is ready, and numbers.
//!
//! Sweeps have no names here, and neither has the store. A question waits for the coordinator's loop like everyone else's,
//! but never for long, and there is one at a time.

mod counts;
mod present;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bistable_common::ids::Hash;
use bistable_worker::monitor::{self, Exposition, Watched};
use prometheus_client::registry::Registry;
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

pub(crate) use self::counts::{Counts, OpenConnection, Written};
use crate::{
    dispatch::{Dispatch, DispatchError},
    lead::Role,
    spans::Spans,
    store::{Store, StoreError, blocking},
};

/// A loop that takes longer to answer, and does not wait for the store, is stuck.
const LOOP_PATIENCE: Duration = Duration::from_secs(5);

/// A store that takes longer to answer is as good as away.
const STORE_PATIENCE: Duration = Duration::from_secs(3);

/// Those who look on while a coordinator works.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    /// They count.
    pub counts: Counts,
    /// They tell.
    pub spans: Spans,
}

/// What is watched of a coordinator that serves.
#[derive(Clone)]
pub struct Inside {
    pub(crate) roles: watch::Receiver<Role>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) numerics: Hash,
    pub(crate) counts: Counts,
}

/// What there is to see.
#[derive(Default)]
enum Stage {
    /// Nothing: the store is not open yet.
    #[default]
    Starts,
    Serves(Box<Inside>),
    /// Nothing: a coordinator that leaves waits until nobody holds anything of it.
    Leaves,
}

/// A coordinator that is watched.
#[derive(Default)]
pub struct Watch {
    stage: RwLock<Stage>,
    /// Held by the one question that the store or the loop is asked at a time.
    asking: Mutex<()>,
}

impl Watch {
    /// The coordinator serves.
    pub fn serves(&self, inside: Inside) {
        self.set(Stage::Serves(Box::new(inside)));
    }

    /// The coordinator is about to leave.
    pub fn leaves(&self) {
        self.set(Stage::Leaves);
    }

    fn set(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// What is to be seen; else why there is nothing.
    fn inside(&self) -> Result<Inside, &'static str> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Starts => Err("the store is not open yet"),
            Stage::Serves(inside) => Ok(Inside::clone(inside)),
            Stage::Leaves => Err("the coordinator is leaving"),
        }
    }
}

impl Inside {
    fn dispatch(&self) -> Option<Dispatch> {
        match &*self.roles.borrow() {
            Role::Leading(leading) => Some(leading.dispatch.clone()),
            Role::StandingBy { .. } => None,
        }
    }

    /// Whether the loop answers, if there is one here. One that waits for its store is no better off in a new process.
    async fn live(&self) -> Result<(), String> {
        let Some(dispatch) = self.dispatch() else {
            return Ok(());
        };
        match timeout(LOOP_PATIENCE, dispatch.survey()).await {
            Ok(_) => Ok(()),
            Err(_) if self.counts.waits_for_store() => Ok(()),
            Err(_) => Err("the coordinator's loop does not answer".to_owned()),
        }
    }

    async fn ready(&self) -> Result<(), String> {
        let asked = blocking::<_, StoreError>(&self.store, |store| store.ping());
        match timeout(STORE_PATIENCE, asked).await {
            Ok(Ok(())) => Ok(()),
            // The log says what is wrong with the store; here nobody needs to be trusted with its address.
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready");
                Err("the store fails".to_owned())
            }
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }

    async fn register(&self, registry: &mut Registry) {
        self.counts.register(registry);
        let dispatch = self.dispatch();
        present::register_role(registry, dispatch.is_some());
        if let Some(dispatch) = dispatch {
            present::register_queues(registry, dispatch.queues());
            match timeout(LOOP_PATIENCE, dispatch.survey()).await {
                Ok(Ok(survey)) => present::register_survey(registry, survey),
                // What it does not say is missing.
                Ok(Err(DispatchError::Stopping)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a scrape without the board's numbers"),
                Err(_) => {
                    tracing::warn!("a scrape without the board's numbers: it does not answer")
                }
            }
        }
    }
}

#[tonic::async_trait]
impl Watched for Watch {
    async fn live(&self) -> Result<(), String> {
        match self.inside() {
            Ok(inside) => inside.live().await,
            Err(_) => Ok(()),
        }
    }

    async fn ready(&self) -> Result<(), String> {
        let inside = self.inside()?;
        let asking = timeout(STORE_PATIENCE, self.asking.lock()).await;
        let _asking = asking.map_err(|_| "the store does not answer".to_owned())?;
        inside.ready().await
    }

    async fn metrics(&self, exposition: &mut Exposition) {
        let mut registry = monitor::registry();
        let inside = self.inside();
        let numerics = inside.as_ref().map(|inside| inside.numerics);
        monitor::build_info(&mut registry, numerics.ok());
        // Both may take seconds; Prometheus waits for ten.
        let (ready, ()) = tokio::join!(self.ready(), async {
            if let Ok(inside) = inside {
                inside.register(&mut registry).await;
            }
        });
        present::register_readiness(&mut registry, ready.is_ok());
        exposition.add(&registry);
    }
}
