//! What is missing or diverged is counted, and survivors are never averaged.

use bistable_common::{ids::Block, sweep::Indices, trajectory::Stop};

use super::fixture::*;
use crate::estimate::{Query, report};

fn many(k: usize) -> Vec<bistable_common::trajectory::Experiment> {
    (0..20)
        .map(|index| experiment(index, vec![record(9.0, 16.0); k]))
        .collect()
}

#[test]
fn a_replicate_enters_only_when_it_is_whole() {
    let sweep = sweep(3, Indices::All, vec![cell(20, 2, &[10])]);
    let run = || units(vec![curve(10, 20)], many(1));
    let mut stored: Stored = [((0, 0), run()), ((0, 1), run())].into();
    stored.get_mut(&(0, 1)).expect("a run").remove(1);
    let report = ask(&sweep, &Query::default(), &stored);
    let estimate = &report.estimates[0];
    // The second block of replicate 1 holds 4 positions, all of replicate 2 another 20.
    assert_eq!((estimate.replicates, estimate.indices), (1, 20));
    assert_eq!(estimate.missing, 24);
    assert_eq!(mean(estimate.beta1), 5.0);
    assert_eq!(report.digest, None);
}

#[test]
fn nothing_stored_is_an_answer() {
    let all = sweep(2, Indices::All, vec![cell(20, 2, &[10])]);
    let estimate = one(&all, &Stored::new());
    assert_eq!((estimate.replicates, estimate.missing), (0, 40));
    assert_eq!((estimate.beta1, estimate.val_loss), (None, None));
    let bare = sweep(2, Indices::Count(0), vec![cell(20, 2, &[10])]);
    assert_eq!(one(&bare, &Stored::new()).missing, 2);
}

#[test]
fn a_lost_block_zero_counts_its_own_positions() {
    let sweep = sweep(1, Indices::All, vec![cell(20, 2, &[10])]);
    let mut units = units(vec![curve(10, 20)], many(1));
    assert_eq!(units.remove(0).0, Block(0));
    assert_eq!(one(&sweep, &[((0, 0), units)].into()).missing, 16);
}

#[test]
fn a_diverged_experiment_takes_the_later_estimates_with_it() {
    let sweep = sweep(2, Indices::All, vec![cell(20, 2, &[10, 20])]);
    let run = || units(vec![curve(10, 20), curve(20, 20)], many(2));
    let mut lost = run();
    lost[1].1.experiments[0].stop = Stop::Diverged { at: 20 };
    lost[1].1.experiments[0].records.truncate(1);
    let report = ask(
        &sweep,
        &Query::default(),
        &[((0, 0), run()), ((0, 1), lost)].into(),
    );
    let [early, late] = &report.estimates[..] else {
        panic!("one estimate a K");
    };
    assert_eq!((early.diverged, mean(early.beta1)), (0, 5.0));
    assert_eq!((late.diverged, late.replicates), (1, 2));
    assert_eq!((late.beta1, late.gap_replace_one_plain_loss), (None, None));
    assert_eq!(mean(late.gap_holdout_loss), 0.25);
    assert!(report.digest.is_some(), "divergence is a result");
}

#[test]
fn a_diverged_base_run_takes_everything_with_it() {
    let sweep = sweep(1, Indices::All, vec![cell(20, 2, &[10, 20])]);
    let mut lost = units(vec![curve(10, 20)], many(1));
    for (_, unit) in &mut lost {
        unit.base_stop = Stop::Diverged { at: 15 };
        for experiment in &mut unit.experiments {
            experiment.stop = Stop::Diverged { at: 15 };
        }
    }
    let report = ask(&sweep, &Query::default(), &[((0, 0), lost)].into());
    let late = &report.estimates[1];
    assert_eq!((late.diverged, late.replicates), (20, 1));
    assert_eq!((late.beta1, late.val_loss), (None, None));
    assert_eq!(mean(report.estimates[0].beta1), 5.0);
}

#[test]
fn a_diverged_base_run_without_experiments_counts_as_one() {
    let sweep = sweep(1, Indices::Count(0), vec![cell(20, 2, &[10])]);
    let mut lost = units(Vec::new(), Vec::new());
    lost[0].1.base_stop = Stop::Diverged { at: 3 };
    let estimate = one(&sweep, &[((0, 0), lost)].into());
    assert_eq!((estimate.diverged, estimate.val_loss), (1, None));
}

#[test]
fn a_record_that_should_be_there_and_is_not_is_no_panic() {
    let sweep = sweep(1, Indices::All, vec![cell(20, 2, &[10, 20])]);
    let stored = [((0, 0), units(Vec::new(), many(1)))].into();
    let report = ask(&sweep, &Query::default(), &stored);
    assert_eq!(report.estimates[1].beta1, None);
    assert_eq!(report.estimates[0].val_loss, None);
}

#[test]
fn conflicting_results_have_no_digest() {
    let sweep = sweep(1, Indices::All, vec![cell(20, 2, &[10])]);
    let run = units(vec![curve(10, 20)], many(1));
    let ask = |conflicting| {
        report(
            &sweep,
            &Query::default(),
            |_, _| Ok::<_, ()>(run.clone()),
            conflicting,
        )
    };
    assert!(ask(false).expect("a report").digest.is_some());
    assert_eq!(ask(true).expect("a report").digest, None);
}

#[test]
fn units_that_disagree_about_the_base_run_have_no_digest() {
    let sweep = sweep(1, Indices::All, vec![cell(20, 2, &[10])]);
    let mut run = units(vec![curve(10, 20)], many(1));
    run[1].1.base_states = vec![[8; 32]];
    let report = ask(&sweep, &Query::default(), &[((0, 0), run)].into());
    assert_eq!(report.digest, None);
}

#[test]
fn a_failed_read_is_the_callers_error() {
    let sweep = sweep(1, Indices::All, vec![cell(20, 2, &[10])]);
    let failed = report(&sweep, &Query::default(), |_, _| Err("disk"), false);
    assert_eq!(failed, Err("disk"));
}
