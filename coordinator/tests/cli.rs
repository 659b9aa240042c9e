//! The binary, as a shell sees it.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

fn bistable(args: &[&str]) -> Output {
    command(args).output().expect("the binary runs")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bistable"));
    command.args(args);
    command.env_remove("BISTABLE_COORDINATOR");
    command.env_remove("RUST_LOG");
    command.env_remove("RUST_BACKTRACE");
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Asserts that a command failed with `code` and a message that holds every one of `parts`, and nothing on stdout.
fn assert_fails(output: &Output, code: i32, parts: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert_eq!(stdout(output), "");
    assert!(!message.contains("panicked"), "{message}");
    for part in parts {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

/// An address at which nobody listens.
fn deserted() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn help_names_every_command() {
    let output = bistable(&["--help"]);
    assert!(output.status.success());
    let help = stdout(&output);
    for name in [
        "run", "check", "solvers", "problems", "data", "serve", "worker", "submit", "list",
        "watch", "results", "export", "pause", "resume", "cancel", "delete",
    ] {
        assert!(
            help.contains(&format!("\n  {name} ")),
            "no {name} in {help}"
        );
        let output = bistable(&[name, "--help"]);
        assert!(output.status.success(), "{name}");
        let (long, short) = (stdout(&output), stdout(&bistable(&[name, "-h"])));
        assert!(long.len() >= short.len(), "{name}");
        assert!(
            !short.trim_start().starts_with("Usage"),
            "{name} has no summary"
        );
    }
}

#[test]
fn presets_and_problems_are_shown() {
    let json = |args: &[&str]| -> serde_json::Value {
        let output = bistable(args);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    let solvers = json(&["solvers", "--json"]);
    let mut solvers = solvers.as_array().expect("a list").iter();
    let sgd = solvers.find(|solver| solver["name"] == "sgd");
    let sgd = sgd.expect("a preset");
    assert_eq!(
        sgd["fits"],
        serde_json::json!(["quadratic", "binary_logistic", "hyper_representation"])
    );
    assert_eq!(sgd["misfits"][0]["problem"], "reweighting");
    let stocbio = json(&["solvers", "stocbio", "--json"]);
    assert_eq!(
        (&stocbio["T"], &stocbio["batch_x"]),
        (&200.into(), &1000.into())
    );
    assert!(stdout(&bistable(&["solvers", "stocbio"])).contains("\n[[solvers]]\n"));
    let problems = json(&["problems", "--json"]);
    assert_eq!(problems[1]["name"], "hyper_cleaning");
    assert!(stdout(&bistable(&["problems"])).contains("quadratic"));
    assert_fails(&bistable(&["solvers", "stocbo"]), 2, &["'stocbio'"]);
}

#[test]
fn wrong_usage_is_2() {
    assert_fails(&bistable(&["run", "--threads", "0"]), 2, &["--threads"]);
    assert_fails(
        &bistable(&["results", "3fa1", "--json", "--csv"]),
        2,
        &["--csv"],
    );
    assert_fails(
        &bistable(&["results", "3fa1", "--confidence", "95"]),
        2,
        &["strictly between 0 and 1"],
    );
    assert_fails(
        &bistable(&["list", "--coordinator", "ftp://a:1"]),
        2,
        &["ftp://a:1", "neither http nor https"],
    );
}

#[test]
fn an_unknown_file_is_named() {
    for command in ["run", "submit", "check"] {
        let output = bistable(&[command, "no/such/sweep.toml"]);
        assert_fails(&output, 1, &["no/such/sweep.toml", "No such file"]);
    }
}

#[test]
fn a_bad_document_is_reported_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "bad.toml", "nmae = \"typo\"\n");
    for command in ["run", "submit", "check"] {
        assert_fails(&bistable(&[command, &file]), 1, &["bad.toml"]);
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a listing").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn stdin_is_a_document() {
    let mut child = command(&["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"{\"nmae\": 1}").expect("a reader");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    assert_fails(&output, 1, &["stdin"]);
}

#[test]
fn nobody_at_the_address_is_said_with_what_to_do() {
    let (first, second) = (deserted(), deserted());
    let both = format!("{first},http://{second}");
    for args in [&["list"][..], &["results", "3fa1"], &["cancel", "3fa1"]] {
        let output = bistable(&[args, &["--coordinator", &both]].concat());
        assert_fails(&output, 1, &[&first, &second, "refused", "bistable serve"]);
    }
}

#[test]
fn the_environment_names_the_coordinator() {
    let address = deserted();
    let output = command(&["list"])
        .env("BISTABLE_COORDINATOR", &address)
        .output()
        .expect("the binary runs");
    assert_fails(&output, 1, &[&address]);
}
