//! Logs for machines: every line is one JSON object.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    processes::{Coordinator, Running, Runs, Worker, bistable, bistable_with, stderr},
    sweeps::slow,
};

const JSON: [&str; 2] = ["--log-format", "json"];

/// The lines of a log, each of which says when, how serious, where and what.
fn parsed(log: &str) -> Vec<Value> {
    let parse = |line: &str| -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |key: &str| {
            value[key]
                .as_str()
                .unwrap_or_else(|| panic!("no {key}: {line}"))
        };
        let (date, time) = text("timestamp").split_once('T').expect("RFC 3339");
        assert!(date.len() == 10 && time.ends_with('Z'), "{line}");
        assert!(
            matches!(text("level"), "ERROR" | "WARN" | "INFO" | "DEBUG" | "TRACE"),
            "{line}"
        );
        assert!(
            !text("target").is_empty() && !text("message").is_empty(),
            "{line}"
        );
        value
    };
    let lines: Vec<_> = log.lines().map(parse).collect();
    assert!(!lines.is_empty());
    lines
}

fn says(lines: &[Value], message: &str) -> bool {
    let of = |line: &Value| {
        line["message"]
            .as_str()
            .is_some_and(|m| m.starts_with(message))
    };
    lines.iter().any(of)
}

#[test]
fn daemons_say_json_and_nothing_else() {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", slow());
    let store = runs.store();
    let store = store.to_str().expect("a path");
    let mut daemon = Coordinator::daemon("127.0.0.1:0", store, &JSON);
    let rest = daemon.wait_for("coordinator on ");
    let (url, _) = rest.split_once('"').expect("the end of a string");
    let coordinator = Coordinator {
        url: url.to_owned(),
        process: daemon.into(),
    };
    let cache = tempfile::tempdir().expect("a folder");
    let options = ["--threads", "1", "--log-format", "json"];
    let worker: Running = Worker::daemon(&coordinator.url, &cache, &options).into();
    let (id, mut watch) = coordinator.submit_watched(&file);
    watch.until_under_way();
    // A worker that is lost makes the coordinator complain, in a line with fields.
    worker.kill();
    watch.until(|status| status["units_leased"] == 0);
    let (code, log) = coordinator.process.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
    let lines = parsed(&log);
    assert!(
        says(&lines, "a worker joined") && says(&lines, "leaving"),
        "{log}"
    );
    let submitted = lines
        .iter()
        .find(|line| line["message"] == "a sweep was submitted");
    assert_eq!(submitted.expect("a line")["sweep"], *id, "{log}");
    let failed = lines.iter().find(|line| line["level"] == "WARN");
    assert_eq!(failed.expect("a complaint")["attempts"], 1, "{log}");
}

#[test]
fn a_worker_that_fails_says_json() {
    let options = [
        "worker",
        "--coordinator",
        "http://127.0.0.1:1",
        "--max-runtime",
        "1s",
    ];
    let output = bistable([&options[..], &JSON].concat());
    assert_eq!(output.status.code(), Some(1));
    let lines = parsed(&stderr(&output));
    let last = lines.last().expect("a line");
    assert_eq!(last["level"], "ERROR");
    assert!(
        last["message"]
            .as_str()
            .expect("words")
            .contains("--max-runtime")
    );
}

#[test]
fn commands_say_json_if_the_environment_wants_it() {
    let runs = Runs::new();
    let wrong = runs.write("wrong.toml", "name = 1\n");
    let wrong = wrong.to_str().expect("a path");
    let output = bistable_with(&[("BISTABLE_LOG_FORMAT", "json")], ["check", wrong]);
    assert_eq!(output.status.code(), Some(1));
    let lines = parsed(&stderr(&output));
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0]["message"]
            .as_str()
            .expect("words")
            .contains("wrong.toml"),
        "{lines:?}"
    );
    // The document is not to blame for a file that is not there.
    fs::remove_file(wrong).expect("a file");
    let output = bistable_with(&[("BISTABLE_LOG_FORMAT", "json")], ["check", wrong]);
    parsed(&stderr(&output));
}
