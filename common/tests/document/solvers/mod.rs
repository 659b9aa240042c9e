//! What the parts of solvers mean, that what is spelled out is read back, and what is said about mistakes in them.

mod mistakes;
mod overlaid;
mod spelled_out;

use bistable_common::spec::Solver;

use crate::support::*;

const HEAD: &str = r#"name = "parts"
replicates = 1

[problem]
kind = "quadratic"

[grid]
m1 = 20
m2 = 20
K = 10
"#;

/// The one solver of a table, on the quadratic, or on a minimax problem where z ascends.
fn solver(table: &str) -> Solver {
    let minimax = ["ascent", "ssgda", "tsgda"];
    let minimax = minimax.iter().any(|word| table.contains(word));
    let kind = if minimax { "auc" } else { "quadratic" };
    let head = HEAD.replace("quadratic", kind);
    let sweep = good(&format!("{head}\n{table}"));
    assert_eq!(sweep.facts().cells.len(), 1);
    sweep.facts().cells[0].solver.clone()
}

/// A document with a preset and some lines of its own.
fn document(preset: &str, lines: &str) -> String {
    format!("{HEAD}\n[[solvers]]\npreset = \"{preset}\"\n{lines}")
}

/// The solver of a preset with some lines of its own.
fn of(preset: &str, lines: &str) -> Solver {
    solver(&format!("[[solvers]]\npreset = \"{preset}\"\n{lines}"))
}
