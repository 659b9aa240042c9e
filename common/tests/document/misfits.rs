//! What is said about parts that do not fit together: solvers, steps, data and grid.

use bistable_common::sweep::Replace;

use crate::support::*;

/// [`GOOD`] on the quadratic, with `lines` for the second solver.
fn quadratic(lines: &str) -> String {
    GOOD.replace("\"reweighting\"", "\"quadratic\"")
        .replace("preset = \"tsgd\"", lines)
}

const TSGD: &str = "preset = \"tsgd\"";

#[test]
fn too_few_samples() {
    let error = broken("m1 = [200, 500]", "m1 = [200, 6000]");
    let parts = [
        "m1 = 6000 needs 6000 + 6000 replacement + 2000 training + 1000 test samples; the data set has 5000",
        "[sweep.toml:8:12]",
        "the largest m1 that fits is 1000 (with m2 = 2000 and test = 1000)",
    ];
    says(&error, &parts);
    good(&edited("m1 = [200, 500]", "m1 = 1000"));
    says(
        &broken("m1 = [200, 500]", "m1 = 1001"),
        &["m1 = 1001 needs"],
    );
    let error = broken("T = [1, 4]", "m2 = [100, 4000]");
    says(
        &error,
        &[
            "200 replacement + 4000 training",
            "no m1 fits beside m2 = 4000",
        ],
    );
}

#[test]
fn replaced_training_samples() {
    let replaced = |grid: &str| {
        edited("[problem]", "replace = \"training\"\n[problem]").replace("T = [1, 4]", grid)
    };
    let sweep = good(&replaced("m2 = 1750"));
    assert_eq!(sweep.facts().replace, Replace::Training);
    assert_ne!(sweep.id(), good(&edited("T = [1, 4]", "m2 = 1750")).id());
    let error = wrong(&toml(&replaced("m2 = [100, 1751]")));
    says(
        &error,
        &[
            "m2 = 1751 needs 1751 + 1751 replacement + 500 validation + 1000 test samples",
            "the largest m2 that fits is 1750 (with m1 = 500 and test = 1000)",
        ],
    );
    let single_level =
        quadratic("preset = \"sgd\"").replace("[problem]", "replace = \"training\"\n[problem]");
    says(&wrong(&toml(&single_level)), &["none can be replaced"]);
    let unknown = wrong(&toml(&edited("[problem]", "replace = \"test\"\n[problem]")));
    says(&unknown, &["expected \"validation\" or \"training\""]);
}

#[test]
fn data_of_another_shape_than_the_problems() {
    let wide = |kind: &str| {
        let text = edited("[grid]", "[data]\npath = \"wide\"\n[grid]");
        text.replace("reweighting", kind)
    };
    says(
        &wrong(&toml(&wide("reweighting"))),
        &[
            "the problem `reweighting`: it computes on at most 2^16 features; the data set has 70000",
        ],
    );
    good(&wide("logistic"));
    let text = single_level(&GOOD.replace("reweighting", "binary_logistic"));
    good(&text);
    says(
        &wrong(&toml(&text.replace("two", "ten"))),
        &["it computes on data of two classes; the data set has 10"],
    );
}

#[test]
fn a_problem_without_an_inner_level() {
    let text = GOOD.replace("reweighting", "binary_logistic");
    says(
        &wrong(&toml(&text)),
        &[
            "this problem has no inner level",
            "use T = 0 with direction = \"partial\"",
        ],
    );
}

