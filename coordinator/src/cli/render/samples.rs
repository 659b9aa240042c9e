//! An answer to render.

use bistable_common::wire::v1;

pub fn interval(mean: f64, half: f64) -> Option<v1::Interval> {
    Some(v1::Interval {
        mean,
        lo: Some(mean - half),
        hi: Some(mean + half),
    })
}

pub fn estimate(m1: u64, k: u64) -> v1::Estimate {
    v1::Estimate {
        label: "ssgd".to_owned(),
        problem: "reweighting".to_owned(),
        replace: "validation".to_owned(),
        solver: "ssgd".to_owned(),
        m1: Some(m1),
        m2: Some(2000),
        k: Some(k),
        t: Some(1),
        eta_x: Some(5.0),
        eta_y: Some(0.01),
        batch_x: Some(8),
        batch_y: Some(8),
        replicates: 5,
        indices: 5 * m1,
        beta1: Some(v1::Interval {
            mean: 0.0159,
            lo: Some(0.015),
            hi: Some(0.0168),
        }),
        beta1_x: interval(0.0158, 0.0009),
        beta1_y: interval(1.2e-5, 1e-6),
        beta2_sq: interval(2.9e-4, 3e-5),
        val_loss: interval(1.274, 0.012),
        test_loss: interval(1.262, 0.02),
        gap_holdout_loss: interval(-0.012, 0.027),
        gap_replace_one_loss: interval(1.0e-4, 1e-5),
        gap_width_ratio: Some(2700.0),
        start: "warm".to_owned(),
        order: "inner_first".to_owned(),
        direction: "unrolled".to_owned(),
        step_x: "constant".to_owned(),
        step_y: "constant".to_owned(),
        sampling: "uniform".to_owned(),
        growth: "fixed".to_owned(),
        update_x: "plain".to_owned(),
        update_y: "plain".to_owned(),
        ..v1::Estimate::default()
    }
}

/// The same of a minimax problem.
pub fn minimax() -> v1::QueryEstimatesResponse {
    let mut response = response();
    for estimate in &mut response.estimates {
        estimate.problem = "auc".to_owned();
        estimate.beta1_z = interval(0.25, 0.01);
        estimate.ascent = "pairs".to_owned();
        estimate.step_z = "constant(c=0.01)".to_owned();
        estimate.update_z = "plain".to_owned();
    }
    response
}

pub fn response() -> v1::QueryEstimatesResponse {
    v1::QueryEstimatesResponse {
        digest: None,
        id: "00112233445566ff".to_owned(),
        name: "sample".to_owned(),
        confidence: 0.95,
        estimates: vec![
            estimate(500, 1000),
            estimate(500, 2000),
            estimate(1000, 1000),
            estimate(1000, 2000),
        ],
        ..v1::QueryEstimatesResponse::default()
    }
}
