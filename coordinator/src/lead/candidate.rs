//! The task that campaigns, leads, and stands by, in turns.

use std::{pin::pin, sync::Arc};

use tokio::{
    sync::watch,
    time::{sleep, timeout_at},
};

use super::{Role, Terms};
use crate::{
    dispatch::{Clock, Tasks},
    store::{
        CAMPAIGN_EVERY, Elections, Epoch, RENEW_EVERY, Standing, Store, StoreError, TERM, blocking,
    },
};

/// A coordinator on a store with elections.
pub(super) struct Candidate {
    pub store: Arc<dyn Store>,
    /// Where others reach this coordinator.
    pub url: String,
    pub terms: Terms,
    pub roles: watch::Sender<Role>,
    pub stop: watch::Receiver<bool>,
}

/// Why a term is over.
enum Over {
    /// This coordinator was told to leave.
    Left(Option<Tasks>),
    /// Another one may lead now.
    Lost,
}

impl Candidate {
    /// Asks to lead, once.
    pub async fn campaign(&self) -> Result<Standing, StoreError> {
        let url = self.url.clone();
        ask(&self.store, move |elections| elections.campaign(&url)).await
    }

    /// Goes on from a first campaign until it is told to leave.
    pub async fn run(self, first: Standing) -> Option<Tasks> {
        let mut stop = self.stop.clone();
        let mut standing = Ok(first);
        loop {
            match standing {
                Ok(Standing::Elected { epoch, store }) => {
                    if let Over::Left(tasks) = self.lead(epoch, store).await {
                        return tasks;
                    }
                }
                Ok(Standing::Following { leader }) => self.stand_by(Some(leader)),
                Err(error) => {
                    tracing::warn!(%error, "the store cannot be asked who leads");
                    self.stand_by(None);
                }
            }
            tokio::select! {
                () = asked_to_leave(&mut stop) => return None,
                () = sleep(CAMPAIGN_EVERY) => {}
            }
            standing = self.campaign().await;
        }
    }

    fn stand_by(&self, leader: Option<String>) {
        self.roles.send_modify(|role| {
            let follows = match role {
                Role::StandingBy { leader } => leader.as_deref(),
                Role::Leading(_) => None,
            };
            if let Some(leader) = &leader
                && follows != Some(leader)
            {
                tracing::info!("standing by; {leader} leads");
            }
            *role = Role::StandingBy { leader };
        });
    }

    async fn lead(&self, epoch: Epoch, store: Arc<dyn Store>) -> Over {
        let mut stop = self.stop.clone();
        let mut lost = pin!(hold(Arc::clone(&self.store), epoch));
        let begun = tokio::select! {
            begun = self.terms.begin(store) => begun,
            why = &mut lost => {
                tracing::warn!(%epoch, "lost the lead before it began: {why}");
                return Over::Lost;
            }
            () = asked_to_leave(&mut stop) => {
                self.resign(epoch).await;
                return Over::Left(None);
            }
        };
        let (leading, mut tasks) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::error!(%error, %epoch, "cannot lead");
                self.resign(epoch).await;
                self.stand_by(None);
                return Over::Lost;
            }
        };
        tracing::info!(%epoch, "leading");
        self.roles.send_replace(Role::Leading(leading));
        let why = tokio::select! {
            why = lost => why,
            () = tasks.deposed() => StoreError::Deposed.to_string(),
            () = asked_to_leave(&mut stop) => {
                self.roles.send_replace(Role::StandingBy { leader: None });
                tasks.stop_dispatching().await;
                self.resign(epoch).await;
                return Over::Left(Some(tasks));
            }
        };
        tracing::warn!(%epoch, "no longer leading: {why}");
        self.roles.send_replace(Role::StandingBy { leader: None });
        // It may hang in a call of the store for a while. Nothing waits for it: it can write nothing any more.
        tokio::spawn(async move { tasks.stop_dispatching().await });
        Over::Lost
    }

    async fn resign(&self, epoch: Epoch) {
        if let Err(error) = ask(&self.store, move |elections| elections.resign(epoch)).await {
            tracing::warn!(%error, %epoch, "could not resign; another coordinator will lead a little later");
        }
    }
}

async fn asked_to_leave(stop: &mut watch::Receiver<bool>) {
    // A coordinator that nobody can ask any more leaves, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Renews a term until it is lost; says why. A leader that cannot reach the store for a whole term steps down: another one
/// may lead by then, and its own workers should look for that one.
async fn hold(store: Arc<dyn Store>, epoch: Epoch) -> String {
    let clock = Clock::start();
    let mut until = clock.now() + TERM;
    loop {
        sleep(RENEW_EVERY).await;
        let now = clock.now();
        let renewal = ask(&store, move |elections| elections.renew(epoch));
        match timeout_at(clock.instant(until), renewal).await {
            Ok(Ok(())) => until = now + TERM,
            Ok(Err(StoreError::Deposed)) => return StoreError::Deposed.to_string(),
            Ok(Err(error)) if clock.now() < until => {
                tracing::warn!(%error, %epoch, "could not renew the term; trying again");
            }
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the store did not answer for a whole term".to_owned(),
        }
    }
}

/// Asks a store with elections something about them.
async fn ask<T: Send + 'static>(
    store: &Arc<dyn Store>,
    question: impl FnOnce(&dyn Elections) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    blocking(store, |store| match store.elections() {
        Some(elections) => question(elections),
        // Without elections there is nothing to lose.
        None => Err(StoreError::Deposed),
    })
    .await
}
