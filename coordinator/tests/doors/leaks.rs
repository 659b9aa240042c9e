//! Secrets appear nowhere: not in logs of the finest level, not in errors, process lists or stores.

use std::{fs, path::Path};

use rustix::process::Signal;

use crate::{
    calls::{ROLES, folder, token, write},
    postgres::{Listen, PASSWORD, Server, name_of},
    processes::{Daemon, Running, Runs, bistable, command, json, stderr},
    sweeps::REWEIGHTING,
};

const WRONG: &str = "wrong-secret-0123456789abcdef";

/// Everything that must not be seen.
fn secrets() -> Vec<String> {
    let own = ROLES.map(token).into_iter();
    own.chain([WRONG.to_owned(), PASSWORD.to_owned()]).collect()
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for secret in secrets() {
        for shape in shapes(&secret) {
            let mut windows = bytes.windows(shape.len());
            let found = windows.any(|window| window == shape.as_bytes());
            assert!(!found, "{what} shows {secret} as {shape}");
        }
    }
}

/// A text as it may stand in a log: itself, or its bytes in decimal or hexadecimal numbers.
fn shapes(text: &str) -> [String; 3] {
    let decimal = format!("{:?}", text.as_bytes());
    let hexadecimal = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let decimal = decimal.trim_matches(['[', ']']).to_owned();
    [text.to_owned(), decimal, hexadecimal]
}

/// What everyone on this machine can see of a process.
fn assert_unseen(pid: u32) {
    let shown = fs::read(format!("/proc/{pid}/cmdline")).expect("a process");
    assert_clean("the process list", &shown);
}

fn assert_folder_is_clean(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            assert_clean(
                &path.display().to_string(),
                &fs::read(&path).expect("a file"),
            );
        }
    }
}

/// A process that says all it can say.
fn chatty<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> std::process::Command {
    let mut command = command(args);
    command
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full");
    command
}

#[test]
fn secrets_are_shown_by_nobody() {
    let (runs, tokens) = (Runs::new(), folder());
    let postgres = Server::listening(Listen::TcpPassword);
    let database = postgres.database();
    let database = name_of(&database);
    let store = postgres.tcp_url(database, PASSWORD);
    let store = store.replace(&format!(":{PASSWORD}"), "");
    let path = |folder: &tempfile::TempDir, name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    };
    let given = tokens.path().to_str().expect("a path");
    let mut serve = chatty([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--store",
        &store,
        "--tokens",
        given,
    ]);
    serve.env("PGPASSWORD", PASSWORD);
    let mut coordinator = Daemon::start(serve);
    let url = coordinator.wait_for("coordinator on ");
    let coordinator = Running::from(coordinator);
    assert_unseen(coordinator.pid());

    let files = folder();
    fs::write(path(&files, "wrong"), WRONG).expect("a file");
    fs::write(path(&files, "broken"), format!("{WRONG} {WRONG}")).expect("a file");
    let cache = tempfile::tempdir().expect("a folder");
    let cache_dir = cache.path().to_str().expect("a path");
    let fixed = [
        "worker",
        "--threads",
        "1",
        "--cache-dir",
        cache_dir,
        "--coordinator",
        &url,
    ];
    let own = path(&files, "worker");
    let mut worker = Daemon::start(chatty(fixed.into_iter().chain(["--token-file", &own])));
    worker.wait_for("working for");
    let worker = Running::from(worker);
    assert_unseen(worker.pid());

    // Every command, with every token: what may be done is done, and the rest is an error.
    let file = runs.write("sweep.toml", REWEIGHTING);
    let file = file.to_str().expect("a path");
    let submit = path(&files, "submit");
    let submitted = bistable([
        "submit",
        file,
        "--json",
        "--coordinator",
        &url,
        "--token-file",
        &submit,
    ]);
    let id = json(&submitted)["id"]
        .as_str()
        .expect("an identifier")
        .to_owned();
    let commands: [&[&str]; 8] = [
        &["list"],
        &["watch", &id],
        &["results", &id],
        &["export", &id],
        &["pause", &id],
        &["resume", &id],
        &["submit", file],
        &["retry", "no such sweep"],
    ];
    for shown in ["submit", "read", "worker", "wrong", "broken", "absent"] {
        let shown = path(&files, shown);
        for words in commands {
            let more = ["--coordinator", &url, "--token-file", &shown];
            let output = chatty(words.iter().chain(&more)).output().expect("it runs");
            assert_clean("stdout", &output.stdout);
            assert_clean("stderr", &output.stderr);
        }
    }
    for rude in ["worker", "wrong"] {
        let shown = path(&files, rude);
        let args = [
            "worker",
            "--coordinator",
            "http://192.0.2.1:1",
            "--token-file",
            &shown,
        ];
        let output = chatty(args).output().expect("it runs");
        assert_clean("stderr", &output.stderr);
    }
    let wrong_password = postgres.tcp_url(database, WRONG);
    let output = chatty([
        "serve",
        "--store",
        &wrong_password,
        "--listen",
        "127.0.0.1:0",
    ])
    .output()
    .expect("it runs");
    assert!(!output.status.success());
    assert_clean("stderr", &output.stderr);

    write(tokens.path(), "worker", &[WRONG, "short"]);
    coordinator.signal(Signal::HUP);
    write(tokens.path(), "worker", &[WRONG]);
    coordinator.signal(Signal::HUP);
    let (_, log) = worker.end(Signal::TERM);
    assert!(log.contains("TRACE"), "the worker says all it can say");
    assert_clean("the worker's log", log.as_bytes());
    let (_, log) = coordinator.end(Signal::TERM);
    assert!(log.contains("TRACE"), "the coordinator says all it can say");
    assert_clean("the coordinator's log", log.as_bytes());
    let rows = postgres.sql(
        database,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    );
    for table in rows.lines().filter(|line| !line.is_empty()) {
        let content = postgres.sql(database, &format!("SELECT * FROM {table}"));
        assert_clean(table, content.as_bytes());
    }
}

#[test]
fn a_store_file_holds_no_token() {
    let (locked, coordinator) = crate::process::Locked::with(&[]);
    let coordinator = Running::from(coordinator);
    let cache = tempfile::tempdir().expect("a folder");
    let worker = Running::from(locked.worker(&cache));
    let id = locked.submit(REWEIGHTING);
    locked.complete(&id);
    let wrong = locked.file("wrong");
    fs::write(&wrong, WRONG).expect("a file");
    let refused = bistable(["list", "--coordinator", &locked.url, "--token-file", &wrong]);
    assert!(stderr(&refused).contains("none of this coordinator's"));
    assert_folder_is_clean(locked.runs.folder.path());
    worker.end(Signal::TERM);
    coordinator.end(Signal::TERM);
    assert_folder_is_clean(locked.runs.folder.path());
    assert_folder_is_clean(cache.path());
}
