//! The one task that owns the board, and the handle by which everyone else talks to it.
//!
//! The handle's methods are questions and answers over a bounded channel. The task feeds the board, writes its decisions to
//! the store in groups, and only then sends what follows from them. It is rebuilt from the store at start: leases of an
//! earlier life wait for a while for their workers to present them.

mod clock;
mod command;
mod deposition;
mod load;
mod record;
mod registry;
mod replica;
mod sessions;
mod survey;
mod task;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bistable_common::{
    ids::{Hash, LeaseToken, SweepId, WorkerId},
    sweep::Sweep,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    board::{Arrival, Board, Event, Lease, Mode, Priority, SessionId, Terms},
    monitor::Watchers,
    spans::Chronicle,
    store::{Store, StoreError, blocking},
};
use command::{Command, Reply};
use deposition::Deposition;
use record::Recorder;
use sessions::Sessions;
use task::Dispatcher;

pub(crate) use clock::{Clock, Stopwatch, wall_clock};
pub(crate) use command::{Existed, Outgoing, Pulse, Steering, SweepStatus};
pub(crate) use record::Recorded;
pub(crate) use registry::{Known, Registry};
pub(crate) use replica::Replica;
pub(crate) use survey::Queues;

/// Commands that wait, at most.
const QUEUE: usize = 1024;

/// Letters to a worker that wait, at most, beside those that its slots explain.
const OUTBOX: usize = 64;

/// As many leases as a slot can have asked for, each of which may be revoked and comes with its sweep.
const LETTERS_A_SLOT: usize = 256;

/// Why the dispatcher did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DispatchError {
    #[error("there is no sweep {0}")]
    Unknown(SweepId),
    #[error("sweep {0} is cancelled; submit it again to revive it")]
    Cancelled(SweepId),
    #[error(
        "sweep {0} has results of a build whose numerics differ from this one's; finish it with that build, or delete it and submit it again"
    )]
    ForeignNumerics(SweepId),
    #[error("another worker called {0} is at work, and this one is not it")]
    NameTaken(WorkerId),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Recording(Arc<StoreError>),
    #[error("the coordinator is stopping")]
    Stopping,
}

/// What a coordinator does about the sweeps that its store says are running when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// They go on.
    GoesOn,
    /// Each waits until it is submitted or resumed. The store still says that it is running.
    Waits,
}

/// A handle of the dispatcher.
#[derive(Clone)]
pub(crate) struct Dispatch {
    commands: mpsc::Sender<Command>,
    recorder: Recorder,
    registry: Registry,
    changes: watch::Receiver<u64>,
}

/// A worker's session.
pub(crate) struct Joined {
    pub session: SessionId,
    /// How often the worker is to beat.
    pub beat_interval: Duration,
    /// What it is told.
    pub letters: mpsc::Receiver<Outgoing>,
    /// For a last word.
    pub outbox: mpsc::WeakSender<Outgoing>,
}

/// The tasks behind a [`Dispatch`].
pub(crate) struct Tasks {
    stop: watch::Sender<bool>,
    dispatcher: JoinHandle<()>,
    recorder: JoinHandle<()>,
    deposition: Deposition,
}

impl Tasks {
    /// Returns when the store has refused a write because another coordinator leads.
    pub async fn deposed(&self) {
        self.deposition.happened().await;
    }

    /// Stops the board, which ends every session. Results are still recorded.
    pub async fn stop_dispatching(&mut self) {
        self.stop.send_replace(true);
        // A panic of the task was already reported by the runtime.
        let _ = (&mut self.dispatcher).await;
    }

    /// Waits until everything that was reported is stored. Every handle must be gone.
    pub async fn drain(self) {
        let _ = self.recorder.await;
    }
}

