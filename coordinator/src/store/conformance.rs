//! The promises of a [`Store`], one function each, on a fresh store each. A backend's tests call [`test_all`].

use std::{any::Any, sync::Arc};

use bistable_common::{
    ids::{Block, CellId, Hash, LeaseToken, Replicate, UnitId, UnitKey, WorkerId},
    sweep::Sweep,
    wire::CHUNK_BYTES,
};

use super::{
    Change, DataTotal, Lifecycle, MAX_RIVALS, Outcome, Rival, Store, StoreError, StoredData,
    Submitted, UnitResult,
};
use crate::board::{Failure, Fate, Lease, Priority, Timestamp, UnitRange, fixture};

/// A place for one store, and how to open the store there, again and again.
pub struct Fixture {
    _place: Box<dyn Any>,
    open: Box<dyn Fn() -> Arc<dyn Store>>,
}

impl Fixture {
    /// `place` lives as long as the fixture.
    pub fn new(place: impl Any, open: impl Fn() -> Arc<dyn Store> + 'static) -> Self {
        Self {
            _place: Box::new(place),
            open: Box::new(open),
        }
    }

    fn open(&self) -> Arc<dyn Store> {
        (self.open)()
    }
}

/// Every promise.
pub fn test_all(fresh: impl Fn() -> Fixture) {
    let promises: [fn(&Fixture); 24] = [
        submitting_is_idempotent,
        sweeps_are_listed_oldest_first,
        the_first_result_is_accepted,
        the_same_bits_are_a_duplicate,
        other_bits_conflict_and_the_unit_is_missing,
        outcomes_within_one_batch_see_each_other,
        foreign_numerics_are_stale,
        a_cancelled_or_unknown_sweep_is_stale,
        reviving_keeps_results,
        results_bind_the_numerics,
        a_deleted_sweep_is_forgotten,
        a_failed_batch_leaves_nothing,
        trajectories_come_in_the_order_of_blocks,
        done_units_are_ranges,
        leases_are_saved_extended_and_dropped,
        failures_last_until_a_result,
        a_retried_unit_starts_afresh,
        rivals_are_told_apart,
        rivals_beyond_a_handful_are_not_kept,
        costs_are_kept,
        a_priority_lasts_until_another_is_given,
        data_is_verified_and_read_in_chunks,
        data_sets_are_counted_once,
        reopening_keeps_everything,
    ];
    for promise in promises {
        promise(&fresh());
    }
}

const NUMERICS: Hash = Hash([7; 32]);
const NOW: Timestamp = Timestamp(1_000);

fn sweep(seed: u64) -> Sweep {
    fixture::sweep(40, 2, seed)
}

fn submitted(store: &dyn Store, seed: u64) -> Sweep {
    let sweep = sweep(seed);
    let outcome = store
        .submit_sweep(&sweep, NUMERICS, None, NOW)
        .expect("submit");
    assert_eq!(outcome, Submitted::Inserted);
    sweep
}

fn key(replicate: u32, block: u32) -> UnitKey {
    UnitKey {
        cell: CellId(0),
        replicate: Replicate(replicate),
        block: Block(block),
    }
}

fn result(sweep: &Sweep, key: UnitKey, bytes: &[u8]) -> UnitResult {
    UnitResult {
        unit: UnitId {
            sweep: sweep.id(),
            key,
        },
        trajectory: bytes.to_vec(),
        numerics: NUMERICS,
        build: "build".into(),
        worker: WorkerId("w".into()),
        compute_us: 5,
    }
}

fn record(store: &dyn Store, result: UnitResult) -> Outcome {
    store.record(&[result], NOW).expect("record")[0]
}

fn submitting_is_idempotent(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    store
        .set_lifecycle(sweep.id(), Lifecycle::Paused)
        .expect("pause");
    let again = store.submit_sweep(&sweep, NUMERICS, None, Timestamp(9_000));
    assert_eq!(again.expect("submit"), Submitted::Revived);
    let stored = store.sweep(sweep.id()).expect("sweep").expect("present");
    assert_eq!(stored.lifecycle, Lifecycle::Running);
    assert_eq!(stored.submitted_at, NOW);
    assert_eq!(stored.sweep, sweep);
    assert_eq!(store.sweeps().expect("sweeps").len(), 1);
}

