//! What the store did and what the board heard of it, in the same order.

use std::sync::mpsc;

use bistable_common::ids::{UnitId, UnitKey};
use tokio::join;

use super::*;
use crate::{
    board::{Failure, Fate, Timestamp, fixture},
    store::{Change, Outcome, Sqlite, UnitResult, slow::Slow},
};

const NUMERICS: Hash = Hash([7; 32]);

/// A dispatcher on a slow store, with a sweep of two units.
struct World {
    _folder: tempfile::TempDir,
    store: Arc<Slow>,
    word: mpsc::Sender<()>,
    dispatch: Dispatch,
    _tasks: Tasks,
}

impl World {
    /// Begins with a store that `prepare` had in hand.
    async fn new(prepare: impl FnOnce(&Sqlite)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("store.db")).expect("a store");
        let submitted = store.submit_sweep(&sweep(), NUMERICS, None, Timestamp(1));
        submitted.expect("a sweep");
        prepare(&store);
        let (store, word) = Slow::new(store);
        let store = Arc::new(store);
        let terms = Terms {
            beat_interval: Duration::from_secs(1),
            lease_timeout: Duration::from_secs(600),
            grace: Duration::from_secs(600),
        };
        let shared = Arc::clone(&store);
        let shared: Arc<dyn Store> = shared;
        let clock = Clock::start(Timestamp(1));
        let (backlog, watchers) = (Backlog::GoesOn, Watchers::default());
        let started = Dispatch::start(shared, NUMERICS, terms, backlog, clock, [1; 32], watchers);
        let (dispatch, tasks) = started.await.expect("a dispatcher");
        Self {
            _folder: folder,
            store,
            word,
            dispatch,
            _tasks: tasks,
        }
    }

    /// Lets the store say that results are in, once for each of so many transactions.
    fn answer(&self, transactions: usize) {
        (0..transactions).for_each(|_| self.word.send(()).expect("a store"));
    }

    /// Reports that block has `bytes`.
    async fn report(&self, block: u32, bytes: &[u8]) -> Outcome {
        let results = vec![result(block, bytes)];
        let recorded = self.dispatch.recorder().record(results);
        recorded.await.expect("an answer").outcomes[0]
    }

    async fn retry(&self) -> Vec<UnitKey> {
        let retried = self.dispatch.recorder().retry(sweep().id(), vec![]);
        retried.await.expect("an answer")
    }

    async fn submit(&self) {
        let submitted = self.dispatch.submit(sweep(), None).await;
        submitted.expect("a sweep");
    }

    /// Blocks that the store has results of, if the board knows of as many, and of no trouble.
    async fn done(&self) -> Vec<u32> {
        let done = self.store.done(sweep().id()).expect("units");
        let blocks: Vec<u32> = done.into_iter().flat_map(|range| range.blocks).collect();
        let known = self.dispatch.status(sweep().id()).await.expect("a status");
        let progress = known.progress;
        let counts = (progress.done, progress.quarantined, progress.conflicting);
        assert_eq!(counts, (blocks.len() as u64, 0, 0));
        blocks
    }
}

fn sweep() -> Sweep {
    fixture::sweep(32, 1, 1)
}

fn unit(block: u32) -> UnitId {
    UnitId {
        sweep: sweep().id(),
        key: fixture::unit(0, block),
    }
}

fn result(block: u32, bytes: &[u8]) -> UnitResult {
    UnitResult {
        unit: unit(block),
        trajectory: bytes.to_vec(),
        numerics: NUMERICS,
        build: "build".into(),
        worker: WorkerId("w".into()),
        compute_us: 5,
    }
}

/// Block 0 has two different results.
fn conflict(store: &Sqlite) {
    let both = [result(0, b"a"), result(0, b"b")];
    let outcomes = store.record(&both, Timestamp(2)).expect("outcomes");
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Conflicting]);
}

/// Block 0 was given up.
fn quarantine(store: &Sqlite) {
    let failure = Failure {
        unit: unit(0),
        attempts: 5,
        complaint: fixture::complaint("no memory"),
        worker: WorkerId("w".into()),
        host: "h".into(),
        hosts: ["h".to_owned()].into(),
        fate: Fate::Quarantined,
    };
    let recorded = store.apply(&[Change::RecordFailure(failure)]);
    recorded.expect("a failure");
}

#[tokio::test]
async fn news_of_a_deleted_sweep_does_not_reach_its_next_life() {
    let world = World::new(|_| {}).await;
    let deleted = async {
        world.store.done_so.notified().await;
        // A result is in the store, and the board does not know. All of this is said before it hears of it.
        let (deleted, (), ()) = join!(
            biased;
            world.dispatch.delete(sweep().id()),
            world.submit(),
            async { world.answer(1) },
        );
        deleted.expect("a deletion");
    };
    let (outcome, ()) = join!(world.report(0, b"a"), deleted);
    assert_eq!(outcome, Outcome::Accepted);
    world.submit().await;
    assert_eq!(world.done().await, [0; 0]);
}

#[tokio::test]
async fn what_is_reported_after_a_deletion_is_stale() {
    let world = World::new(|_| {}).await;
    world.answer(2);
    let (deleted, outcome) = join!(
        biased;
        world.dispatch.delete(sweep().id()),
        world.report(0, b"a"),
    );
    deleted.expect("a deletion");
    assert_eq!(outcome, Outcome::Stale);
    world.submit().await;
    assert_eq!(world.done().await, [0; 0]);
    // In the new life it counts.
    assert_eq!(world.report(0, b"a").await, Outcome::Accepted);
    assert_eq!(world.done().await, [0]);
}

/// Has block 0 reported and then everything retried while the recorder is at another report.
async fn reported_then_retried(world: &World, bytes: &[u8]) -> (Outcome, Vec<UnitKey>) {
    let queued = async {
        world.store.done_so.notified().await;
        let (outcome, retried, ()) = join!(
            biased;
            world.report(0, bytes),
            world.retry(),
            async { world.answer(2) },
        );
        (outcome, retried)
    };
    let (first, queued) = join!(world.report(1, b"c"), queued);
    assert_eq!(first, Outcome::Accepted);
    queued
}

#[tokio::test]
async fn a_report_before_a_retry_does_not_count_after_it() {
    let world = World::new(conflict).await;
    let (outcome, retried) = reported_then_retried(&world, b"a").await;
    assert_eq!(outcome, Outcome::Duplicate);
    assert_eq!(retried, [unit(0).key]);
    assert_eq!(world.done().await, [1]);
    // Nor is it left missing: it is there to be done.
    world.answer(1);
    assert_eq!(world.report(0, b"d").await, Outcome::Accepted);
    assert_eq!(world.done().await, [0, 1]);
}

#[tokio::test]
async fn a_report_before_a_retry_leaves_nothing_to_retry() {
    let world = World::new(quarantine).await;
    let (outcome, retried) = reported_then_retried(&world, b"a").await;
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(retried, []);
    assert_eq!(world.done().await, [0, 1]);
}