impl Dispatch {
    /// Rebuilds the board from the store and starts the tasks.
    pub async fn start(
        store: Arc<dyn Store>,
        numerics: Hash,
        terms: Terms,
        backlog: Backlog,
        clock: Clock,
        seed: [u8; 32],
        Watchers { counts, spans }: Watchers,
    ) -> Result<(Self, Tasks), StoreError> {
        let registry = Registry::default();
        let loaded = blocking(&store, move |store| rebuild(store, numerics)).await?;
        let (commands, receiver) = mpsc::channel(QUEUE);
        let (changes_in, changes) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let deposition = Deposition::default();
        let recording = (commands.clone(), deposition.clone(), counts.clone());
        let (recorder, recording) = Recorder::start(Arc::clone(&store), clock, recording);
        let mut dispatcher = Dispatcher {
            store,
            numerics,
            clock,
            board: Board::new(seed, terms),
            registry: registry.clone(),
            sessions: Sessions::default(),
            changes: changes_in,
            stop: stopped,
            deposition: deposition.clone(),
            counts,
            chronicle: Chronicle::new(spans, registry.clone()),
            unwritten: Vec::new(),
            unsent: Default::default(),
        };
        for (known, mut sweep) in loaded {
            registry.put(known);
            for lease in &sweep.leases {
                dispatcher.chronicle.lease_begins(lease);
            }
            if backlog == Backlog::Waits && sweep.mode == Mode::Running {
                sweep.mode = Mode::Paused;
            }
            dispatcher.add(sweep);
        }
        let tasks = Tasks {
            stop,
            dispatcher: tokio::spawn(dispatcher.run(receiver)),
            recorder: recording,
            deposition,
        };
        let dispatch = Self {
            commands,
            recorder,
            registry,
            changes,
        };
        Ok((dispatch, tasks))
    }

    /// The sweeps, for reading.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Takes results.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Changes whenever any sweep does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Whether the dispatcher has stopped.
    pub fn has_stopped(&self) -> bool {
        self.commands.is_closed()
    }

    /// Returns when the dispatcher has stopped.
    pub async fn stopped(&self) {
        self.commands.closed().await;
    }

    /// Tells the board of something; false if it is gone.
    pub async fn event(&self, event: Event) -> bool {
        self.commands.send(Command::Event(event)).await.is_ok()
    }

    /// Opens a session for a worker.
    pub async fn join(&self, arrival: Arrival) -> Result<Joined, DispatchError> {
        let slots = usize::try_from(arrival.slots.min(1024)).unwrap_or(1024);
        let (outbox, letters) = mpsc::channel(OUTBOX + LETTERS_A_SLOT * slots);
        let weak = outbox.downgrade();
        let (session, beat_interval) = self
            .ask(|reply| Command::Join(arrival, outbox, reply))
            .await?;
        Ok(Joined {
            session,
            beat_interval,
            letters,
            outbox: weak,
        })
    }

    /// A worker's sign of life.
    pub async fn beat(
        &self,
        worker: WorkerId,
        tokens: Vec<LeaseToken>,
    ) -> Result<Pulse, DispatchError> {
        self.ask(|reply| Command::Beat(worker, tokens, reply)).await
    }

    /// Starts or revives a sweep.
    pub async fn submit(
        &self,
        sweep: Sweep,
        priority: Option<Priority>,
    ) -> Result<(SweepStatus, Existed), DispatchError> {
        self.ask(|reply| Command::Submit(Box::new(sweep), priority, reply))
            .await
    }

    /// Pauses, resumes or cancels a sweep.
    pub async fn steer(
        &self,
        sweep: SweepId,
        steering: Steering,
    ) -> Result<SweepStatus, DispatchError> {
        self.ask(|reply| Command::Steer(sweep, steering, reply))
            .await
    }

    /// Forgets a sweep.
    pub async fn delete(&self, sweep: SweepId) -> Result<(), DispatchError> {
        self.recorder.delete(sweep).await
    }

    /// Where a sweep stands.
    pub async fn status(&self, sweep: SweepId) -> Result<SweepStatus, DispatchError> {
        self.ask(|reply| Command::Status(sweep, reply)).await
    }

    /// Where every sweep stands, oldest first.
    pub async fn list(&self) -> Result<Vec<SweepStatus>, DispatchError> {
        self.ask(Command::List).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, DispatchError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| DispatchError::Stopping)?;
        answer.await.map_err(|_| DispatchError::Stopping)?
    }
}

type Loaded = Vec<(Known, crate::board::KnownSweep)>;

/// Reads every sweep.
fn rebuild(store: &dyn Store, numerics: Hash) -> Result<Loaded, StoreError> {
    let mut leases: HashMap<SweepId, Vec<Lease>> = HashMap::new();
    for lease in store.leases()? {
        leases.entry(lease.sweep).or_default().push(lease);
    }
    let sweeps = store.sweeps()?.into_iter();
    sweeps
        .map(|stored| {
            let leases = leases.remove(&stored.sweep.id()).unwrap_or_default();
            load::load(store, stored, leases, numerics)
        })
        .collect()
}
