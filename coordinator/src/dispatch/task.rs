//! The task that owns the board: it feeds it and carries out what it decides.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bistable_common::{
    ids::{Hash, LeaseToken, SweepId},
    sweep::Sweep,
};
use tokio::sync::{mpsc, watch};

use super::{
    Command, DispatchError, Existed, Outgoing, Pulse, Registry, Steering, SweepStatus,
    clock::{Clock, Stopwatch},
    command::Reply,
    deposition::Deposition,
    load::load,
    registry::Known,
    sessions::{Sessions, Unreachable},
};
use crate::{
    board::{Arrival, Board, Effect, Event, KnownSweep, Lease, Mode, Priority, SessionId},
    monitor::{self, Counts},
    spans::Chronicle,
    store::{Change, Lifecycle, Store, StoreError, Submitted, blocking},
};

/// Commands whose decisions share a transaction, at most.
const MAX_COMMANDS: usize = 256;

/// How long to wait before decisions are written again after the store failed.
const STORE_RETRY: Duration = Duration::from_secs(1);

pub(super) struct Dispatcher {
    pub store: Arc<dyn Store>,
    pub numerics: Hash,
    pub clock: Clock,
    pub board: Board,
    pub registry: Registry,
    pub sessions: Sessions,
    pub changes: watch::Sender<u64>,
    pub stop: watch::Receiver<bool>,
    pub deposition: Deposition,
    pub counts: Counts,
    pub chronicle: Chronicle,
    /// Decided, not yet durable.
    pub unwritten: Vec<Change>,
    /// Letters that may go when the decisions are durable.
    pub unsent: VecDeque<Letter>,
}

/// What became of decisions.
enum Written {
    /// They are in the store.
    Durably,
    /// They will not be: this dispatcher's time is over.
    Never,
}

pub(super) enum Letter {
    Lease(SessionId, Lease),
    Revoke(SessionId, LeaseToken),
    Goodbye(SessionId),
}

