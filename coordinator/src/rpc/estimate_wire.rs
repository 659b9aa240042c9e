//! Estimates on the wire: a request becomes a [`Query`], a [`Report`] a response.

use bistable_common::{
    ids::SweepId,
    sweep::{Sweep, words},
    wire::v1,
};
use tonic::Status;

use crate::estimate::{Axis, Estimate, Interval, Parts, Query, Report};

/// Values of a filter, at most: as many as an axis of a sweep can have.
const MAX_VALUES: usize = 1024;

/// Reads a request. What no sweep could answer is refused as INVALID_ARGUMENT; a filter that matches nothing is not.
///
/// # Errors
/// The status to answer with.
pub fn query_from_wire(request: v1::QueryEstimatesRequest) -> Result<(SweepId, Query), Status> {
    let v1::QueryEstimatesRequest {
        id,
        solvers,
        m1,
        k,
        t,
        group_by,
        confidence,
    } = request;
    let id = id
        .parse()
        .map_err(|error| Status::invalid_argument(format!("id: {error}")))?;
    for (filter, values) in [
        ("solvers", solvers.len()),
        ("m1", m1.len()),
        ("k", k.len()),
        ("t", t.len()),
        ("group_by", group_by.len()),
    ] {
        if values > MAX_VALUES {
            return Err(Status::invalid_argument(format!(
                "{filter}: {values} values; give at most {MAX_VALUES}"
            )));
        }
    }
    let group_by = group_by.into_iter().map(axis).collect::<Result<_, _>>()?;
    if let Some(level) = confidence
        && !(level > 0.0 && level < 1.0)
    {
        return Err(Status::invalid_argument(format!(
            "confidence: {level} is not a level; give a number strictly between 0 and 1, such as 0.95"
        )));
    }
    let query = Query {
        solvers,
        m1,
        k,
        t,
        group_by,
        confidence,
    };
    Ok((id, query))
}

fn axis(number: i32) -> Result<Axis, Status> {
    match v1::Axis::try_from(number) {
        Ok(v1::Axis::Solver) => Ok(Axis::Solver),
        Ok(v1::Axis::M1) => Ok(Axis::M1),
        Ok(v1::Axis::M2) => Ok(Axis::M2),
        Ok(v1::Axis::K) => Ok(Axis::K),
        Ok(v1::Axis::T) => Ok(Axis::T),
        Ok(v1::Axis::EtaX) => Ok(Axis::EtaX),
        Ok(v1::Axis::EtaY) => Ok(Axis::EtaY),
        Ok(v1::Axis::BatchX) => Ok(Axis::BatchX),
        Ok(v1::Axis::BatchY) => Ok(Axis::BatchY),
        Ok(v1::Axis::Unspecified) | Err(_) => Err(Status::invalid_argument(format!(
            "group_by: {number} is not an axis; name axes from AXIS_SOLVER to AXIS_BATCH_Y"
        ))),
    }
}

/// The response that carries `report` about `sweep`.
pub fn to_wire(report: Report, sweep: &Sweep) -> v1::QueryEstimatesResponse {
    let Report {
        digest,
        confidence,
        estimates,
    } = report;
    v1::QueryEstimatesResponse {
        digest: digest.map(|digest| digest.to_string()),
        id: sweep.id().to_string(),
        name: sweep.name().to_owned(),
        confidence,
        estimates: estimates.into_iter().map(Into::into).collect(),
        ..v1::QueryEstimatesResponse::default()
    }
}

impl From<Interval> for v1::Interval {
    fn from(interval: Interval) -> Self {
        let Interval { mean, lo, hi } = interval;
        Self { mean, lo, hi }
    }
}