#[test]
fn quadratics_out_of_their_family() {
    let says_of = |lines: &str, parts: &[&str]| {
        let text = quadratic(TSGD).replace("\n[grid]", &format!("{lines}\n\n[grid]"));
        says(&wrong(&toml(&text)), parts);
    };
    says_of(
        "family = \"sc\"",
        &["expected \"sc-sc\", \"c-c\" or \"nc-nc\""],
    );
    says_of("mu_f = 0", &["mu_f = 0: expected a positive number"]);
    says_of(
        "family = \"c-c\"\nmu_f = 1",
        &["mu_f = 1: expected 0 in the family c-c"],
    );
    says_of(
        "family = \"nc-nc\"\nmu_g = 0.5",
        &["mu_g = 0.5: expected a negative number in the family nc-nc"],
    );
    says_of(
        "family = \"nc-nc\"\nmu_g = -0.5",
        &[
            "l_g = 1.5 leaves no room for mu_g = -0.5",
            "expected -4 mu_g <= l_g",
        ],
    );
    says_of(
        "coupling = 1",
        &["coupling = 1: expected a number, at least 0 and below 1"],
    );
    says_of(
        "kappa_f = 0.5",
        &["kappa_f = 0.5: expected a number, at least 1"],
    );
    says_of(
        "mu_g = 1\nkappa_g = 3",
        &[
            "`kappa_g` is another way to write `mu_g`",
            "leave one of them out",
        ],
    );
    says_of(
        "family = \"c-c\"\nkappa_f = 2",
        &["mu_f = 0.75: 0 in the family c-c"],
    );
}

#[test]
fn data_where_it_does_not_belong_or_is_not_known() {
    let text = quadratic(TSGD).replace("[grid]", "[data]\nsource = \"mnist5k\"\n[grid]");
    says(
        &wrong(&toml(&text)),
        &[
            "the problem `quadratic` uses no data set",
            "leave [data] out",
        ],
    );
    let data = |line: &str| broken("[grid]", &format!("[data]\n{line}\n[grid]"));
    says(&data("source = \"mnist\""), &["did you mean \"mnist5k\"?"]);
    says(
        &data("source = \"/data\""),
        &["a folder is written dir = \"path\""],
    );
    says(
        &data("hash = \"12\""),
        &["hash = \"12\": expected 64 hexadecimal digits"],
    );
    says(&data("dir = \"\""), &["dir = \"\": expected a string"]);
    says(&data(""), &["[data] names no data set", "dir = "]);
    says(
        &data("path = \"a\"\nformat = \"libsvn\""),
        &["did you mean \"libsvm\"?"],
    );
    says(
        &data("path = \"a\"\nformat = \"libsvm\"\nlabel = 0"),
        &["`label` names a column of a CSV file"],
    );
    says(
        &data("path = \"a\"\nlabel = -1"),
        &["label = -1: expected an integer"],
    );
    says(
        &data("dir = \"a\"\nlabel = 0"),
        &[
            "`label` says how the file of `path` is read",
            "leave it out beside `dir`",
        ],
    );
    says(
        &data("dir = \"a\"\nsource = \"mnist5k\""),
        &["names more than one data set"],
    );
    let unknown = format!("hash = \"{}\"", "0".repeat(64));
    says(
        &data(&unknown),
        &["no data set with this hash is known here"],
    );
}

#[test]
fn ssgd_fixes_t() {
    let error = broken("preset = \"ssgd\"", "preset = \"ssgd\"\nT = 4");
    says(
        &error,
        &[
            "T = 4: the preset `ssgd` fixes T = 1",
            "use another preset such as tsgd",
            "[sweep.toml:14:5]",
        ],
    );
    good(&edited("preset = \"ssgd\"", "preset = \"ssgd\"\nT = 1"));
}

#[test]
fn a_custom_solver_lists_what_it_lacks() {
    let error = broken(TSGD, "start = \"warm\"\neta_x = 5\nbatch_y = 8");
    says(
        &error,
        &[
            "missing: order, direction, eta_y, sampling, batch_x\n",
            "begin with a preset: ssgd, tsgd, ud",
        ],
    );
    let with_axes =
        edited(TSGD, "start = \"warm\"").replace("T = [1, 4]", "eta_x = 5\nbatch_x = 8");
    says(
        &wrong(&toml(&with_axes)),
        &["missing: order, direction, eta_y, sampling, batch_y\n"],
    );
}

