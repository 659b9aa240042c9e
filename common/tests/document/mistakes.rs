//! What is said about mistakes in single values and tables.

use bistable_common::sweep::{MAX_DOCUMENT_BYTES, parse};

use crate::support::*;

#[test]
fn an_unknown_key_gets_a_suggestion_and_its_place() {
    let error = broken("replicates = 3", "replicate = 3");
    let parts = [
        "unknown key `replicate` in the top level",
        "[sweep.toml:2:1]",
        "did you mean `replicates`? valid keys here: name, replicates, seed",
    ];
    says(&error, &parts);
}

#[test]
fn unknown_keys_are_found_at_every_level() {
    for (from, to, table) in [
        (
            "kind = ",
            "hiden = [1]\nkind = ",
            "[problem] of kind reweighting",
        ),
        ("K = ", "k = ", "[grid]"),
        (
            "preset = \"ssgd\"",
            "preset = \"ssgd\"\nlable = \"x\"",
            "[[solvers]]",
        ),
        (
            "preset = \"ssgd\"",
            "preset = \"ssgd\"\neta_x = { rul = 1 }",
            "a step size",
        ),
        ("[grid]", "[data]\nfolder = \"x\"\n[grid]", "[data]"),
    ] {
        says(
            &broken(from, to),
            &[&format!("in {table}"), "valid keys here: "],
        );
    }
}

#[test]
fn a_key_of_another_table_is_sent_home() {
    let error = broken("[problem]", "[problem]\nreplicates = 4");
    says(
        &error,
        &["`replicates` belongs to the top level, above the first table"],
    );
    let error = broken("replicates = 3", "replicates = 3\nm1 = [4]");
    says(&error, &["`m1` belongs to [grid]"]);
}

#[test]
fn values_out_of_their_range_say_what_was_expected() {
    for (from, to, message) in [
        (
            "replicates = 3",
            "replicates = 0",
            "replicates = 0: expected an integer from 1 to",
        ),
        (
            "replicates = 3",
            "replicates = -3",
            "replicates = -3: expected an integer from 1 to",
        ),
        (
            "replicates = 3",
            "replicates = 3.0",
            "replicates = 3.0: expected an integer from 1 to",
        ),
        (
            "replicates = 3",
            "replicates = \"3\"",
            "replicates = \"3\": expected an integer from 1 to",
        ),
        (
            "replicates = 3",
            "replicates = 3\nseed = -1",
            "seed = -1: expected an integer from 0 to 18446744073709551615",
        ),
        (
            "replicates = 3",
            "replicates = 3\ntest = 0",
            "test = 0: expected an integer from 1 to",
        ),
        (
            "replicates = 3",
            "replicates = 3\nindices = \"some\"",
            "indices = \"some\": expected \"all\" or a number of indices",
        ),
        (
            "replicates = 3",
            "replicates = 3\nindices = -1",
            "indices = -1: expected an integer from 0 to",
        ),
        (
            "replicates = 3",
            "replicates = 3\nconfidence = 1",
            "confidence = 1: expected a number strictly between 0 and 1",
        ),
        (
            "replicates = 3",
            "replicates = 3\nconfidence = nan",
            "nan is not a finite number",
        ),
        (
            "replicates = 3",
            "replicates = 3\nprecision = \"f16\"",
            "precision = \"f16\": expected \"f32\" or \"f64\"",
        ),
        (
            "replicates = 3",
            "replicates = 1979-05-27",
            "a sweep has no use for dates",
        ),
        (
            "name = \"good\"",
            "name = \"\"",
            "name = \"\": expected a string of 1 to 200 characters",
        ),
        (
            "name = \"good\"",
            "name = 7",
            "name = 7: expected a string of 1 to 200 characters",
        ),
        (
            "kind = \"reweighting\"",
            "kind = \"reweight\"",
            "did you mean \"reweighting\"?",
        ),
        (
            "kind = \"reweighting\"",
            "kind = \"reweighting\"\nhidden = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
            "hidden = [..]: expected the widths of at most 16 hidden layers",
        ),
        (
            "kind = \"reweighting\"",
            "kind = \"reweighting\"\nhidden = [8, 0]",
            "hidden = 0: expected an integer from 1 to 16384",
        ),
        (
            "kind = \"reweighting\"",
            "kind = \"reweighting\"\nactivation = \"relu\"",
            "activation = \"relu\": expected \"elu\" or \"tanh\"",
        ),
        (
            "m1 = [200, 500]",
            "m1 = []",
            "m1 = []: expected at least one value",
        ),
        (
            "m1 = [200, 500]",
            "m1 = [200, 0]",
            "m1 = 0: expected an integer from 1 to",
        ),
        (
            "m1 = [200, 500]",
            "m1 = [200, 200]",
            "m1 has 200 more than once",
        ),
        (
            "K = [20, 10]",
            "K = [1e2]",
            "K = 100.0: expected an integer from 1 to",
        ),
        (
            "T = [1, 4]",
            "T = [1, -4]",
            "T = -4: expected an integer from 0 to 65536",
        ),
        (
            "T = [1, 4]",
            "T = 1\neta_x = [0.0]",
            "eta_x = 0.0: expected a positive number",
        ),
        (
            "T = [1, 4]",
            "T = 1\nbatch_y = [0]",
            "batch_y = 0: expected an integer from 1 to",
        ),
        (
            "T = [1, 4]",
            "T = 99999999999999999999999999999999999999999",
            "this integer is out of any range",
        ),
        (
            "preset = \"tsgd\"",
            "preset = \"tsgd\"\nstart = \"cold\"",
            "start = \"cold\": expected \"warm\", \"reinit\", \"outer\" or \"outer_head\"",
        ),
        (
            "preset = \"tsgd\"",
            "preset = \"tsgd\"\norder = \"inner\"",
            "did you mean \"inner_first\"?",
        ),
        (
            "preset = \"tsgd\"",
            "preset = \"tsgd\"\neta_x = \"5\"",
            "eta_x = \"5\": expected a positive number, or a table with a rule",
        ),
        (
            "preset = \"tsgd\"",
            "preset = \"tsgd\"\nbatch_x = true",
            "batch_x = true: expected an integer from 1 to",
        ),
    ] {
        says(&broken(from, to), &[message]);
    }
}

