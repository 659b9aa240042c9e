//! Plots of made-up estimates: what is written, and that it can be read anywhere.

use std::path::PathBuf;

use bistable_common::wire::v1::{Estimate, Interval, QueryEstimatesResponse};
use resvg::tiny_skia::Pixmap;

use super::{outline::Outlined, write_all};

fn around(mean: f64, half: f64) -> Option<Interval> {
    Some(Interval {
        mean,
        lo: Some(mean - half),
        hi: Some(mean + half),
    })
}

/// Roughly the shapes of the reference task.
fn estimate(label: &str, m1: u64, k: u64, t: u64) -> Estimate {
    let (m, steps, inner) = (m1 as f64, k as f64, t as f64);
    let beta = steps * inner.powf(0.4) / m * 8e-3;
    let gap = 5e-9 * steps * steps * inner / m;
    let val = 0.4 + 0.35 * (-steps * inner / 4000.0).exp() + 0.05 * inner.ln();
    Estimate {
        label: label.to_owned(),
        problem: "reweighting".to_owned(),
        solver: label.to_owned(),
        m1: Some(m1),
        m2: Some(2000),
        k: Some(k),
        t: Some(t),
        eta_x: Some(5.0),
        eta_y: Some(0.01),
        batch_x: Some(8),
        batch_y: Some(8),
        start: "warm".to_owned(),
        order: "inner_first".to_owned(),
        direction: "unrolled".to_owned(),
        replicates: 5,
        indices: 5 * m1,
        beta1: around(beta, 0.1 * beta),
        beta2_sq: around(beta * beta * 1.3, 0.4 * beta * beta),
        val_loss: around(2.0 * val, 0.03),
        test_loss: around(2.0 * val + gap, 0.04),
        val_error: around(val, 0.02),
        test_error: around(val + gap, 0.025),
        gap_holdout_loss: around(gap - 0.004, 0.03),
        gap_holdout_error: around(gap - 0.004, 0.012),
        gap_replace_one_loss: around(gap, 0.1 * gap),
        gap_replace_one_error: around(0.3 * gap, 0.1 * gap),
        ..Estimate::default()
    }
}

fn response(estimates: Vec<Estimate>) -> QueryEstimatesResponse {
    QueryEstimatesResponse {
        digest: None,
        id: "00112233445566ff".to_owned(),
        name: "sample".to_owned(),
        confidence: 0.95,
        estimates,
        ..QueryEstimatesResponse::default()
    }
}

fn grid(label: &str, m1s: &[u64], ks: &[u64], ts: &[u64]) -> Vec<Estimate> {
    let mut estimates = Vec::new();
    for &m1 in m1s {
        for &t in ts {
            estimates.extend(ks.iter().map(|&k| estimate(label, m1, k, t)));
        }
    }
    estimates
}

fn names(files: &[PathBuf]) -> Vec<String> {
    let name = |file: &PathBuf| Some(file.file_name()?.to_str()?.to_owned());
    files.iter().filter_map(name).collect()
}

#[test]
fn a_full_grid_has_every_figure_in_both_forms() {
    let mut estimates = grid("tsgd", &[500, 1000, 2000], &[1000, 2000, 5000], &[1, 8, 32]);
    // A point that never moved, one that diverged, and an interval that reaches below zero.
    estimates[0].beta1 = around(0.0, 0.0);
    estimates[8].diverged = 2;
    estimates[8].beta1 = None;
    estimates[13].beta1 = around(0.02, 0.03);
    let dir = tempfile::tempdir().expect("a directory");
    let files = write_all(&dir.path().join("plots"), &response(estimates)).expect("plots");
    assert_eq!(
        names(&files),
        [
            "tsgd-beta-vs-m1.svg",
            "tsgd-beta-vs-m1.png",
            "tsgd-beta-vs-k.svg",
            "tsgd-beta-vs-k.png",
            "tsgd-error-vs-k-by-t.svg",
            "tsgd-error-vs-k-by-t.png",
            "tsgd-error-vs-k-by-m1.svg",
            "tsgd-error-vs-k-by-m1.png",
        ]
    );
    for file in &files {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => assert_outlined(&std::fs::read_to_string(file).expect("SVG")),
            _ => assert_drawn(&Pixmap::load_png(file).expect("PNG")),
        }
    }
}