impl Dispatcher {
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        // What became of the leases of an earlier life.
        if let Written::Never = self.flush().await {
            return;
        }
        let mut batch = Vec::new();
        loop {
            let deadline = self.board.next_deadline();
            let wake = deadline.map(|time| self.clock.instant(time));
            tokio::select! {
                // What has arrived is heard before a deadline is judged.
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return,
                received = commands.recv_many(&mut batch, MAX_COMMANDS) => {
                    if received == 0 {
                        return;
                    }
                }
                () = sleep_until(wake) => {}
            }
            // Also if commands never cease to arrive.
            if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                batch.push(Command::Event(Event::Tick));
            }
            for command in batch.drain(..) {
                self.perform(command).await;
            }
            if let Written::Never = self.flush().await {
                return;
            }
        }
    }

    async fn perform(&mut self, command: Command) {
        // An answer that nobody waits for any more is not sent: `let _`.
        match command {
            Command::Event(event) => drop(self.feed(event)),
            Command::Recorded(events) => events.into_iter().for_each(|event| {
                self.feed(event);
            }),
            Command::Beat(worker, tokens, reply) => {
                let refused = self.feed(Event::Beat(worker, tokens));
                let interval = self.board.beat_interval();
                let _ = reply.send(Ok(Pulse { refused, interval }));
            }
            Command::Join(arrival, outbox, reply) => self.join(arrival, outbox, reply),
            Command::Submit(sweep, priority, reply) => {
                let _ = reply.send(self.submit(*sweep, priority).await);
            }
            Command::Steer(id, steering, reply) => {
                let _ = reply.send(self.steer(id, steering).await);
            }
            Command::Delete(id, reply) => {
                let _ = reply.send(self.delete(id).await);
            }
            Command::Status(id, reply) => {
                let _ = reply.send(self.status(id));
            }
            Command::Survey(reply) => {
                let _ = reply.send(Ok(self.survey()));
            }
            Command::List(reply) => {
                let all = self.registry.all();
                let statuses = all.into_iter().map(|known| self.status_of(known));
                let _ = reply.send(statuses.collect());
            }
        }
    }

    /// Adds a sweep that the board does not know.
    pub fn add(&mut self, sweep: KnownSweep) {
        let id = sweep.id;
        self.feed(Event::SweepAdded(sweep));
        self.chronicle.sweep_is(id, self.board.state(id));
    }

    /// Feeds the board and sorts its decisions; returns the tokens that a beat is refused.
    pub fn feed(&mut self, event: Event) -> Vec<LeaseToken> {
        let mut refused = Vec::new();
        let now = self.clock.now();
        let before = self.board.deeds();
        let effects = self.board.handle(now, event);
        self.counts.deeds(before, self.board.deeds());
        #[cfg(test)]
        self.board.check_invariants(now);
        for effect in effects {
            match effect {
                Effect::SaveLease(lease) => {
                    self.chronicle.lease_begins(&lease);
                    self.unwritten.push(Change::SaveLease(lease));
                }
                Effect::ExtendLease(token, deadline) => {
                    self.unwritten.push(Change::ExtendLease(token, deadline));
                }
                Effect::DropLease(token) => {
                    self.chronicle.lease_ends(token);
                    self.unwritten.push(Change::DropLease(token));
                }
                Effect::RecordFailure(failure) => {
                    tracing::warn!(unit = ?failure.unit, attempts = failure.attempts, worker = %failure.worker,
                        host = failure.host, fate = ?failure.fate, "a unit failed: {}", failure.complaint.error);
                    self.counts.failed(failure.complaint.kind, failure.fate);
                    self.chronicle.failed(&failure);
                    self.unwritten.push(Change::RecordFailure(failure));
                }
                Effect::SaveCost(sweep, cell, us) => {
                    self.unwritten.push(Change::SaveCost(sweep, cell, us));
                }
                Effect::SendLease(session, lease) => {
                    self.unsent.push_back(Letter::Lease(session, lease));
                }
                Effect::Revoke(session, token) => {
                    self.unsent.push_back(Letter::Revoke(session, token));
                }
                Effect::Disconnect(session) => self.unsent.push_back(Letter::Goodbye(session)),
                Effect::Refuse(token) => refused.push(token),
                // Watchers look for themselves; they only need to know that there is something to see.
                Effect::Progressed(sweep) => {
                    self.chronicle.sweep_is(sweep, self.board.state(sweep));
                    self.changes.send_modify(|count| *count += 1);
                }
            }
        }
        refused
    }

    /// Makes decisions durable, then sends what follows from them.
    async fn flush(&mut self) -> Written {
        loop {
            if let Written::Never = self.write().await {
                return Written::Never;
            }
            let Some(letter) = self.unsent.pop_front() else {
                return Written::Durably;
            };
            let (session, sent) = self.deliver(letter);
            if sent.is_err() {
                self.feed(Event::WorkerLost(session));
            }
        }
    }

    fn deliver(&mut self, letter: Letter) -> (SessionId, Result<(), Unreachable>) {
        match letter {
            Letter::Lease(session, lease) => {
                // A sweep that was deleted meanwhile took its leases with it.
                let Some(known) = self.registry.get(lease.sweep) else {
                    return (session, Ok(()));
                };
                let introduced = self.sessions.introduce(session, known);
                let lease = Outgoing::Lease(lease);
                let sent = introduced.and_then(|()| self.sessions.send(session, lease));
                (session, sent)
            }
            Letter::Revoke(session, token) => {
                let sent = self.sessions.send(session, Outgoing::Revoke(token));
                (session, sent)
            }
            Letter::Goodbye(session) => {
                self.sessions.close(session);
                (session, Ok(()))
            }
        }
    }

    /// Writes decisions until the store takes them: without its store a coordinator may decide nothing. Never, if the
    /// coordinator stops or is deposed instead.
    async fn write(&mut self) -> Written {
        if self.unwritten.is_empty() {
            return Written::Durably;
        }
        let changes: Arc<[Change]> = std::mem::take(&mut self.unwritten).into();
        let _waiting = self.counts.at_store();
        loop {
            let shared = Arc::clone(&changes);
            let began = Stopwatch::start();
            let applied = blocking(&self.store, move |store| store.apply(&shared)).await;
            self.counts
                .committed(monitor::Written::Decisions, began, &applied);
            match applied {
                Ok(()) => return Written::Durably,
                Err(StoreError::Deposed) => {
                    self.deposition.announce();
                    return Written::Never;
                }
                Err(error) => {
                    tracing::error!(%error, "decisions could not be stored; trying again")
                }
            }
            let stopping = self.stop.wait_for(|stop| *stop);
            if tokio::time::timeout(STORE_RETRY, stopping).await.is_ok() {
                return Written::Never;
            }
        }
    }

    /// Calls the store; nobody can blame this task for how long that takes.
    async fn at_store<T, E>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let _waiting = self.counts.at_store();
        blocking(&self.store, call).await
    }

    fn join(
        &mut self,
        arrival: Arrival,
        outbox: mpsc::Sender<Outgoing>,
        reply: Reply<(SessionId, Duration)>,
    ) {
        if self.board.is_taken(&arrival) {
            tracing::warn!(worker = %arrival.worker, host = arrival.host, "another worker of this name is at work");
            let _ = reply.send(Err(DispatchError::NameTaken(arrival.worker)));
            return;
        }
        let session = self.sessions.open(outbox);
        tracing::info!(worker = %arrival.worker, host = arrival.host, slots = arrival.slots,
            leases = arrival.held.len(), "a worker joined");
        self.feed(Event::WorkerJoined(session, arrival));
        let interval = self.board.beat_interval();
        if reply.send(Ok((session, interval))).is_err() {
            self.feed(Event::WorkerLost(session));
        }
    }

    async fn submit(
        &mut self,
        sweep: Sweep,
        priority: Option<Priority>,
    ) -> Result<(SweepStatus, Existed), DispatchError> {
        self.flush().await;
        let (id, numerics, now) = (sweep.id(), self.numerics, self.clock.now());
        let (submitted, known, loaded) = self
            .at_store(move |store| {
                let submitted = store.submit_sweep(&sweep, numerics, priority, now)?;
                let stored = store.sweep(id)?.ok_or(DispatchError::Unknown(id))?;
                let (known, loaded) = load(store, stored, Vec::new(), numerics)?;
                Ok::<_, DispatchError>((submitted, known, loaded))
            })
            .await?;
        if submitted == Submitted::ForeignNumerics {
            return Err(DispatchError::ForeignNumerics(id));
        }
        tracing::info!(sweep = %id, name = known.sweep.name(), "a sweep was submitted");
        let priority = known.priority;
        self.registry.put(known);
        match self.board.progress(id) {
            // What the board knows is newer than what was read, and it must not lose its leases.
            Some(_) => {
                self.feed(Event::PrioritySet(id, priority));
                self.feed(Event::ModeSet(id, Mode::Running));
            }
            None => self.add(loaded),
        };
        let existed = Existed(submitted == Submitted::Revived);
        Ok((self.status(id)?, existed))
    }

    async fn steer(
        &mut self,
        id: SweepId,
        steering: Steering,
    ) -> Result<SweepStatus, DispatchError> {
        let known = self.registry.get(id).ok_or(DispatchError::Unknown(id))?;
        let (lifecycle, mode) = match (steering, known.lifecycle) {
            (Steering::Pause | Steering::Resume, Lifecycle::Cancelled) => {
                return Err(DispatchError::Cancelled(id));
            }
            (Steering::Resume, _) if known.foreign => {
                return Err(DispatchError::ForeignNumerics(id));
            }
            (Steering::Pause, _) => (Lifecycle::Paused, Mode::Paused),
            (Steering::Resume, _) => (Lifecycle::Running, Mode::Running),
            (Steering::Cancel, _) => (Lifecycle::Cancelled, Mode::Cancelled),
        };
        let write = move |store: &dyn Store| store.set_lifecycle(id, lifecycle);
        if !self.at_store::<_, StoreError>(write).await? {
            return Err(DispatchError::Unknown(id));
        }
        self.registry.put(Known {
            sweep: known.sweep.clone(),
            plan: known.plan.clone(),
            canonical_json: known.canonical_json.clone(),
            lifecycle,
            ..*known
        });
        self.feed(Event::ModeSet(id, mode));
        self.status(id)
    }

    async fn delete(&mut self, id: SweepId) -> Result<(), DispatchError> {
        // Leases of the sweep that were decided must be written before it goes, for then they cannot be.
        self.flush().await;
        let delete = move |store: &dyn Store| store.delete_sweep(id);
        if !self.at_store::<_, StoreError>(delete).await? {
            return Err(DispatchError::Unknown(id));
        }
        self.registry.remove(id);
        self.feed(Event::SweepRemoved(id));
        Ok(())
    }

    fn status(&self, id: SweepId) -> Result<SweepStatus, DispatchError> {
        let known = self.registry.get(id).ok_or(DispatchError::Unknown(id))?;
        self.status_of(known)
    }

    fn status_of(&self, known: Arc<Known>) -> Result<SweepStatus, DispatchError> {
        let id = known.sweep.id();
        let progress = self.board.progress(id).ok_or(DispatchError::Unknown(id))?;
        Ok(SweepStatus::new(known, progress))
    }
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
