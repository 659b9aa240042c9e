//! Reports that cannot be right.

use bistable_common::{
    ids::{Hash, UnitId},
    trajectory::{Stop, Trajectory},
    wire::v1,
};
use tonic::Code;

use super::{
    siege::{Siege, invalid, refused},
    support::{NUMERICS, key, report, sweep, trajectory},
};

#[tokio::test]
async fn trajectories_that_no_unit_has_are_refused() {
    let siege = Siege::begin().await;
    let unit = siege.unit(11);
    type Change = fn(&mut Trajectory);
    let changes: [(&str, Change); 13] = [
        ("not finite", |t| t.experiments[0].records[0].dx2 = f64::NAN),
        ("not finite", |t| {
            t.experiments[3].records[1].dy2 = f64::INFINITY
        }),
        ("not finite", |t| {
            t.experiments[3].records[1].loss.base_at_original = f64::NAN
        }),
        ("negative", |t| t.experiments[0].records[0].dx2 = -1.0),
        ("index", |t| t.experiments.swap(0, 1)),
        ("index", |t| t.experiments[2].index = 9999),
        ("index", |t| t.experiments[2] = t.experiments[1].clone()),
        ("15 experiments", |t| drop(t.experiments.pop())),
        ("32 experiments", |t| {
            t.experiments.extend(t.experiments.clone())
        }),
        ("records", |t| t.experiments[0].records.truncate(1)),
        ("base states", |t| t.base_states.clear()),
        ("0-1 errors", |t| {
            t.experiments[0].records[0].error = Some(t.experiments[0].records[0].loss);
        }),
        ("stopped after", |t| {
            t.base_stop = Stop::Diverged { at: 1 << 60 }
        }),
    ];
    for (why, change) in changes {
        let mut wrong = trajectory(&siege.sweep, unit.key, 0.5);
        change(&mut wrong);
        invalid(why, siege.world.report(unit, wrong.encode())).await;
    }
    let good = trajectory(&siege.sweep, unit.key, 0.5).encode();
    for end in [0, 8, good.len() / 2, good.len() - 1] {
        invalid("truncated", siege.world.report(unit, good[..end].to_vec())).await;
    }
    let long = [good, vec![0; 10 << 20]].concat();
    invalid("bytes too many", siege.world.report(unit, long)).await;
    siege.ends_well().await;
}

#[tokio::test]
async fn units_that_the_sweep_does_not_have_are_refused() {
    let siege = Siege::begin().await;
    let bits = trajectory(&siege.sweep, siege.unit(11).key, 0.5).encode();
    for key in [
        key(0, 0, 12),
        key(0, 1, 0),
        key(1, 0, 0),
        key(u32::MAX, u32::MAX, u32::MAX),
    ] {
        let unit = UnitId {
            key,
            ..siege.unit(0)
        };
        invalid("no such unit", siege.world.report(unit, bits.clone())).await;
    }
    // The right bits of another block.
    invalid("", siege.world.report(siege.unit(10), bits)).await;
    siege.ends_well().await;
}

#[tokio::test]
async fn what_does_not_count_is_stale() {
    let other = sweep(2, 1);
    let siege = Siege::beside(&[&other]).await;
    let unit = siege.unit(11);
    let bits = || trajectory(&siege.sweep, unit.key, 7.0).encode();
    let foreign = report(siege.world.work(), vec![(unit, bits())], Hash([8; 32])).await;
    assert_eq!(foreign.expect("report"), [v1::Outcome::Stale]);
    let unknown = UnitId {
        sweep: sweep(3, 1).id(),
        key: key(0, 0, 0),
    };
    let outcome = siege.world.report(unknown, b"garbage".to_vec()).await;
    assert_eq!(outcome.expect("report"), v1::Outcome::Stale);
    let late = UnitId {
        sweep: other.id(),
        key: key(0, 0, 0),
    };
    let bits = || trajectory(&other, late.key, 0.5).encode();
    siege.world.cancel(&other).await;
    let outcome = siege.world.report(late, bits()).await;
    assert_eq!(outcome.expect("report"), v1::Outcome::Stale);
    let id = other.id().to_string();
    let delete = v1::DeleteSweepRequest { id };
    siege
        .world
        .sweeps()
        .delete_sweep(delete)
        .await
        .expect("delete");
    let outcome = siege.world.report(late, bits()).await;
    assert_eq!(outcome.expect("report"), v1::Outcome::Stale);
    siege.ends_well().await;
}

#[tokio::test]
async fn a_batch_is_bounded_and_consistent() {
    let siege = Siege::begin().await;
    let unit = siege.unit(11);
    let bits = trajectory(&siege.sweep, unit.key, 0.5).encode();
    let batch = |count| vec![(unit, bits.clone()); count];
    let twice = report(siege.world.work(), batch(2), NUMERICS).await;
    let outcomes = [v1::Outcome::Accepted, v1::Outcome::Duplicate];
    assert_eq!(twice.expect("report"), outcomes);
    invalid(
        "more than 1024",
        report(siege.world.work(), batch(1025), NUMERICS),
    )
    .await;
    let huge = vec![(unit, vec![0; 17 << 20])];
    let status = refused(report(siege.world.work(), huge, NUMERICS)).await;
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    let nameless = v1::ReportRequest {
        units: vec![v1::UnitReport::default()],
        numerics: NUMERICS.0.to_vec().into(),
        ..Default::default()
    };
    invalid(
        "no unit is named",
        siege.world.work().report(nameless.clone()),
    )
    .await;
    let anyone = v1::ReportRequest {
        worker: "w".repeat(1 << 20),
        ..nameless.clone()
    };
    invalid("more than 256 bytes", siege.world.work().report(anyone)).await;
    let short = v1::ReportRequest {
        numerics: vec![7; 31].into(),
        ..nameless
    };
    invalid("hash (32 bytes)", siege.world.work().report(short)).await;
    siege.ends_well().await;
}

#[tokio::test]
async fn rivals_without_end_are_not_kept() {
    let other = sweep(2, 1);
    let siege = Siege::beside(&[&other]).await;
    let unit = UnitId {
        sweep: other.id(),
        key: key(0, 0, 1),
    };
    for number in 0..100 {
        let bits = trajectory(&other, unit.key, f64::from(number)).encode();
        let outcome = siege.world.report(unit, bits).await.expect("report");
        assert_eq!(outcome == v1::Outcome::Accepted, number == 0, "{outcome:?}");
    }
    let rivals = siege.world.store.rivals(unit).expect("rivals");
    assert_eq!(rivals.len(), 9);
    siege.world.cancel(&other).await;
    siege.ends_well().await;
}