fn sweeps_are_listed_oldest_first(fixture: &Fixture) {
    let store = fixture.open();
    for (seed, at) in [(1, 30), (2, 10), (3, 20)] {
        store
            .submit_sweep(&sweep(seed), NUMERICS, None, Timestamp(at))
            .expect("submit");
    }
    let listed: Vec<u64> = store
        .sweeps()
        .expect("sweeps")
        .iter()
        .map(|stored| stored.sweep.facts().seed)
        .collect();
    assert_eq!(listed, [2, 3, 1]);
}

fn the_first_result_is_accepted(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    assert_eq!(
        record(&*store, result(&sweep, key(0, 0), b"a")),
        Outcome::Accepted
    );
}

fn the_same_bits_are_a_duplicate(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    record(&*store, result(&sweep, key(0, 0), b"a"));
    assert_eq!(
        record(&*store, result(&sweep, key(0, 0), b"a")),
        Outcome::Duplicate
    );
    assert!(store.conflicts(sweep.id()).expect("conflicts").is_empty());
}

fn other_bits_conflict_and_the_unit_is_missing(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    record(&*store, result(&sweep, key(0, 0), b"a"));
    for _ in 0..2 {
        assert_eq!(
            record(&*store, result(&sweep, key(0, 0), b"b")),
            Outcome::Conflicting
        );
    }
    assert_eq!(store.conflicts(sweep.id()).expect("conflicts"), [key(0, 0)]);
    assert!(store.done(sweep.id()).expect("done").is_empty());
    let trajectories = store.trajectories(sweep.id(), CellId(0), Replicate(0));
    assert!(trajectories.expect("trajectories").is_empty());
}

fn rivals_beyond_a_handful_are_not_kept(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    record(&*store, result(&sweep, key(0, 0), b"first"));
    for number in 0..20 {
        let other = record(&*store, result(&sweep, key(0, 0), &[number]));
        assert_eq!(other, Outcome::Conflicting);
    }
    let unit = UnitId {
        sweep: sweep.id(),
        key: key(0, 0),
    };
    let rivals = store.rivals(unit).expect("rivals");
    assert_eq!(rivals.len(), 1 + MAX_RIVALS as usize);
    assert_eq!(rivals[0].trajectory, Hash::of(b"first"));
}

fn outcomes_within_one_batch_see_each_other(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let batch = [
        result(&sweep, key(0, 0), b"a"),
        result(&sweep, key(0, 0), b"a"),
        result(&sweep, key(0, 0), b"b"),
        result(&sweep, key(0, 1), b"c"),
    ];
    assert_eq!(
        store.record(&batch, NOW).expect("record"),
        [
            Outcome::Accepted,
            Outcome::Duplicate,
            Outcome::Conflicting,
            Outcome::Accepted
        ]
    );
}

fn foreign_numerics_are_stale(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let foreign = UnitResult {
        numerics: Hash([8; 32]),
        ..result(&sweep, key(0, 0), b"a")
    };
    assert_eq!(record(&*store, foreign), Outcome::Stale);
    assert!(store.done(sweep.id()).expect("done").is_empty());
}

fn a_cancelled_or_unknown_sweep_is_stale(fixture: &Fixture) {
    let store = fixture.open();
    let cancelled = submitted(&*store, 1);
    store
        .set_lifecycle(cancelled.id(), Lifecycle::Cancelled)
        .expect("cancel");
    let paused = submitted(&*store, 2);
    store
        .set_lifecycle(paused.id(), Lifecycle::Paused)
        .expect("pause");
    let outcome = |sweep: &Sweep| record(&*store, result(sweep, key(0, 0), b"a"));
    assert_eq!(outcome(&cancelled), Outcome::Stale);
    assert_eq!(outcome(&sweep(3)), Outcome::Stale);
    assert_eq!(outcome(&paused), Outcome::Accepted);
    let unknown = store.set_lifecycle(sweep(3).id(), Lifecycle::Paused);
    assert!(!unknown.expect("set_lifecycle"));
}

