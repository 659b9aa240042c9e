//! The sweeps: small ones, and one that takes a while.

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

/// The analytic problem; with the larger step some experiments leave the finite numbers.
pub const QUADRATIC: &str = r#"
name = "analytic"
replicates = 3
indices = "all"

[problem]
kind = "quadratic"
dim_x = 4
dim_y = 4
mu_f = 1.0
l_f = 1.5
mu_g = 1.0
l_g = 1.5
mean = 1.0
noise = 1.0
seed = 1

[grid]
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

/// A sweep of one cell of twenty units that take a tenth of a second or more each, so that one can be caught under way.
/// Different seeds are different sweeps.
pub fn slow(seed: u64) -> String {
    format!(
        r#"
name = "slow {seed}"
replicates = 2
seed = {seed}
indices = "all"

[problem]
kind = "quadratic"
dim_x = 24
dim_y = 24
mu_f = 1.0
l_f = 1.5
mu_g = 1.0
l_g = 1.5
mean = 1.0
noise = 1.0
seed = 1

[grid]
m1 = 160
m2 = 200
K = [100, 1500]
T = 2
eta_x = 0.1
eta_y = 0.1

[[solvers]]
preset = "ud"
"#
    )
}