impl From<Estimate> for v1::Estimate {
    fn from(estimate: Estimate) -> Self {
        let Estimate {
            label,
            problem,
            replace,
            solver,
            parts,
            m1,
            m2,
            k,
            t,
            eta_x,
            eta_y,
            batch_x,
            batch_y,
            replicates,
            indices,
            beta1,
            beta1_x,
            beta1_y,
            beta1_z,
            beta2_sq,
            beta2_sq_x,
            beta2_sq_y,
            beta2_sq_z,
            val_loss,
            test_loss,
            val_error,
            test_error,
            gap_holdout_loss,
            gap_holdout_error,
            gap_replace_one_loss,
            gap_replace_one_error,
            gap_replace_one_plain_loss,
            gap_replace_one_plain_error,
            gap_width_ratio,
            diverged,
            missing,
        } = estimate;
        let Parts {
            start,
            order,
            direction,
            step_x,
            step_y,
            sampling,
            growth,
            tolerance,
            update_x,
            update_y,
            ascent,
            step_z,
            update_z,
        } = parts.unwrap_or_default();
        Self {
            label,
            problem,
            replace: words::replace(replace).to_owned(),
            solver,
            m1,
            m2,
            k,
            t,
            eta_x,
            eta_y,
            batch_x,
            batch_y,
            replicates,
            indices,
            beta1: beta1.map(Into::into),
            beta1_x: beta1_x.map(Into::into),
            beta1_y: beta1_y.map(Into::into),
            beta1_z: beta1_z.map(Into::into),
            beta2_sq: beta2_sq.map(Into::into),
            beta2_sq_x: beta2_sq_x.map(Into::into),
            beta2_sq_y: beta2_sq_y.map(Into::into),
            beta2_sq_z: beta2_sq_z.map(Into::into),
            val_loss: val_loss.map(Into::into),
            test_loss: test_loss.map(Into::into),
            val_error: val_error.map(Into::into),
            test_error: test_error.map(Into::into),
            gap_holdout_loss: gap_holdout_loss.map(Into::into),
            gap_holdout_error: gap_holdout_error.map(Into::into),
            gap_replace_one_loss: gap_replace_one_loss.map(Into::into),
            gap_replace_one_error: gap_replace_one_error.map(Into::into),
            gap_replace_one_plain_loss: gap_replace_one_plain_loss.map(Into::into),
            gap_replace_one_plain_error: gap_replace_one_plain_error.map(Into::into),
            gap_width_ratio,
            diverged,
            missing,
            start,
            order,
            direction,
            step_x,
            step_y,
            sampling,
            growth,
            tolerance,
            update_x,
            update_y,
            ascent,
            step_z,
            update_z,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> v1::QueryEstimatesRequest {
        v1::QueryEstimatesRequest {
            id: "00112233445566ff".to_owned(),
            solvers: vec!["ssgd".to_owned()],
            m1: vec![1],
            k: vec![2],
            t: vec![3],
            group_by: vec![v1::Axis::K as i32, v1::Axis::EtaY as i32],
            confidence: Some(0.9),
        }
    }

    #[test]
    fn a_request_becomes_a_query() {
        let (id, query) = query_from_wire(request()).expect("a valid request");
        assert_eq!(id.to_string(), "00112233445566ff");
        assert_eq!(
            query,
            Query {
                solvers: vec!["ssgd".to_owned()],
                m1: vec![1],
                k: vec![2],
                t: vec![3],
                group_by: vec![Axis::K, Axis::EtaY],
                confidence: Some(0.9),
            }
        );
    }

    fn refusal(change: impl FnOnce(&mut v1::QueryEstimatesRequest)) -> String {
        let mut request = request();
        change(&mut request);
        let status = query_from_wire(request).expect_err("a refusal");
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        status.message().to_owned()
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        assert!(refusal(|r| r.id = "mine".to_owned()).starts_with("id: `mine` is not a sweep"));
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN, f64::INFINITY] {
            assert!(refusal(|r| r.confidence = Some(level)).starts_with("confidence: "));
        }
        assert!(refusal(|r| r.id = "i".repeat(1 << 20)).len() < 200);
        assert!(refusal(|r| r.k = vec![2; 1025]).starts_with("k: 1025 values"));
        for axis in [0, 10, -1] {
            assert!(refusal(|r| r.group_by.push(axis)).starts_with("group_by: "));
        }
    }

    #[test]
    fn an_estimate_keeps_every_field() {
        let interval = |mean| {
            Some(Interval {
                mean,
                lo: Some(mean - 1.0),
                hi: None,
            })
        };
        let message = v1::Estimate::from(Estimate {
            label: "a".to_owned(),
            k: Some(7),
            beta1: interval(1.0),
            beta1_z: interval(3.0),
            gap_replace_one_plain_error: interval(2.0),
            gap_width_ratio: Some(300.0),
            missing: 5,
            ..Estimate::default()
        });
        assert_eq!(
            (&*message.label, message.k, message.missing),
            ("a", Some(7), 5)
        );
        assert_eq!(message.gap_width_ratio, Some(300.0));
        let plain = message.gap_replace_one_plain_error.expect("an interval");
        assert_eq!((plain.mean, plain.lo, plain.hi), (2.0, Some(1.0), None));
        let z = message.beta1_z.expect("an interval");
        assert_eq!((z.mean, z.lo, z.hi), (3.0, Some(2.0), None));
        assert_eq!((message.val_loss, message.beta2_sq_z), (None, None));
    }
}