fn reviving_keeps_results(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    record(&*store, result(&sweep, key(0, 0), b"a"));
    store
        .set_lifecycle(sweep.id(), Lifecycle::Cancelled)
        .expect("cancel");
    store
        .submit_sweep(&sweep, NUMERICS, None, NOW)
        .expect("submit");
    assert_eq!(store.done(sweep.id()).expect("done").len(), 1);
    assert_eq!(
        record(&*store, result(&sweep, key(0, 1), b"a")),
        Outcome::Accepted
    );
}

fn results_bind_the_numerics(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let other = Hash([8; 32]);
    assert!(store.bind_numerics(sweep.id(), other).expect("bind"));
    assert!(store.bind_numerics(sweep.id(), NUMERICS).expect("bind"));
    record(&*store, result(&sweep, key(0, 0), b"a"));
    assert!(!store.bind_numerics(sweep.id(), other).expect("bind"));
    let refused = store
        .submit_sweep(&sweep, other, None, NOW)
        .expect("submit");
    assert_eq!(refused, Submitted::ForeignNumerics);
    assert!(store.bind_numerics(sweep.id(), NUMERICS).expect("bind"));
}

fn a_deleted_sweep_is_forgotten(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    record(&*store, result(&sweep, key(0, 0), b"a"));
    record(&*store, result(&sweep, key(0, 0), b"b"));
    let changes = [
        Change::SaveLease(lease(&sweep, 1)),
        Change::RecordFailure(failure(&sweep, 1, Fate::Retried)),
    ];
    store.apply(&changes).expect("apply");
    assert!(store.delete_sweep(sweep.id()).expect("delete"));
    assert!(!store.delete_sweep(sweep.id()).expect("delete"));
    assert!(store.sweep(sweep.id()).expect("sweep").is_none());
    assert!(store.leases().expect("leases").is_empty());
    let sweep = submitted(&*store, 1);
    assert!(store.done(sweep.id()).expect("done").is_empty());
    assert!(store.conflicts(sweep.id()).expect("conflicts").is_empty());
    assert!(store.failures(sweep.id()).expect("failures").is_empty());
}

fn a_failed_batch_leaves_nothing(fixture: &Fixture) {
    let store = fixture.open();
    let known = submitted(&*store, 1);
    // The second lease is of a sweep that does not exist, which no backend may accept.
    let changes = [
        Change::SaveLease(lease(&known, 1)),
        Change::SaveLease(lease(&sweep(2), 2)),
    ];
    assert!(store.apply(&changes).is_err());
    assert!(store.leases().expect("leases").is_empty());
}

fn trajectories_come_in_the_order_of_blocks(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    for block in [2, 0, 1] {
        record(&*store, result(&sweep, key(1, block), &[block as u8]));
    }
    record(&*store, result(&sweep, key(0, 0), b"other replicate"));
    let trajectories = store
        .trajectories(sweep.id(), CellId(0), Replicate(1))
        .expect("trajectories");
    let expected: Vec<(Block, Vec<u8>)> = (0..3).map(|b| (Block(b), vec![b as u8])).collect();
    assert_eq!(trajectories, expected);
}

fn done_units_are_ranges(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    for unit in [key(1, 2), key(0, 0), key(0, 1), key(1, 0)] {
        record(&*store, result(&sweep, unit, b"a"));
    }
    let range = |replicate, blocks| UnitRange {
        cell: CellId(0),
        replicate: Replicate(replicate),
        blocks,
    };
    assert_eq!(
        store.done(sweep.id()).expect("done"),
        [range(0, 0..2), range(1, 0..1), range(1, 2..3)]
    );
}

fn lease(sweep: &Sweep, token: u8) -> Lease {
    Lease {
        token: LeaseToken([token; 16]),
        sweep: sweep.id(),
        units: UnitRange {
            cell: CellId(0),
            replicate: Replicate(1),
            blocks: 0..3,
        },
        attempt: 2,
        worker: WorkerId("w".into()),
        host: "h".into(),
        deadline: Timestamp(2_000),
    }
}

