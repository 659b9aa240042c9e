//! Group commit: reports that arrive while a transaction commits share the next one.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Command, DispatchError, clock::Clock, deposition::Deposition};
use crate::{
    board::Event,
    store::{Outcome, Store, StoreError, UnitResult, blocking},
};

/// Reports that share a transaction, at most.
const MAX_BATCHES: usize = 64;

/// Reports that wait, at most; the others wait in their connections.
const QUEUE: usize = 256;

struct Batch {
    results: Vec<UnitResult>,
    reply: oneshot::Sender<Result<Vec<Outcome>, Arc<StoreError>>>,
}

/// Takes results for the store.
#[derive(Clone)]
pub(crate) struct Recorder(mpsc::Sender<Batch>);

impl Recorder {
    pub(super) fn start(
        store: Arc<dyn Store>,
        clock: Clock,
        (board, deposition): (mpsc::Sender<Command>, Deposition),
    ) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(store, clock, board, deposition, receiver));
        (Self(sender), task)
    }

    /// Records results; answers after they are durable.
    pub async fn record(&self, results: Vec<UnitResult>) -> Result<Vec<Outcome>, DispatchError> {
        let (reply, answer) = oneshot::channel();
        let batch = Batch { results, reply };
        let sent = self.0.send(batch).await;
        sent.map_err(|_| DispatchError::Stopping)?;
        let outcomes = answer.await.map_err(|_| DispatchError::Stopping)?;
        outcomes.map_err(DispatchError::Recording)
    }
}

async fn run(
    store: Arc<dyn Store>,
    clock: Clock,
    board: mpsc::Sender<Command>,
    deposition: Deposition,
    mut receiver: mpsc::Receiver<Batch>,
) {
    let mut batches = Vec::new();
    while receiver.recv_many(&mut batches, MAX_BATCHES).await > 0 {
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.results.len()).collect();
        let results: Arc<[UnitResult]> = batches
            .iter_mut()
            .flat_map(|batch| std::mem::take(&mut batch.results))
            .collect();
        let (now, shared) = (clock.now(), Arc::clone(&results));
        match blocking(&store, move |store| store.record(&shared, now)).await {
            Ok(outcomes) => {
                // The board hears of results before their worker does, so that a lease that is then reported as finished
                // has nothing outstanding. If it is gone, the store knows anyway.
                let _ = board
                    .send(Command::Recorded(news(&results, &outcomes)))
                    .await;
                answer(&mut batches, &sizes, &outcomes);
            }
            Err(error) => {
                match error {
                    StoreError::Deposed => deposition.announce(),
                    _ => tracing::error!(%error, "results could not be stored"),
                }
                let error = Arc::new(error);
                for batch in batches.drain(..) {
                    let _ = batch.reply.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}

fn answer(batches: &mut Vec<Batch>, sizes: &[usize], outcomes: &[Outcome]) {
    let mut rest = outcomes;
    for (batch, &size) in batches.drain(..).zip(sizes) {
        let (own, others) = rest.split_at(size.min(rest.len()));
        rest = others;
        // A worker that is gone reports again.
        let _ = batch.reply.send(Ok(own.to_vec()));
    }
}

fn news(results: &[UnitResult], outcomes: &[Outcome]) -> Vec<Event> {
    results
        .iter()
        .zip(outcomes)
        .filter_map(|(result, outcome)| match outcome {
            Outcome::Accepted | Outcome::Duplicate => Some(Event::UnitDone {
                unit: result.unit,
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
