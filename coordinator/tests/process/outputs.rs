//! What programs read: results, submissions, exports.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    processes::{self, Coordinator, Runs, Worker},
    sweeps::{MINIMAX, REWEIGHTING, quadratic},
};

/// Keys of an estimate that name a point of the grid.
const AXES: &str = "label problem replace solver m1 m2 K T eta_x eta_y batch_x batch_y";
/// Keys that say which algorithm ran.
const PARTS: &str =
    "start order direction step_x step_y sampling growth tolerance update_x update_y";
const COUNTS: &str = "replicates indices diverged missing";
const INTERVALS: &str = "beta1 beta1_x beta1_y beta2_sq beta2_sq_x beta2_sq_y val_loss test_loss val_error test_error \
    gap_holdout_loss gap_holdout_error gap_replace_one_loss gap_replace_one_error gap_replace_one_plain_loss \
    gap_replace_one_plain_error";

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn results_have_the_documented_keys() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", REWEIGHTING);
    let ran = processes::json(&runs.run(&file, &[]));
    let coordinator = Coordinator::start(&runs.store());
    let id = processes::id_of(&file);
    let results = coordinator.results(&id);
    assert_eq!(results, ran, "`run` and `results` say the same");
    assert_eq!(keys(&results), words("digest sweep troubles estimates"));
    assert_eq!(
        results["sweep"],
        json!({"id": id, "name": "small", "confidence": 0.95})
    );
    let estimates = results["estimates"].as_array().expect("a list");
    // Two m1 and two K each: SSGD at one T, the others at two.
    assert_eq!(estimates.len(), 2 * 2 * (1 + 2 + 2));
    let documented = [AXES, PARTS, COUNTS, INTERVALS, "gap_width_ratio"].join(" ");
    for estimate in estimates {
        assert_eq!(keys(estimate), words(&documented));
        assert_eq!(
            (&estimate["replicates"], &estimate["missing"]),
            (&json!(2), &json!(0))
        );
        for name in INTERVALS.split_whitespace() {
            let interval = &estimate[name];
            assert_eq!(keys(interval), words("mean lo hi"), "{name} of {estimate}");
            let ends = ["lo", "mean", "hi"].map(|end| interval[end].as_f64().expect("a number"));
            assert!(ends.is_sorted(), "{name} of {estimate}");
        }
    }
}

/// Keys that estimates of minimax problems have beside the others.
const OF_Z: &str = "ascent step_z update_z beta1_z beta2_sq_z";

#[test]
fn minimax_problems_are_measured_in_z_too() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", MINIMAX);
    let ran = processes::json(&runs.run(&file, &[]));
    let coordinator = Coordinator::start(&runs.store());
    let id = processes::id_of(&file);
    assert_eq!(
        coordinator.results(&id),
        ran,
        "`run` and `results` say the same"
    );
    let documented = [AXES, PARTS, COUNTS, INTERVALS, OF_Z, "gap_width_ratio"].join(" ");
    let estimates = ran["estimates"].as_array().expect("a list");
    assert_eq!(estimates.len(), 2 * 2);
    for estimate in estimates {
        assert_eq!(keys(estimate), words(&documented));
        let [all, z] = ["beta2_sq", "beta2_sq_z"].map(|name| estimate[name]["mean"].as_f64());
        assert!(z > Some(0.0) && all > z, "{estimate}");
    }
    assert_eq!(estimates[3]["ascent"], "blocks(Q=2)");
    assert_eq!(estimates[3]["update_z"], "averaged(beta=0.9, clip=1)");
    let (header, rows) = csv_rows(&processes::text(&coordinator.ask(&["export", &id])));
    let dz2 = header
        .iter()
        .position(|name| name == "dz2")
        .expect("a column");
    assert!(rows.iter().all(|row| row[dz2].is_some()));
    assert!(rows.iter().any(|row| row[dz2] > Some(0.0)));
}

#[test]
fn submitting_says_the_identifier() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", quadratic());
    let coordinator = Coordinator::start(&runs.store());
    let file = file.to_str().expect("a path");
    let mut answers =
        [0, 1].map(|_| processes::json(&coordinator.ask(&["submit", file, "--json"])));
    assert_eq!(answers[0]["existed"], false);
    assert_eq!(answers[1]["existed"].take(), true);
    answers[0]["existed"].take();
    assert_eq!(answers[0], answers[1]);
    let id = answers[0]["id"].as_str().expect("an identifier");
    assert_eq!(coordinator.status(id)["state"], "running");
}

/// One row, as the numbers that CSV and JSON both have; `None` for nulls and for texts.
type Row = Vec<Option<f64>>;

fn csv_rows(text: &str) -> (Vec<String>, Vec<Row>) {
    let mut lines = text.lines();
    let header = lines.next().expect("a header").split(',');
    let rows = lines.map(|line| line.split(',').map(|cell| cell.parse().ok()).collect());
    (header.map(str::to_owned).collect(), rows.collect())
}

fn json_rows(text: &str, header: &[String]) -> Vec<Row> {
    let rows = text.lines().map(|line| {
        let object: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(keys(&object), header.iter().map(String::as_str).collect());
        header.iter().map(|name| object[name].as_f64()).collect()
    });
    rows.collect()
}

#[test]
fn exports_have_a_row_for_each_experiment_and_k() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", REWEIGHTING);
    let coordinator = Coordinator::start(&runs.store());
    let worker = Worker::start(&coordinator);
    let id = coordinator.submit(&file, &[]);
    coordinator.complete(&id);
    let export =
        |options: &[&str]| processes::text(&coordinator.ask(&[&["export", &id], options].concat()));
    let (header, rows) = csv_rows(&export(&["--format", "csv"]));
    assert_eq!(json_rows(&export(&["--format", "jsonl"]), &header), rows);

    let column = |name: &str| {
        header
            .iter()
            .position(|other| other == name)
            .expect("a column")
    };
    let of = |row: &Row, names: [&str; 3]| names.map(|name| row[column(name)].map(|x| x as u64));
    assert!(rows.is_sorted_by_key(|row| of(row, ["cell", "replicate", "block"])));
    let keys_of: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            (
                of(row, ["cell", "replicate", "index"]),
                row[column("K")].map(|k| k as u64),
            )
        })
        .collect();
    assert_eq!(keys_of.len(), rows.len(), "none twice");
    // Five cells a value of m1, two replicates, every index, two K.
    assert_eq!(rows.len(), 5 * 2 * (20 + 40) * 2);

    let [dx2, dy2, first_drawn] = ["dx2", "dy2", "first_drawn"].map(column);
    let (drawn, never): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[first_drawn].is_some());
    assert!(!never.is_empty(), "some indices are never drawn");
    assert!(
        never
            .iter()
            .all(|row| row[dx2] == Some(0.0) && row[dy2] == Some(0.0))
    );
    assert!(drawn.iter().any(|row| row[dx2] > Some(0.0)));

    let (header, curves) = csv_rows(&export(&["--what", "curves"]));
    assert_eq!(
        json_rows(&export(&["--what", "curves", "--format", "jsonl"]), &header),
        curves
    );
    assert!(!curves.is_empty());
    let file = runs.folder.path().join("rows.csv");
    let nothing = export(&["--output", file.to_str().expect("a path")]);
    assert_eq!(nothing, "");
    let written = std::fs::read_to_string(file).expect("a file");
    assert_eq!(csv_rows(&written).1, rows);
    worker.process.leave();
}
