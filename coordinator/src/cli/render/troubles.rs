//! Units that will have no result until somebody does something: what is wrong with them.

use bistable_common::wire::v1::{
    FailureKind, QueryEstimatesResponse, RivalResult, UnitConflict, UnitId, UnitQuarantine,
    UnitTrouble, unit_trouble::Trouble,
};
use serde::Serialize;

/// Units of each kind that are named in a text.
const NAMED: usize = 5;

/// Digits of a hash that tell results apart.
const DIGITS: usize = 12;

/// A unit's name: cell, replicate and block, as `bistable retry --unit` takes it.
pub fn unit_name(cell: u32, replicate: u32, block: u32) -> String {
    format!("{cell}/{replicate}/{block}")
}

fn name_of(unit: Option<&UnitId>) -> String {
    unit.map_or_else(String::new, |unit| {
        unit_name(unit.cell, unit.replicate, unit.block)
    })
}

fn hex(bytes: &[u8]) -> String {
    bistable_common::ids::to_hex(bytes)
}

/// A kind's name.
fn kind_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::WorkerLost => "worker_lost",
        FailureKind::Panic => "panic",
        FailureKind::Memory => "memory",
        FailureKind::Data => "data",
        FailureKind::Unfit => "unfit",
        FailureKind::Refused => "refused",
        FailureKind::Other | FailureKind::Unspecified => "other",
    }
}

/// What is wrong, for people; nothing if nothing is.
pub(super) fn lines(response: &QueryEstimatesResponse) -> Vec<String> {
    let troubles = &response.troubles;
    let conflicts = troubles.iter().filter_map(|trouble| match trouble.trouble {
        Some(Trouble::Conflict(ref conflict)) => Some(conflict_line(trouble, conflict)),
        _ => None,
    });
    let quarantines = troubles.iter().filter_map(|trouble| match trouble.trouble {
        Some(Trouble::Quarantine(ref given_up)) => Some(quarantine_lines(trouble, given_up)),
        _ => None,
    });
    let mut lines = Vec::new();
    if response.units_conflicting > 0 {
        lines.push(format!(
            "CONFLICT: different results were reported for {}, so the numbers of this sweep cannot be trusted:",
            units(response.units_conflicting)
        ));
        lines.extend(conflicts.take(NAMED));
    }
    if response.units_quarantined > 0 {
        lines.push(format!(
            "Given up after repeated failures: {}:",
            units(response.units_quarantined)
        ));
        lines.extend(quarantines.take(NAMED).flatten());
    }
    if !lines.is_empty() {
        lines.push(format!(
            "When the cause is mended, put them back: bistable retry {}",
            response.id
        ));
    }
    lines
}

fn units(count: u64) -> String {
    match count {
        1 => "1 unit".to_owned(),
        count => format!("{count} units"),
    }
}

fn conflict_line(trouble: &UnitTrouble, conflict: &UnitConflict) -> String {
    let results = conflict.results.iter().map(|result| {
        let hash = hex(&result.trajectory);
        let digits = hash.get(..DIGITS).unwrap_or(&hash);
        format!("{digits} by {} (build {})", result.worker, result.build)
    });
    let results: Vec<String> = results.collect();
    let unit = name_of(trouble.unit.as_ref());
    format!("  unit {unit}: {}", results.join(", "))
}

fn quarantine_lines(trouble: &UnitTrouble, given_up: &UnitQuarantine) -> Vec<String> {
    let mut lines = vec![format!(
        "  unit {}: {} after {} attempts on {}: {}",
        name_of(trouble.unit.as_ref()),
        kind_name(given_up.kind()),
        given_up.attempts,
        given_up.hosts.join(", "),
        given_up.error
    )];
    let log = given_up.log.iter().map(|line| format!("    | {line}"));
    lines.extend(log);
    lines
}

/// What is wrong, as JSON.
#[derive(Serialize)]
pub(super) struct Troubles<'a> {
    quarantined: u64,
    conflicting: u64,
    units: Vec<Unit<'a>>,
}

#[derive(Serialize)]
struct Unit<'a> {
    unit: String,
    #[serde(flatten)]
    trouble: Option<Kind<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "trouble", rename_all = "snake_case")]
enum Kind<'a> {
    Quarantined {
        attempts: u32,
        kind: &'static str,
        error: &'a str,
        log: &'a [String],
        worker: &'a str,
        hosts: &'a [String],
    },
    Conflicting {
        results: Vec<Rival<'a>>,
    },
}

