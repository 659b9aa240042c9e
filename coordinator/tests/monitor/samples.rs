//! The files in `deploy/monitoring` ask for metrics that exist, and the runbook knows every alert and names commands that
//! exist.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::{
    of_coordinator, of_worker,
    scrape::Scrape,
    support::{World, sweep},
};

fn read(path: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    fs::read_to_string(folder.join(path)).expect(path)
}

/// The names of all metrics that there can be.
async fn names() -> BTreeSet<String> {
    let sweep = sweep(2, 1);
    let world = World::of(&sweep).await;
    // Some metrics are there while workers are.
    let _worker = world.worker("w").await;
    let monitors = [of_coordinator(&world).await, of_worker().await];
    let scrapes = monitors.map(|monitor| Scrape::of(&monitor.addr().to_string()));
    let names = scrapes.iter().flat_map(Scrape::names);
    names.map(str::to_owned).collect()
}

/// The metrics of an expression.
fn asked(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("bistable_") || word.starts_with("process_"))
}

fn check_expression(expression: &str, names: &BTreeSet<String>) {
    assert!(asked(expression).next().is_some(), "{expression}");
    for name in asked(expression) {
        assert!(names.contains(name), "there is no {name} for {expression}");
    }
}

/// The rules of the alerts.
fn alerts() -> Vec<Yaml> {
    let files = YamlLoader::load_from_str(&read("monitoring/alerts.yaml")).expect("YAML");
    let groups = files[0]["groups"].as_vec().expect("groups");
    let rules = groups.iter().flat_map(|group| group["rules"].clone());
    rules.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_ask_for_what_there_is() {
    let names = names().await;
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for rule in &alerts {
        check_expression(rule["expr"].as_str().expect("an expression"), &names);
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("warning" | "critical")), "{rule:?}");
        assert!(
            rule["annotations"]["summary"].as_str().is_some(),
            "{rule:?}"
        );
    }
}

#[test]
fn the_runbook_knows_every_alert() {
    let runbook = read("runbook.md");
    let mut entries: Vec<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### Bistable"))
        .collect();
    for rule in alerts() {
        let name = rule["alert"].as_str().expect("a name");
        let entry = entries
            .iter()
            .position(|entry| name.strip_prefix("Bistable") == Some(entry));
        entries.remove(entry.unwrap_or_else(|| panic!("no entry for {name}")));
        let url = rule["annotations"]["runbook_url"].as_str().expect("a link");
        assert_eq!(url, format!("deploy/runbook.md#{}", name.to_lowercase()));
    }
    assert_eq!(entries, Vec::<&str>::new(), "entries without an alert");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_asks_for_what_there_is() {
    let names = names().await;
    let dashboard: Value =
        serde_json::from_str(&read("monitoring/grafana-dashboard.json")).expect("JSON");
    assert!(
        dashboard["schemaVersion"]
            .as_u64()
            .is_some_and(|version| version >= 39)
    );
    assert!(
        dashboard["id"].is_null() && dashboard["uid"].is_string() && dashboard["title"].is_string()
    );
    for variable in dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
    {
        if variable["type"] == "query" {
            check_expression(variable["definition"].as_str().expect("a query"), &names);
        }
    }
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(
            ids.insert(panel["id"].as_u64().expect("a number")),
            "{panel}"
        );
        check_place(panel, &mut places);
        if panel["type"] != "row" {
            check_panel(panel, &names);
        }
    }
    assert!(ids.len() > 20);
}

/// Panels lie within the 24 columns and on nothing else.
fn check_place(panel: &Value, taken: &mut BTreeSet<(u64, u64)>) {
    let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
    let (left, top) = (place("x"), place("y"));
    assert!(left + place("w") <= 24, "{panel}");
    for column in left..left + place("w") {
        for row in top..top + place("h") {
            assert!(
                taken.insert((column, row)),
                "two panels at {column}, {row}: {panel}"
            );
        }
    }
}

fn check_panel(panel: &Value, names: &BTreeSet<String>) {
    assert!(
        matches!(panel["type"].as_str(), Some("stat" | "timeseries")),
        "{panel}"
    );
    assert!(
        panel["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty()),
        "{panel}"
    );
    assert!(
        panel["fieldConfig"]["defaults"]["unit"].is_string(),
        "{panel}"
    );
    let targets = panel["targets"].as_array().expect("targets");
    let mut letters = BTreeSet::new();
    for target in targets {
        assert_eq!(target["datasource"]["uid"], "${datasource}");
        assert!(
            letters.insert(target["refId"].as_str().expect("a letter")),
            "{panel}"
        );
        check_expression(target["expr"].as_str().expect("an expression"), names);
    }
    assert!(!letters.is_empty(), "{panel}");
}

/// Commands and flags of the runbook, as far as they are ours.
#[test]
fn the_runbook_names_commands_that_exist() {
    let runbook = read("runbook.md");
    let spans = runbook.split('`').skip(1).step_by(2);
    let lines = spans.flat_map(str::lines);
    let commands: BTreeSet<&str> = lines
        .filter_map(|line| line.trim().strip_prefix("bistable "))
        .collect();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        let command = command
            .split(['|', '>', ';', '#'])
            .next()
            .unwrap_or(command);
        let mut words = command.split_whitespace();
        let name = words.next().expect("a command");
        let help = Command::new(env!("CARGO_BIN_EXE_bistable"))
            .args([name, "--help"])
            .output();
        let help = help.expect("the binary runs");
        assert!(help.status.success(), "there is no `bistable {name}`");
        let help = String::from_utf8(help.stdout).expect("UTF-8");
        for flag in words.filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "`bistable {name}` has no {flag}");
        }
    }
}