#[test]
fn a_mistake_points_at_its_value() {
    let error = broken("m1 = [200, 500]", "m1 = [200, 5.5]");
    says(
        &error,
        &[
            "[sweep.toml:8:12]",
            "m1 = [200, 5.5]",
            "a number with a fraction",
        ],
    );
}

#[test]
fn missing_keys_come_with_an_example() {
    for (line, message) in [
        (
            "name = \"good\"\n",
            "sweep.toml: the top level lacks the key `name`",
        ),
        (
            "replicates = 3\n",
            "sweep.toml: the top level lacks the key `replicates`",
        ),
        ("kind = \"reweighting\"\n", "[problem] lacks the key `kind`"),
        ("m1 = [200, 500]\n", "[grid] lacks the key `m1`"),
        ("K = [20, 10]\n", "[grid] lacks the key `K`"),
    ] {
        says(&broken(line, ""), &[message, "help: "]);
    }
    says(
        &wrong(&toml("")),
        &["lacks the key `problem`", "lacks the key `grid`"],
    );
}

#[test]
fn independent_mistakes_are_reported_together() {
    let text = edited("replicates = 3", "replicates = 0").replace("\"ssgd\"", "\"sssgd\"");
    let error = wrong(&toml(&text));
    says(
        &error,
        &[
            "replicates = 0",
            "there is no preset \"sssgd\"",
            "did you mean \"ssgd\"?",
        ],
    );
}

#[test]
fn solvers_must_be_a_list() {
    let text = GOOD
        .replace("[[solvers]]\npreset = \"ssgd\"\n", "")
        .replace("[[", "[")
        .replace("]]", "]");
    says(
        &wrong(&toml(&text)),
        &["solvers must be a list", "[[solvers]]"],
    );
    let text = edited("name", "solvers = []\nname")
        .split("[[solvers]]")
        .next()
        .map(str::to_owned);
    says(
        &wrong(&toml(&text.unwrap_or_default())),
        &["solvers must be a list of at least one table"],
    );
}

#[test]
fn syntax_errors_have_a_place() {
    says(
        &broken("[problem]", "[problem"),
        &["not TOML: ", "[sweep.toml:4:"],
    );
    says(
        &broken("replicates = 3", "name = \"twice\""),
        &["duplicate key", "[sweep.toml:2:"],
    );
    says(
        &wrong(&json("{\n \"name\": oops }")),
        &["not JSON: expected", "[sweep.json:2:"],
    );
    says(
        &wrong(&json("{\"name\": 1, \"name\": 2}")),
        &["duplicate key `name`"],
    );
    says(
        &wrong(&json("{\"name\": null}")),
        &["no use for null", "leave the key out"],
    );
    says(&wrong(&json("[1]")), &["the top level must be a table"]);
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(100), "]".repeat(100));
    says(&wrong(&json(&deep)), &["nested too deeply"]);
}

#[test]
fn what_is_too_large_is_refused_and_not_quoted() {
    let long = format!("{GOOD}# {}", "x".repeat(MAX_DOCUMENT_BYTES));
    says(
        &wrong(&toml(&long)),
        &["sweep.toml: the document has", "at most 1048576 are read"],
    );
    let line = format!("{{\"nam\": \"{}\"}}", "x".repeat(100_000));
    let error = wrong(&json(&line));
    says(
        &error,
        &["sweep.json:1:2: unknown key `nam`", "did you mean `name`?"],
    );
    assert!(error.len() < 1000, "{} bytes", error.len());
    let neighbour = format!("# {}\nreplicates = 0", "x".repeat(1000));
    says(
        &broken("replicates = 3", &neighbour),
        &["sweep.toml:3:14: replicates = 0"],
    );
    let axis = |n: u32| {
        (1..=n)
            .map(|i| i.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let many = format!("T = [1, 4]\nbatch_x = [{0}]\nbatch_y = [{0}]", axis(1000));
    says(
        &broken("T = [1, 4]", &many),
        &["more than 1048576 points (K included)"],
    );
    says(
        &broken("replicates = 3", "replicates = 1000000"),
        &["cells x replicates = 6000000: at most 2^22"],
    );
    says(
        &broken("replicates = 3", "replicates = 600000"),
        &["units = 81000000: at most 2^26"],
    );
}

#[test]
fn colours_are_left_to_those_who_ask() {
    let error = parse(&toml("x = 1"), &Fake).expect_err("unknown key");
    assert!(!error.render().contains('\u{1b}'));
    assert_eq!(error.to_string(), "unknown key `x` in the top level");
}
