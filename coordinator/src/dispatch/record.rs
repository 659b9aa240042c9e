//! Group commit: reports that arrive while a transaction commits share the next one.

use std::{ops::Range, sync::Arc, time::SystemTime};

use bistable_common::ids::{SweepId, UnitKey};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    Command, DispatchError,
    clock::{Clock, Stopwatch, wall_clock},
    command::Reply,
    deposition::Deposition,
};
use crate::{
    board::Event,
    monitor::{Counts, Written},
    store::{Outcome, Store, StoreError, UnitResult, blocking},
};

/// Reports that share a transaction, at most.
const MAX_BATCHES: usize = 64;

/// Reports that wait, at most; the others wait in their connections.
const QUEUE: usize = 256;

struct Batch {
    results: Vec<UnitResult>,
    reply: oneshot::Sender<Result<Recorded, Arc<StoreError>>>,
}

/// What became of results.
pub(crate) struct Recorded {
    /// Of each, in order.
    pub outcomes: Vec<Outcome>,
    /// From when to when the transaction took.
    pub commit: Range<SystemTime>,
}

struct Retry {
    sweep: SweepId,
    units: Vec<UnitKey>,
    reply: oneshot::Sender<Result<Vec<UnitKey>, StoreError>>,
}

/// Everything that changes which results there are waits in one queue, so that the board hears of it in the order in which
/// the store did it.
enum Job {
    Record(Batch),
    Retry(Retry),
    Delete(SweepId, Reply<()>),
}

/// Takes results for the store, and has them forgotten.
#[derive(Clone)]
pub(crate) struct Recorder(mpsc::Sender<Job>);

impl Recorder {
    pub(super) fn start(
        store: Arc<dyn Store>,
        clock: Clock,
        (board, deposition, counts): (mpsc::Sender<Command>, Deposition, Counts),
    ) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let clerk = Clerk {
            store,
            clock,
            board,
            deposition,
            counts,
        };
        let task = tokio::spawn(clerk.run(receiver));
        (Self(sender), task)
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    /// Records results; answers after they are durable.
    pub async fn record(&self, results: Vec<UnitResult>) -> Result<Recorded, DispatchError> {
        let (reply, answer) = oneshot::channel();
        let batch = Batch { results, reply };
        let sent = self.0.send(Job::Record(batch)).await;
        sent.map_err(|_| DispatchError::Stopping)?;
        let recorded = answer.await.map_err(|_| DispatchError::Stopping)?;
        recorded.map_err(DispatchError::Recording)
    }

    /// Puts back those of `units` (of all, if there are none) that are in trouble; returns them when the board knows.
    pub async fn retry(
        &self,
        sweep: SweepId,
        units: Vec<UnitKey>,
    ) -> Result<Vec<UnitKey>, DispatchError> {
        let (reply, answer) = oneshot::channel();
        let retry = Retry {
            sweep,
            units,
            reply,
        };
        let sent = self.0.send(Job::Retry(retry)).await;
        sent.map_err(|_| DispatchError::Stopping)?;
        let units = answer.await.map_err(|_| DispatchError::Stopping)?;
        Ok(units?)
    }

    /// Has a sweep forgotten after everything that was reported before: news of its results must not reach the board of a
    /// later life of the sweep.
    pub async fn delete(&self, sweep: SweepId) -> Result<(), DispatchError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.send(Job::Delete(sweep, reply)).await;
        sent.map_err(|_| DispatchError::Stopping)?;
        answer.await.map_err(|_| DispatchError::Stopping)?
    }
}

/// The task.
struct Clerk {
    store: Arc<dyn Store>,
    clock: Clock,
    board: mpsc::Sender<Command>,
    deposition: Deposition,
    counts: Counts,
}