#[derive(Serialize)]
struct Rival<'a> {
    trajectory: String,
    build: &'a str,
    worker: &'a str,
    reported_at_ms: u64,
}

impl<'a> From<&'a QueryEstimatesResponse> for Troubles<'a> {
    fn from(response: &'a QueryEstimatesResponse) -> Self {
        Self {
            quarantined: response.units_quarantined,
            conflicting: response.units_conflicting,
            units: response.troubles.iter().map(Unit::from).collect(),
        }
    }
}

impl<'a> From<&'a UnitTrouble> for Unit<'a> {
    fn from(trouble: &'a UnitTrouble) -> Self {
        let UnitTrouble { unit, trouble } = trouble;
        Self {
            unit: name_of(unit.as_ref()),
            trouble: trouble.as_ref().map(Kind::from),
        }
    }
}

impl<'a> From<&'a Trouble> for Kind<'a> {
    fn from(trouble: &'a Trouble) -> Self {
        match trouble {
            Trouble::Quarantine(given_up) => Self::Quarantined {
                attempts: given_up.attempts,
                kind: kind_name(given_up.kind()),
                error: &given_up.error,
                log: &given_up.log,
                worker: &given_up.worker,
                hosts: &given_up.hosts,
            },
            Trouble::Conflict(UnitConflict { results }) => Self::Conflicting {
                results: results.iter().map(Rival::from).collect(),
            },
        }
    }
}

impl<'a> From<&'a RivalResult> for Rival<'a> {
    fn from(result: &'a RivalResult) -> Self {
        let RivalResult {
            trajectory,
            build,
            worker,
            reported_at_ms,
        } = result;
        Self {
            trajectory: hex(trajectory),
            build,
            worker,
            reported_at_ms: *reported_at_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::{json, samples, table};

    fn troubled() -> QueryEstimatesResponse {
        let unit = |block| {
            Some(UnitId {
                sweep: "00112233445566ff".to_owned(),
                cell: 0,
                replicate: 1,
                block,
            })
        };
        let result = |byte, worker: &str| RivalResult {
            trajectory: vec![byte; 32].into(),
            build: "0.1.0".to_owned(),
            worker: worker.to_owned(),
            reported_at_ms: 7,
        };
        let conflict = UnitConflict {
            results: vec![result(0xab, "a"), result(0xcd, "b")],
        };
        let given_up = UnitQuarantine {
            attempts: 5,
            kind: FailureKind::Memory.into(),
            error: "out of memory".to_owned(),
            log: vec!["the last line".to_owned()],
            worker: "a".to_owned(),
            hosts: vec!["h1".to_owned(), "h2".to_owned()],
        };
        QueryEstimatesResponse {
            units_quarantined: 7,
            units_conflicting: 1,
            troubles: vec![
                UnitTrouble {
                    unit: unit(2),
                    trouble: Some(Trouble::Quarantine(given_up)),
                },
                UnitTrouble {
                    unit: unit(3),
                    trouble: Some(Trouble::Conflict(conflict)),
                },
            ],
            ..samples::response()
        }
    }

    #[test]
    fn a_table_says_what_is_wrong_and_what_to_do() {
        let text = table(&troubled());
        let expected = [
            "different results were reported for 1 unit,",
            "unit 0/1/3: abababababab by a (build 0.1.0), cdcdcdcdcdcd by b",
            "Given up after repeated failures: 7 units:",
            "unit 0/1/2: memory after 5 attempts on h1, h2: out of memory",
            "    | the last line",
            "bistable retry 00112233445566ff",
        ];
        for part in expected {
            assert!(text.contains(part), "no `{part}` in: {text}");
        }
        assert!(!table(&samples::response()).contains("retry"));
    }

    #[test]
    fn json_tells_the_same() {
        let value: serde_json::Value = serde_json::from_str(&json(&troubled())).expect("JSON");
        let troubles = &value["troubles"];
        assert_eq!(troubles["quarantined"], 7);
        let expected = serde_json::json!({
            "unit": "0/1/2", "trouble": "quarantined", "attempts": 5, "kind": "memory",
            "error": "out of memory", "log": ["the last line"], "worker": "a", "hosts": ["h1", "h2"],
        });
        assert_eq!(troubles["units"][0], expected);
        assert_eq!(troubles["units"][1]["trouble"], "conflicting");
        assert_eq!(troubles["units"][1]["results"][1]["worker"], "b");
    }
}