fn leases_are_saved_extended_and_dropped(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let (first, second) = (lease(&sweep, 1), lease(&sweep, 2));
    let changes = [
        Change::SaveLease(first.clone()),
        Change::SaveLease(second.clone()),
        Change::ExtendLease(second.token, Timestamp(2_000)),
        Change::ExtendLease(second.token, Timestamp(3_000)),
        Change::DropLease(first.token),
        Change::DropLease(LeaseToken([9; 16])),
    ];
    store.apply(&changes).expect("apply");
    let kept = Lease {
        deadline: Timestamp(3_000),
        ..second
    };
    assert_eq!(store.leases().expect("leases"), [kept]);
}

fn failure(sweep: &Sweep, attempts: u32, fate: Fate) -> Failure {
    Failure {
        unit: UnitId {
            sweep: sweep.id(),
            key: key(0, 1),
        },
        attempts,
        complaint: fixture::complaint("out of memory"),
        worker: WorkerId("w".into()),
        host: "h".into(),
        hosts: ["g \"'", "h"].map(String::from).into(),
        fate,
    }
}

fn failures_last_until_a_result(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let last = failure(&sweep, 2, Fate::Quarantined);
    let changes = [
        Change::RecordFailure(failure(&sweep, 1, Fate::Retried)),
        Change::RecordFailure(last.clone()),
    ];
    store.apply(&changes).expect("apply");
    assert_eq!(
        store.failures(sweep.id()).expect("failures"),
        std::slice::from_ref(&last)
    );
    record(&*store, result(&sweep, key(0, 1), b"a"));
    assert!(store.failures(sweep.id()).expect("failures").is_empty());
    store.apply(&[Change::RecordFailure(last)]).expect("apply");
    assert!(store.failures(sweep.id()).expect("failures").is_empty());
}

fn a_retried_unit_starts_afresh(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    for bits in [b"a", b"b"] {
        record(&*store, result(&sweep, key(0, 0), bits));
        record(&*store, result(&sweep, key(1, 2), bits));
    }
    record(&*store, result(&sweep, key(0, 2), b"good"));
    let given_up = Change::RecordFailure(failure(&sweep, 5, Fate::Quarantined));
    store.apply(&[given_up]).expect("apply");
    // A unit that has no trouble is left alone, and so is trouble that was not named.
    let named = [key(1, 2), key(0, 2), key(1, 1)];
    let back = store.retry(sweep.id(), &named).expect("retry");
    assert_eq!(back, [key(1, 2)]);
    assert_eq!(store.conflicts(sweep.id()).expect("conflicts"), [key(0, 0)]);
    assert_eq!(store.failures(sweep.id()).expect("failures").len(), 1);

    let back = store.retry(sweep.id(), &[]).expect("retry");
    assert_eq!(back, [key(0, 0), key(0, 1)]);
    assert!(store.conflicts(sweep.id()).expect("conflicts").is_empty());
    assert!(store.failures(sweep.id()).expect("failures").is_empty());
    assert_eq!(store.done(sweep.id()).expect("done").len(), 1);
    assert_eq!(
        record(&*store, result(&sweep, key(0, 0), b"b")),
        Outcome::Accepted
    );
    assert!(store.retry(sweep.id(), &[]).expect("retry").is_empty());
}

fn rivals_are_told_apart(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let unit = result(&sweep, key(0, 0), b"").unit;
    assert!(store.rivals(unit).expect("rivals").is_empty());
    for (bits, worker, at) in [(b"a", "v", 2), (b"b", "w", 3)] {
        let result = UnitResult {
            worker: WorkerId(worker.into()),
            ..result(&sweep, key(0, 0), bits)
        };
        store.record(&[result], Timestamp(at)).expect("record");
    }
    let rival = |bits: &[u8], worker: &str, at| Rival {
        trajectory: Hash::of(bits),
        build: "build".into(),
        worker: WorkerId(worker.into()),
        reported_at: Timestamp(at),
    };
    assert_eq!(
        store.rivals(unit).expect("rivals"),
        [rival(b"a", "v", 2), rival(b"b", "w", 3)]
    );
}

