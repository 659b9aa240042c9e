//! Estimates as JSON, with the keys in a fixed order.

use bistable_common::wire::v1;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    fields::{AXES, Fields, LOSSES, SUPPORT, WIDTH_RATIO},
    troubles::Troubles,
};

/// The answer as a JSON object, `{"digest", "sweep", "troubles", "estimates"}`. Absent values are `null`.
pub fn json(response: &v1::QueryEstimatesResponse) -> String {
    let v1::QueryEstimatesResponse {
        digest,
        id,
        name,
        confidence,
        estimates,
        units_quarantined: _,
        units_conflicting: _,
        troubles: _,
    } = response;
    let fields = Fields::of(estimates);
    let row = |estimate| Row { estimate, fields };
    let answer = Answer {
        digest: digest.as_deref(),
        sweep: Sweep {
            id,
            name,
            confidence: *confidence,
        },
        troubles: response.into(),
        estimates: estimates.iter().map(row).collect(),
    };
    serde_json::to_string_pretty(&answer).expect("strings, numbers and string keys are JSON")
}

#[derive(Serialize)]
struct Answer<'a> {
    digest: Option<&'a str>,
    sweep: Sweep<'a>,
    troubles: Troubles<'a>,
    estimates: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Sweep<'a> {
    id: &'a str,
    name: &'a str,
    confidence: f64,
}

struct Row<'a> {
    estimate: &'a v1::Estimate,
    fields: Fields,
}

#[derive(Serialize)]
struct Ends {
    mean: f64,
    lo: Option<f64>,
    hi: Option<f64>,
}

impl From<v1::Interval> for Ends {
    fn from(interval: v1::Interval) -> Self {
        let v1::Interval { mean, lo, hi } = interval;
        Self { mean, lo, hi }
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { estimate, fields } = self;
        let mut map = serializer.serialize_map(None)?;
        for (name, get) in AXES.into_iter().chain(fields.parts()) {
            map.serialize_entry(name, &get(estimate))?;
        }
        for (name, get) in SUPPORT {
            map.serialize_entry(name, &get(estimate))?;
        }
        for (name, get) in fields.quantities() {
            map.serialize_entry(name, &get(estimate).map(Ends::from))?;
        }
        let (name, get) = WIDTH_RATIO;
        map.serialize_entry(name, &get(estimate))?;
        for (name, get) in LOSSES {
            map.serialize_entry(name, &get(estimate))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cli::render::samples;

    #[test]
    fn the_keys_are_the_documented_ones() {
        let value: Value = serde_json::from_str(&json(&samples::response())).expect("JSON");
        assert_eq!(value["digest"], Value::Null);
        assert_eq!(
            value["sweep"],
            serde_json::json!({"id": "00112233445566ff", "name": "sample", "confidence": 0.95})
        );
        let row = value["estimates"][0].as_object().expect("an object");
        let mut keys: Vec<&str> = row.keys().map(String::as_str).collect();
        let mut expected = "label problem replace solver m1 m2 K T eta_x eta_y batch_x batch_y replicates indices beta1 \
            beta1_x beta1_y beta2_sq beta2_sq_x beta2_sq_y val_loss test_loss val_error test_error gap_holdout_loss \
            gap_holdout_error gap_replace_one_loss gap_replace_one_error gap_replace_one_plain_loss \
            gap_replace_one_plain_error gap_width_ratio diverged missing start order direction step_x step_y sampling \
            growth tolerance update_x update_y"
            .split_whitespace()
            .collect::<Vec<_>>();
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(row["K"], 1000);
        assert_eq!(row["direction"], "unrolled");
        assert_eq!(
            row["beta1"],
            serde_json::json!({"mean": 0.0159, "lo": 0.015, "hi": 0.0168})
        );
        assert_eq!(row["val_error"], Value::Null);
    }

    #[test]
    fn a_minimax_problem_has_keys_of_z() {
        let value: Value = serde_json::from_str(&json(&samples::minimax())).expect("JSON");
        for row in value["estimates"].as_array().expect("a list") {
            assert_eq!(row["beta1_z"]["mean"], 0.25);
            assert_eq!(
                (&row["ascent"], &row["update_z"]),
                (&"pairs".into(), &"plain".into())
            );
            assert_eq!(row["step_z"], "constant(c=0.01)");
            assert_eq!(row.get("beta2_sq_z"), Some(&Value::Null));
        }
    }

    #[test]
    fn a_lone_replicate_has_null_ends() {
        let mut response = samples::response();
        response.estimates[0].beta1 = Some(v1::Interval {
            mean: 1.5,
            lo: None,
            hi: None,
        });
        let value: Value = serde_json::from_str(&json(&response)).expect("JSON");
        assert_eq!(
            value["estimates"][0]["beta1"],
            serde_json::json!({"mean": 1.5, "lo": null, "hi": null})
        );
    }
}
