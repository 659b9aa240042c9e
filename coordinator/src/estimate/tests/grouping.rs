//! Filters, groups and the confidence level.

use bistable_common::{sweep::Indices, sweep::Sweep, trajectory::Stop};

use super::fixture::*;
use crate::estimate::{Axis, Query};

/// Two m1 times two T, each with two K and two replicates. With every dx2 = 0, dy2 = d^2, `d = m1 + 10 T + K + r`.
fn grid() -> (Sweep, Stored) {
    let shapes = [(1, 1), (1, 2), (2, 1), (2, 2)];
    let ks = [100, 200];
    let cells = shapes.map(|(m1, t)| cell(m1, t, &ks)).to_vec();
    let run = |(m1, t): (u32, u32), r: u32| {
        let distance = |k: u64| f64::from(m1 + 10 * t + r) + k as f64;
        let records = ks.map(|k| record(0.0, distance(k).powi(2))).to_vec();
        let experiments = (0..m1).map(|i| experiment(i, records.clone())).collect();
        units(ks.map(|k| curve(k, u64::from(m1))).to_vec(), experiments)
    };
    let stored = (0..4)
        .flat_map(|c| (0..2).map(move |r| (c, r)))
        .map(|(c, r)| ((c, r), run(shapes[c as usize], r)))
        .collect();
    (sweep(2, Indices::All, cells), stored)
}

fn by(axes: &[Axis]) -> Query {
    Query {
        group_by: axes.to_vec(),
        ..Query::default()
    }
}

#[test]
fn without_groups_every_point_is_an_estimate() {
    let (sweep, stored) = grid();
    let report = ask(&sweep, &Query::default(), &stored);
    assert_eq!(report.estimates.len(), 8);
    let last = &report.estimates[7];
    assert_eq!((last.m1, last.t, last.k), (Some(2), Some(2), Some(200)));
    assert_eq!(
        (last.m2, last.eta_x, last.batch_y),
        (Some(100), Some(5.0), Some(8))
    );
    assert_eq!(
        (&*last.label, &*last.solver, &*last.problem),
        ("two", "tsgd", "reweighting")
    );
    assert_eq!(mean(last.beta1), 222.5);
}

#[test]
fn a_group_is_averaged_replicate_by_replicate() {
    let (sweep, stored) = grid();
    let report = ask(&sweep, &by(&[Axis::T]), &stored);
    let [one, two] = &report.estimates[..] else {
        panic!("a group a T");
    };
    // Mean of m1 is 1.5 and of K 150; the replicates differ by exactly 1, whatever the spread within the group.
    assert_eq!((mean(one.beta1), mean(two.beta1)), (162.0, 172.0));
    let half = one.beta1.and_then(|i| i.hi).expect("an end") - 162.0;
    assert!((half - 0.5 * 12.706_204_736).abs() < 1e-6);
    assert_eq!((one.t, one.m1, one.k, one.m2), (Some(1), None, None, None));
    assert_eq!((&*one.label, &*one.problem), ("", "reweighting"));
    // Two replicates of cells with 1 and 2 indices; a K more is no index more.
    assert_eq!((one.replicates, one.indices), (2, 6));
}

#[test]
fn a_group_needs_all_of_its_cells() {
    let (sweep, mut stored) = grid();
    stored.remove(&(2, 1));
    let report = ask(&sweep, &by(&[Axis::T]), &stored);
    let [one, two] = &report.estimates[..] else {
        panic!("a group a T");
    };
    assert_eq!((one.replicates, one.missing), (1, 2));
    assert_eq!((two.replicates, two.missing), (2, 0));
    assert_eq!(mean(one.beta1), 161.5);
}

#[test]
fn a_group_loses_an_experiment_once() {
    let (sweep, mut stored) = grid();
    let lost = &mut stored.get_mut(&(0, 0)).expect("a run")[0].1.experiments[0];
    lost.stop = Stop::Diverged { at: 50 };
    lost.records.clear();
    let report = ask(&sweep, &by(&[Axis::T]), &stored);
    assert_eq!(
        (report.estimates[0].diverged, report.estimates[0].beta1),
        (1, None)
    );
    assert_eq!(report.estimates[1].diverged, 0);
}

#[test]
fn filters_choose_points() {
    let (sweep, stored) = grid();
    let query = Query {
        solvers: vec!["tsgd".to_owned()],
        m1: vec![2],
        k: vec![200],
        t: vec![1, 7],
        ..Query::default()
    };
    let report = ask(&sweep, &query, &stored);
    assert_eq!(report.estimates.len(), 1);
    assert_eq!(mean(report.estimates[0].beta1), 212.5);
    assert_eq!(
        report.digest,
        ask(&sweep, &Query::default(), &stored).digest,
        "the digest is of the whole sweep"
    );
    let nobody = Query {
        solvers: vec!["nobody".to_owned()],
        ..Query::default()
    };
    assert!(ask(&sweep, &nobody, &stored).estimates.is_empty());
}

#[test]
fn the_confidence_level_is_the_querys_or_the_sweeps() {
    let (sweep, stored) = grid();
    let narrow = Query {
        confidence: Some(0.5),
        ..Query::default()
    };
    let (own, asked) = (
        ask(&sweep, &Query::default(), &stored),
        ask(&sweep, &narrow, &stored),
    );
    assert_eq!((own.confidence, asked.confidence), (0.95, 0.5));
    // At one degree of freedom the median of |t| is 1.
    let interval = asked.estimates[0].beta1.expect("an interval");
    assert!((interval.hi.expect("an end") - interval.mean - 0.5).abs() < 1e-9);
    assert_eq!(own.digest, asked.digest);
}
