//! The task that campaigns, leads, and stands by, in turns.

use std::{pin::pin, sync::Arc};

use tokio::{
    sync::watch,
    time::{sleep, timeout_at},
};

use super::{Mandate, Role};
use crate::{
    board::Timestamp,
    dispatch::{Clock, Tasks},
    server::ServerError,
    store::{
        CAMPAIGN_EVERY, Elections, Epoch, RENEW_EVERY, Standing, Store, StoreError, TERM, blocking,
    },
};

/// A coordinator on a store with elections.
pub(super) struct Candidate {
    pub store: Arc<dyn Store>,
    /// Where others reach this coordinator.
    pub url: String,
    pub mandate: Mandate,
    pub roles: watch::Sender<Role>,
    pub stop: watch::Receiver<bool>,
}

/// Why a term is over.
enum Over {
    /// This coordinator was told to leave.
    Left(Option<Tasks>),
    /// Another one may lead now.
    Lost,
    /// This coordinator cannot make sense of the store. Others should have their chance.
    Unable,
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
        let mut standing = Ok::<_, StoreError>(first);
        let mut trouble = String::new();
        loop {
            let mut pause = CAMPAIGN_EVERY;
            match standing {
                Ok(Standing::Elected { epoch, store }) => {
                    trouble.clear();
                    match self.lead(epoch, store).await {
                        Over::Left(tasks) => return tasks,
                        Over::Lost => {}
                        Over::Unable => pause = TERM,
                    }
                }
                Ok(Standing::Following { leader }) => {
                    trouble.clear();
                    self.stand_by(Some(leader));
                }
                Err(error) => {
                    // Said once, and not with every try.
                    let words = error.to_string();
                    if words != trouble {
                        tracing::warn!("the store does not say who leads: {words}");
                        trouble = words;
                    }
                    self.stand_by(None);
                }
            }
            tokio::select! {
                biased;
                () = asked_to_leave(&mut stop) => return None,
                () = sleep(pause) => {}
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

    /// Leads for one term.
    async fn lead(&self, epoch: Epoch, store: Arc<dyn Store>) -> Over {
        let mut stop = self.stop.clone();
        let mut lost = pin!(hold(Arc::clone(&self.store), epoch));
        let begun = tokio::select! {
            biased;
            begun = self.mandate.begin(store) => begun,
            why = &mut lost => {
                tracing::warn!(%epoch, "lost the lead before it began: {why}");
                self.stand_by(None);
                return Over::Lost;
            }
            () = asked_to_leave(&mut stop) => {
                self.resign(epoch).await;
                return Over::Left(None);
            }
        };
        let (leading, tasks) = match begun {
            Ok(begun) => begun,
            Err(error) => return self.give_up(epoch, &error).await,
        };
        self.mandate.watchers.counts.leads(Some(epoch));
        tracing::info!(%epoch, "leading");
        self.roles.send_replace(Role::Leading(leading));
        let why = tokio::select! {
            biased;
            why = lost => why,
            () = tasks.deposed() => StoreError::Deposed.to_string(),
            () = asked_to_leave(&mut stop) => return self.leave(epoch, tasks).await,
        };
        tracing::warn!(%epoch, "no longer leading: {why}");
        self.step_down(tasks);
        Over::Lost
    }

    /// Lets another coordinator try, which may be able to lead.
    async fn give_up(&self, epoch: Epoch, error: &ServerError) -> Over {
        tracing::error!(%error, %epoch, "cannot lead");
        self.stand_by(None);
        self.resign(epoch).await;
        Over::Unable
    }

    /// Ends the term so that another coordinator may begin one at once.
    async fn leave(&self, epoch: Epoch, mut tasks: Tasks) -> Over {
        self.stand_by(None);
        tasks.stop_dispatching().await;
        self.resign(epoch).await;
        Over::Left(Some(tasks))
    }

    /// Acknowledges that the term is over.
    fn step_down(&self, mut tasks: Tasks) {
        self.stand_by(None);
        // It may hang in a call of the store for a while. Nothing waits for it: it can write nothing any more.
        tokio::spawn(async move { tasks.stop_dispatching().await });
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
    let clock = Clock::start(Timestamp::default());
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
