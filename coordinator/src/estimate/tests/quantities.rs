//! Every quantity, with all indices and with some, one replicate and several.

use bistable_common::{
    sweep::Indices,
    trajectory::{Record, Stop},
};

use super::fixture::*;
use crate::estimate::{Estimate, Interval, Query};

fn two_of_four(scale: f64) -> Vec<bistable_common::trajectory::Experiment> {
    // Distances 5 and 13 (times the scale), and two indices that were never drawn.
    vec![
        experiment(2, vec![record(9.0 * scale * scale, 16.0 * scale * scale)]),
        never_drawn(0, 1),
        experiment(1, vec![record(25.0 * scale * scale, 144.0 * scale * scale)]),
        never_drawn(3, 1),
    ]
}

fn all_of(replicates: u32, scale: impl Fn(u32) -> f64) -> Estimate {
    let sweep = sweep(replicates, Indices::All, vec![cell(4, 2, &[10])]);
    let stored = (0..replicates)
        .map(|r| ((0, r), units(vec![curve(10, 2)], two_of_four(scale(r)))))
        .collect();
    one(&sweep, &stored)
}

#[test]
fn means_over_all_indices_by_hand() {
    let estimate = all_of(1, |_| 1.0);
    assert_eq!((estimate.replicates, estimate.indices), (1, 4));
    assert_eq!((estimate.diverged, estimate.missing), (0, 0));
    for (quantity, expected) in [
        (estimate.beta1, 18.0 / 4.0),
        (estimate.beta1_x, 8.0 / 4.0),
        (estimate.beta1_y, 16.0 / 4.0),
        (estimate.beta2_sq, 194.0 / 4.0),
        (estimate.beta2_sq_x, 34.0 / 4.0),
        (estimate.beta2_sq_y, 160.0 / 4.0),
        (estimate.val_loss, 1.0),
        (estimate.test_loss, 1.25),
        (estimate.val_error, 0.25),
        (estimate.test_error, 0.5),
        (estimate.gap_holdout_loss, 0.25),
        (estimate.gap_holdout_error, 0.25),
        // Each drawn index: plain 1.5 - 1, at the replacement 3 - 2.75; half of the four indices are drawn.
        (estimate.gap_replace_one_plain_loss, 0.25),
        (estimate.gap_replace_one_loss, 0.1875),
        (estimate.gap_replace_one_plain_error, 0.5),
        (estimate.gap_replace_one_error, 0.25),
    ] {
        let bare = Interval {
            mean: expected,
            lo: None,
            hi: None,
        };
        assert_eq!(quantity, Some(bare));
    }
    assert_eq!(estimate.gap_width_ratio, None);
}

#[test]
fn the_interval_is_between_replicates() {
    // beta_1 is 4.5 in one replicate and 13.5 in the other: mean 9, standard error 4.5, t = 12.706 at one degree.
    let estimate = all_of(2, |r| if r == 0 { 1.0 } else { 3.0 });
    let Some(Interval {
        mean,
        lo: Some(lo),
        hi: Some(hi),
    }) = estimate.beta1
    else {
        panic!("an interval, not {:?}", estimate.beta1);
    };
    assert_eq!((estimate.replicates, estimate.indices, mean), (2, 8, 9.0));
    let half = 4.5 * 12.706_204_736;
    assert!((hi - 9.0 - half).abs() < 1e-6 && (9.0 - lo - half).abs() < 1e-6);
    // Both gaps are the same in both replicates: the widths are 0 and their ratio means nothing.
    assert_eq!(estimate.gap_width_ratio, None);
}

#[test]
fn a_ratio_of_widths() {
    let sweep = sweep(2, Indices::All, vec![cell(1, 1, &[10])]);
    let run = |test_loss: f64, at: f64| {
        let mut point = curve(10, 1);
        point.test_loss = test_loss;
        let mut record = record(1.0, 1.0);
        record.loss = quad([1.0 + at, 1.0, 2.0 + at, 2.0]);
        units(vec![point], vec![experiment(0, vec![record])])
    };
    let stored = [((0, 0), run(1.0, 0.25)), ((0, 1), run(3.0, 0.5))].into();
    let estimate = one(&sweep, &stored);
    assert_eq!(mean(estimate.gap_holdout_loss), 1.0);
    assert_eq!(mean(estimate.gap_replace_one_loss), 0.375);
    let ratio = estimate.gap_width_ratio.expect("a ratio");
    assert!((ratio - 8.0).abs() < 1e-9, "{ratio}");
}