#[test]
fn misfits_point_at_their_solver() {
    let error = broken(TSGD, "preset = \"tsgd\"\ndirection = \"partial\"");
    says(
        &error,
        &[
            "solver `tsgd`: the partial direction never moves x here",
            "[sweep.toml:15:1]",
        ],
    );
    for (lines, message) in [
        ("order = \"simultaneous\"", "so they must come first"),
        (
            "order = \"outer_first\"\nstart = \"reinit\"\ndirection = \"partial\"",
            "x would see the initial y for ever",
        ),
        (
            "eta_x = { rule = \"theorem3\" }",
            "zero at T = 1; use theorem2",
        ),
    ] {
        let error = wrong(&toml(&quadratic(&format!("{TSGD}\n{lines}"))));
        says(&error, &[message, "[sweep.toml:15:1]"]);
    }
    let text = quadratic(&format!("{TSGD}\neta_x = {{ rule = \"theorem2\" }}"))
        .replace("K = [20, 10]", "K = [1]");
    says(&wrong(&toml(&text)), &["K of at least 2"]);
}

#[test]
fn step_rules_have_their_parameters() {
    for (step, message) in [
        (
            "{ rule = \"theorem2\" }",
            "this rule needs the smoothness `l`, which is not known for the problem `reweighting`",
        ),
        (
            "{ rule = \"geometric\" }",
            "a step size lacks the key `ratio`",
        ),
        (
            "{ rule = \"geometric\", ratio = 1.5 }",
            "ratio = 1.5: expected a number above 0 and at most 1",
        ),
        (
            "{ rule = \"inverse\", ratio = 0.5 }",
            "`ratio` belongs to rule = \"geometric\"",
        ),
        (
            "{ l = 0.5 }",
            "`l` belongs to the rules theorem2 and theorem3",
        ),
        (
            "{ rule = \"theorem2\", l = 0 }",
            "l = 0: expected a positive number",
        ),
        ("{ c = -1 }", "c = -1: expected a positive number"),
        ("{ clock = \"inner\" }", "eta_x counts outer iterations"),
        (
            "{ rule = \"cosine\" }",
            "rule = \"cosine\": expected \"constant\", \"inverse\"",
        ),
    ] {
        says(
            &broken(TSGD, &format!("{TSGD}\neta_x = {step}")),
            &[message],
        );
    }
    let custom = "start = \"warm\"\norder = \"inner_first\"\ndirection = \"unrolled\"\nsampling = \"uniform\"\nbatch_x = 8\nbatch_y = 8\neta_y = 1\neta_x = { rule = \"inverse\" }";
    says(
        &broken(TSGD, custom),
        &[
            "eta_x has no scale",
            "give it `c`, or the grid an axis `eta_x`",
        ],
    );
}

#[test]
fn epochs_are_not_smaller_than_batches() {
    let error = broken(
        TSGD,
        "preset = \"tsgd\"\nsampling = \"epoch\"\nbatch_x = 300",
    );
    says(
        &error,
        &[
            "solver `tsgd`: batch_x = 300 is more than an epoch's m1 = 200 samples",
            "[sweep.toml:15:1]",
        ],
    );
    let error = broken(
        TSGD,
        "preset = \"tsgd\"\nsampling = \"epoch\"\nbatch_y = 3000",
    );
    says(
        &error,
        &["batch_y = 3000 is more than an epoch's m2 = 2000 samples"],
    );
    good(&edited(TSGD, "preset = \"tsgd\"\nbatch_x = 300"));
}

#[test]
fn solvers_can_be_told_apart() {
    let error = broken("preset = \"ssgd\"", TSGD);
    says(
        &error,
        &["two solvers are labelled `tsgd`", "`label` of its own"],
    );
    let error = broken(
        "preset = \"ssgd\"",
        "preset = \"tsgd\"\nlabel = \"four\"\nT = 4",
    );
    says(
        &error,
        &["`four` and `tsgd` are the same solver at m1 = 200, m2 = 2000, T = 4"],
    );
}

/// One solver on `m1s` times `ts` cells.
fn grid_of(m1s: u32, ts: u32) -> String {
    let list = |count: u32| (1..=count).map(|n| format!("{n},")).collect::<String>();
    GOOD.replace("[200, 500]", &format!("[{}]", list(m1s)))
        .replace("T = [1, 4]", &format!("T = [{}]", list(ts)))
        .replace("[[solvers]]\npreset = \"ssgd\"\n", "")
}

#[test]
fn a_sweep_may_have_150_000_cells() {
    assert_eq!(good(&grid_of(375, 400)).facts().cells.len(), 150_000);
}