fn assert_outlined(svg: &str) {
    assert!(!svg.contains("<text") && !svg.contains("font-family"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    assert!(svg.matches("<path").count() > 100);
}

fn assert_drawn(picture: &Pixmap) {
    let blank = picture.pixels()[0];
    let inked = picture
        .pixels()
        .iter()
        .filter(|&&pixel| pixel != blank)
        .count();
    let share = inked as f64 / picture.pixels().len() as f64;
    assert!((0.01..0.5).contains(&share), "{share}");
}

fn made(estimates: Vec<Estimate>) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let files = write_all(dir.path(), &response(estimates)).expect("plots");
    let svg = |name: &String| name.ends_with(".svg");
    names(&files).into_iter().filter(svg).collect()
}

#[test]
fn a_single_point_is_no_plot() {
    assert!(made(grid("ssgd", &[500], &[1000], &[1])).is_empty());
    assert!(made(Vec::new()).is_empty());
}

#[test]
fn a_figure_that_would_repeat_another_is_left_out() {
    assert_eq!(
        made(grid("ssgd", &[500, 1000], &[100, 1000], &[1])),
        [
            "ssgd-beta-vs-m1.svg",
            "ssgd-beta-vs-k.svg",
            "ssgd-error-vs-k-by-m1.svg"
        ]
    );
    assert_eq!(
        made(grid("ssgd", &[500], &[100, 1000], &[1])),
        ["ssgd-beta-vs-k.svg", "ssgd-error-vs-k-by-t.svg"]
    );
}

#[test]
fn without_errors_losses_are_plotted_and_without_stability_no_betas() {
    let mut estimates = grid("ud", &[500], &[100, 1000], &[1, 4]);
    for estimate in &mut estimates {
        (estimate.val_error, estimate.test_error) = (None, None);
        (estimate.gap_holdout_error, estimate.gap_replace_one_error) = (None, None);
        (estimate.beta1, estimate.beta2_sq) = (None, None);
        estimate.gap_replace_one_loss = None;
    }
    assert_eq!(made(estimates), ["ud-loss-vs-k-by-t.svg"]);
}

#[test]
fn hostile_labels_are_harmless_and_equal_ones_kept_apart() {
    let mut estimates = grid("../a<b>&\u{1}", &[500], &[100, 1000], &[1]);
    let mut other = estimates.clone();
    for estimate in &mut other {
        estimate.eta_x = Some(1.0);
    }
    estimates.append(&mut other);
    assert_eq!(
        made(estimates),
        [
            "a-b-beta-vs-k.svg",
            "a-b-error-vs-k-by-t.svg",
            "a-b-2-beta-vs-k.svg",
            "a-b-2-error-vs-k-by-t.svg"
        ]
    );
}

#[test]
fn extreme_numbers_are_drawn() {
    let mut estimates = grid("ssgd", &[1, 1 << 24], &[1, 1 << 40], &[1]);
    estimates[0].beta1 = around(1e300, 1e300);
    estimates[1].beta1 = around(1e-300, 0.0);
    estimates[2].val_error = around(f64::MAX, f64::MAX);
    estimates[3].val_error = around(f64::NAN, 0.0);
    estimates[1].gap_holdout_error = around(-1e-250, 1e-251);
    assert_eq!(made(estimates).len(), 3);
}

#[test]
fn a_huge_drawing_is_still_a_picture() {
    let drawing = r#"<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="20000"><rect width="9" height="9"/></svg>"#;
    let png = Outlined::new(drawing).and_then(|outlined| outlined.png());
    let picture = Pixmap::decode_png(&png.expect("a PNG")).expect("a PNG");
    assert!((30_000_000..41_000_000).contains(&picture.pixels().len()));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let estimates = grid("ssgd", &[500], &[100, 1000], &[1]);
    let error = write_all(file.path(), &response(estimates)).expect_err("a refusal");
    assert!(
        error
            .to_string()
            .contains(&file.path().display().to_string())
    );
}