fn costs_are_kept(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let cost = |cell, us| Change::SaveCost(sweep.id(), CellId(cell), us);
    // Of a sweep that is gone nothing is kept, and that is no reason to keep nothing else.
    let gone = Change::SaveCost(self::sweep(9).id(), CellId(0), 1);
    store
        .apply(&[cost(1, 10), cost(0, 20), gone, cost(1, 30)])
        .expect("apply");
    assert_eq!(
        store.costs(sweep.id()).expect("costs"),
        [(CellId(0), 20), (CellId(1), 30)]
    );
    store.delete_sweep(sweep.id()).expect("delete");
    submitted(&*store, 1);
    assert!(store.costs(sweep.id()).expect("costs").is_empty());
}

fn a_priority_lasts_until_another_is_given(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    let priority = || {
        let stored = store.sweep(sweep.id()).expect("sweep");
        stored.expect("present").priority
    };
    assert_eq!(priority(), Priority(0));
    for (given, expected) in [(Some(-3), -3), (None, -3), (Some(7), 7)] {
        store
            .submit_sweep(&sweep, NUMERICS, given.map(Priority), NOW)
            .expect("submit");
        assert_eq!(priority(), Priority(expected));
    }
}

fn described(content: &[u8]) -> StoredData {
    StoredData {
        hash: Hash::of(content),
        bytes: content.len() as u64,
        samples: 3,
        features: 2,
        classes: 1,
    }
}

fn data_is_verified_and_read_in_chunks(fixture: &Fixture) {
    let store = fixture.open();
    let content: Vec<u8> = (0..CHUNK_BYTES + 10).map(|i| i as u8).collect();
    let data = described(&content);
    let refused = store.put_data(&data, b"other");
    assert!(matches!(refused, Err(StoreError::HashMismatch { .. })));
    assert_eq!(store.data(data.hash).expect("data"), None);
    for _ in 0..2 {
        store.put_data(&data, &content).expect("put_data");
    }
    assert_eq!(store.data(data.hash).expect("data"), Some(data));
    let chunk = |index| store.data_chunk(data.hash, index).expect("data_chunk");
    assert_eq!(chunk(0).as_deref(), Some(&content[..CHUNK_BYTES]));
    assert_eq!(chunk(1).as_deref(), Some(&content[CHUNK_BYTES..]));
    assert_eq!(chunk(2), None);
}

fn data_sets_are_counted_once(fixture: &Fixture) {
    let store = fixture.open();
    let total = || store.data_total().expect("data_total");
    assert_eq!(total(), DataTotal::default());
    let contents = [vec![1; CHUNK_BYTES + 10], vec![2; 100], vec![]];
    for content in contents.iter().chain(&contents[..2]) {
        store
            .put_data(&described(content), content)
            .expect("put_data");
    }
    let expected = DataTotal {
        sets: 3,
        bytes: CHUNK_BYTES as u64 + 110,
    };
    assert_eq!(total(), expected);
    let refused = store.put_data(&described(b"a"), b"b");
    refused.expect_err("another hash");
    assert_eq!(total(), expected);
}

fn reopening_keeps_everything(fixture: &Fixture) {
    let store = fixture.open();
    let sweep = submitted(&*store, 1);
    record(&*store, result(&sweep, key(0, 0), b"a"));
    record(&*store, result(&sweep, key(0, 2), b"a"));
    record(&*store, result(&sweep, key(0, 2), b"b"));
    let changes = [
        Change::SaveLease(lease(&sweep, 1)),
        Change::RecordFailure(failure(&sweep, 1, Fate::Retried)),
    ];
    store.apply(&changes).expect("apply");
    store.flush().expect("flush");
    drop(store);
    let store = fixture.open();
    assert_eq!(store.sweeps().expect("sweeps")[0].sweep, sweep);
    assert_eq!(store.done(sweep.id()).expect("done").len(), 1);
    assert_eq!(store.conflicts(sweep.id()).expect("conflicts"), [key(0, 2)]);
    assert_eq!(store.leases().expect("leases"), [lease(&sweep, 1)]);
    assert_eq!(store.failures(sweep.id()).expect("failures").len(), 1);
}
