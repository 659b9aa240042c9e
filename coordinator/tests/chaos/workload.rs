//! What is measured in every run: two sweeps of units that take some tenths of a second, and their results when nothing
//! disturbs them.

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    images::folder,
    processes::{Runs, json},
    sweeps::analytic,
};

/// Of the analytic sweep: five cells by three replicates by four blocks.
const GRID: &str = r#"
m1 = 64
m2 = 200
K = [100, 4000]
T = [1, 2]
eta_x = 0.1
eta_y = 0.1

[[solvers]]
preset = "ssgd"

[[solvers]]
preset = "tsgd"

[[solvers]]
preset = "ud"
"#;

/// One cell by five replicates by four blocks, on data that workers have to fetch.
const NETWORK: &str = r#"
name = "network"
replicates = 5
indices = "all"
test = 50

[problem]
kind = "reweighting"
hidden = [32]

[grid]
m1 = 64
m2 = 100
K = [100, 1500]
T = 2

[[solvers]]
preset = "ud"
"#;

/// A sweep that can be submitted again and again, to one coordinator after another.
pub struct Sweep {
    pub file: PathBuf,
    /// What else `submit` is told.
    pub options: Vec<String>,
    /// The results.
    pub expected: Value,
}

impl Sweep {
    pub fn id(&self) -> &str {
        self.expected["sweep"]["id"]
            .as_str()
            .expect("an identifier")
    }

    /// All sweeps, computed.
    pub fn all(runs: &Runs) -> Vec<Self> {
        let data = folder(runs).display().to_string();
        let options = ["--data-dir".to_owned(), data];
        let first = "name = \"analytic\"\nreplicates = 3";
        vec![
            Self::compute(runs, "analytic.toml", &analytic(first, 24, GRID), &[]),
            Self::compute(runs, "network.toml", NETWORK, &options),
        ]
    }

    fn compute(runs: &Runs, name: &str, document: &str, options: &[String]) -> Self {
        let file = runs.write(name, document);
        let words: Vec<&str> = options.iter().map(String::as_str).collect();
        let expected = json(&runs.run(&file, &words));
        Self {
            file,
            options: options.to_vec(),
            expected,
        }
    }
}