#[test]
fn measured_indices_stand_for_all_that_were_drawn() {
    // 30 indices, 12 of them drawn before the largest K, 2 of those measured, one of them first drawn after K = 5.
    let sweep = sweep(1, Indices::Count(2), vec![cell(30, 2, &[5, 10])]);
    let zero: Record = never_drawn(0, 1).records[0];
    let experiments = vec![
        experiment(7, vec![record(9.0, 16.0), record(36.0, 64.0)]),
        experiment(3, vec![zero, record(9.0, 16.0)]),
    ];
    let stored = [((0, 0), units(vec![curve(5, 8), curve(10, 12)], experiments))].into();
    let report = ask(&sweep, &Query::default(), &stored);
    let [early, late] = &report.estimates[..] else {
        panic!("one estimate a K");
    };
    assert_eq!((early.k, early.indices), (Some(5), 2));
    assert_eq!(mean(early.beta1), 12.0 / 30.0 * 2.5);
    assert_eq!(mean(late.beta1), 12.0 / 30.0 * 7.5);
    assert_eq!(mean(late.beta2_sq), 12.0 / 30.0 * 62.5);
    assert_eq!(mean(late.gap_replace_one_plain_loss), 12.0 / 30.0 * 0.5);
    assert_eq!(mean(early.gap_replace_one_plain_loss), 12.0 / 30.0 * 0.25);
}

#[test]
fn the_number_drawn_is_known_even_if_the_base_run_ends_early() {
    // Batches of 8 from a single index: it is drawn at once, whatever the generator.
    let sweep = sweep(1, Indices::Count(1), vec![cell(1, 2, &[5, 10])]);
    let mut units = units(
        vec![curve(5, 1)],
        vec![experiment(0, vec![record(9.0, 16.0)])],
    );
    units[0].1.base_stop = Stop::Diverged { at: 8 };
    units[0].1.experiments[0].stop = Stop::Diverged { at: 7 };
    let stored = [((0, 0), units)].into();
    let report = ask(&sweep, &Query::default(), &stored);
    assert_eq!(mean(report.estimates[0].beta1), 5.0);
    assert_eq!(report.estimates[1].beta1, None);
}

#[test]
fn base_runs_alone_have_curves_and_no_stability() {
    let sweep = sweep(2, Indices::Count(0), vec![cell(30, 2, &[10])]);
    let stored = (0..2)
        .map(|r| ((0, r), units(vec![curve(10, 12)], Vec::new())))
        .collect();
    let estimate = one(&sweep, &stored);
    assert_eq!((estimate.replicates, estimate.indices), (2, 0));
    assert_eq!((estimate.diverged, estimate.missing), (0, 0));
    assert_eq!(mean(estimate.gap_holdout_loss), 0.25);
    assert_eq!(
        (estimate.beta1, estimate.gap_replace_one_loss),
        (None, None)
    );
}

#[test]
fn no_error_where_the_problem_has_none() {
    let sweep = sweep(1, Indices::All, vec![cell(1, 1, &[10])]);
    let mut point = curve(10, 1);
    (point.val_error, point.test_error) = (None, None);
    let mut record = record(1.0, 1.0);
    record.error = None;
    let stored = [(
        (0, 0),
        units(vec![point], vec![experiment(0, vec![record])]),
    )]
    .into();
    let estimate = one(&sweep, &stored);
    assert_eq!(
        (estimate.val_error, estimate.gap_holdout_error),
        (None, None)
    );
    assert_eq!(estimate.gap_replace_one_plain_error, None);
    assert_eq!(mean(estimate.gap_replace_one_plain_loss), 0.5);
}

#[test]
fn distances_include_z_where_there_is_one() {
    // 2^2 + 3^2 + 6^2 = 7^2, and an index that was never drawn.
    let mut moved = record(4.0, 9.0);
    moved.dz2 = Some(36.0);
    let mut never = never_drawn(0, 1);
    never.records[0].dz2 = Some(0.0);
    let sweep = sweep(1, Indices::All, vec![cell(2, 2, &[10])]);
    let experiments = vec![experiment(1, vec![moved]), never];
    let stored = [((0, 0), units(vec![curve(10, 1)], experiments))].into();
    let estimate = one(&sweep, &stored);
    assert_eq!(mean(estimate.beta1), 7.0 / 2.0);
    assert_eq!(mean(estimate.beta1_z), 6.0 / 2.0);
    assert_eq!(mean(estimate.beta2_sq), 49.0 / 2.0);
    assert_eq!(mean(estimate.beta2_sq_z), 36.0 / 2.0);
    let without = all_of(1, |_| 1.0);
    assert_eq!((without.beta1_z, without.beta2_sq_z), (None, None));
}
