//! The sweeps: small ones, and one that takes a while.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

/// Three presets on real images, in a second or two. Of 40 samples few are drawn twice in five rounds.
pub const REWEIGHTING: &str = r#"
name = "small"
replicates = 2
indices = "all"
test = 50

[problem]
kind = "reweighting"
hidden = [16]

[grid]
m1 = [20, 40]
m2 = 100
K = [2, 5]
T = [1, 3]

[[solvers]]
preset = "ssgd"

[[solvers]]
preset = "tsgd"

[[solvers]]
preset = "ud"
"#;

/// A minimax problem on real images, in a second or two.
pub const MINIMAX: &str = r#"
name = "saddle"
replicates = 2
indices = 4
test = 20

[problem]
kind = "auc"

[grid]
m1 = 20
m2 = 40
K = [4, 8]

[[solvers]]
preset = "ssgda"

[[solvers]]
preset = "tsgda-2"
Q = 2
update_z = { method = "averaged", clip = 1 }
"#;

/// A sweep of the analytic problem in `dim` dimensions: its first keys, its grid and its solvers are the caller's.
pub fn analytic(first: &str, dim: u32, grid: &str) -> String {
    format!(
        r#"
{first}
indices = "all"

[problem]
kind = "quadratic"
dim_x = {dim}
dim_y = {dim}
mu_f = 1.0
l_f = 1.5
mu_g = 1.0
l_g = 1.5
mean = 1.0
noise = 1.0
seed = 1

[grid]
{grid}
"#
    )
}

/// A small one; with the larger step some experiments leave the finite numbers.
pub fn quadratic() -> String {
    let grid = r#"
m1 = [20, 50]
m2 = 50
K = [10, 300]
T = [1, 2]
eta_x = 0.1
eta_y = [0.1, 1000.0]

[[solvers]]
preset = "ssgd"

[[solvers]]
preset = "ud"
"#;
    analytic("name = \"analytic\"\nreplicates = 3", 4, grid)
}

/// A sweep of one cell of twenty units, which take seconds on one thread of a fast machine: whoever looks several times
/// a second catches it under way.
pub fn slow() -> String {
    slow_with(1, 160, "[100, 8000]")
}

/// Another one: a different seed makes a different sweep.
pub fn also_slow() -> String {
    slow_with(2, 160, "[100, 8000]")
}

/// The same with six units, which take longer than it takes to find the next coordinator.
pub fn slower() -> String {
    slow_with(1, 48, "[100, 40000]")
}

/// The same with units that take hours.
pub fn endless() -> String {
    slow_with(1, 160, "1000000000")
}

fn slow_with(seed: u64, m1: u32, k: &str) -> String {
    let first = format!("name = \"slow {seed}\"\nreplicates = 2\nseed = {seed}");
    let grid = format!(
        r#"
m1 = {m1}
m2 = 200
K = {k}
T = 2
eta_x = 0.1
eta_y = 0.1

[[solvers]]
preset = "ud"
"#
    );
    analytic(&first, 24, &grid)
}