impl Clerk {
    async fn run(self, mut receiver: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while receiver.recv_many(&mut jobs, MAX_BATCHES).await > 0 {
            let mut batches = Vec::new();
            for job in jobs.drain(..) {
                match job {
                    Job::Record(batch) => batches.push(batch),
                    Job::Retry(retry) => {
                        self.record(std::mem::take(&mut batches)).await;
                        self.retry(retry).await;
                    }
                    Job::Delete(sweep, reply) => {
                        self.record(std::mem::take(&mut batches)).await;
                        self.delete(sweep, reply).await;
                    }
                }
            }
            self.record(batches).await;
        }
    }

    async fn record(&self, mut batches: Vec<Batch>) {
        if batches.is_empty() {
            return;
        }
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.results.len()).collect();
        let results: Arc<[UnitResult]> = batches
            .iter_mut()
            .flat_map(|batch| std::mem::take(&mut batch.results))
            .collect();
        let (now, shared) = (self.clock.now(), Arc::clone(&results));
        let (began, since) = (Stopwatch::start(), wall_clock());
        let recorded = blocking(&self.store, move |store| store.record(&shared, now)).await;
        self.counts.committed(Written::Results, began, &recorded);
        let committed = wall_clock();
        match recorded {
            Ok(outcomes) => {
                self.counts.reported(&outcomes);
                // The board hears of results before their worker does, so that a lease that is then reported as finished
                // has nothing outstanding.
                self.tell(news(&results, &outcomes)).await;
                answer(batches, &sizes, &outcomes, since..committed);
            }
            Err(error) => {
                match error {
                    StoreError::Deposed => self.deposition.announce(),
                    _ => tracing::error!(%error, "results could not be stored"),
                }
                let error = Arc::new(error);
                for batch in batches {
                    let _ = batch.reply.send(Err(Arc::clone(&error)));
                }
            }
        }
    }

    async fn retry(&self, retry: Retry) {
        let Retry {
            sweep,
            units,
            reply,
        } = retry;
        let retried = blocking(&self.store, move |store| store.retry(sweep, &units)).await;
        match &retried {
            Ok(units) => {
                tracing::info!(%sweep, units = units.len(), "units are retried");
                self.tell(vec![Event::UnitsRetried(sweep, units.clone())])
                    .await;
            }
            Err(StoreError::Deposed) => self.deposition.announce(),
            Err(_) => {}
        }
        let _ = reply.send(retried);
    }

    /// Waits while the board's task forgets the sweep, in the store too. That task never waits for this one.
    async fn delete(&self, sweep: SweepId, reply: Reply<()>) {
        let (forgotten, answer) = oneshot::channel();
        let _ = self.board.send(Command::Delete(sweep, forgotten)).await;
        let _ = reply.send(answer.await.unwrap_or(Err(DispatchError::Stopping)));
    }

    /// If the board is gone, the store knows anyway.
    async fn tell(&self, news: Vec<Event>) {
        let _ = self.board.send(Command::Recorded(news)).await;
    }
}

fn answer(batches: Vec<Batch>, sizes: &[usize], outcomes: &[Outcome], commit: Range<SystemTime>) {
    let mut rest = outcomes;
    for (batch, &size) in batches.into_iter().zip(sizes) {
        let (own, others) = rest.split_at(size.min(rest.len()));
        rest = others;
        // A worker that is gone reports again.
        let _ = batch.reply.send(Ok(Recorded {
            outcomes: own.to_vec(),
            commit: commit.clone(),
        }));
    }
}

fn news(results: &[UnitResult], outcomes: &[Outcome]) -> Vec<Event> {
    results
        .iter()
        .zip(outcomes)
        .filter_map(|(result, outcome)| match outcome {
            Outcome::Accepted | Outcome::Duplicate => Some(Event::UnitDone {
                unit: result.unit,
                worker: result.worker.clone(),
                compute_us: result.compute_us,
            }),
            Outcome::Conflicting => {
                tracing::error!(unit = ?result.unit, worker = %result.worker, build = result.build,
                    "a unit has results that differ");
                Some(Event::UnitConflicting(result.unit))
            }
            Outcome::Stale => None,
        })
        .collect()
}
