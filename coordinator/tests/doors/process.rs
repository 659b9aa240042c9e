//! Real processes behind locked doors.

use std::{fs, path::PathBuf, thread};

use rustix::process::Signal;

use crate::{
    calls::{ROLES, folder, token, write},
    processes::{
        Coordinator, Daemon, Running, Runs, Worker, assert_fails, bistable, command, digest, json,
        stderr, undisturbed,
    },
    sweeps::{REWEIGHTING, slow},
};

/// A coordinator that asks for tokens, and a file for each role that has one.
pub struct Locked {
    pub runs: Runs,
    pub tokens: tempfile::TempDir,
    pub files: tempfile::TempDir,
    pub url: String,
}

impl Locked {
    pub fn with(options: &[&str]) -> (Self, Daemon) {
        let (runs, tokens) = (Runs::new(), folder());
        let files = tempfile::tempdir().expect("a folder");
        for role in ROLES {
            fs::write(files.path().join(role), token(role)).expect("a file");
        }
        let store = runs.store().display().to_string();
        let given = ["--tokens", tokens.path().to_str().expect("a path")];
        let options = given.iter().chain(options).map(|&word| word.to_owned());
        let options: Vec<_> = options.collect();
        let (daemon, url) = Coordinator::serve_with("127.0.0.1:0", &store, &options);
        let locked = Self {
            runs,
            tokens,
            files,
            url,
        };
        (locked, daemon)
    }

    pub fn file(&self, role: &str) -> String {
        let path: PathBuf = self.files.path().join(role);
        path.to_str().expect("a path").to_owned()
    }

    /// A command for the coordinator, shown the token of `role`.
    pub fn args<'a>(&'a self, role: &str, args: &[&'a str]) -> Vec<String> {
        let mut all: Vec<_> = args.iter().map(|&word| word.to_owned()).collect();
        all.extend(["--coordinator".to_owned(), self.url.clone()]);
        all.extend(["--token-file".to_owned(), self.file(role)]);
        all
    }

    pub fn submit(&self, document: &str) -> String {
        let file = self.runs.write("sweep.toml", document);
        let file = file.to_str().expect("a path");
        let answer = json(&bistable(self.args("submit", &["submit", file, "--json"])));
        answer["id"].as_str().expect("an identifier").to_owned()
    }

    pub fn worker(&self, cache: &tempfile::TempDir) -> Daemon {
        let file = self.file("worker");
        Worker::daemon(&self.url, cache, &["--threads", "1", "--token-file", &file])
    }

    /// The digest of a sweep when it is complete.
    pub fn complete(&self, id: &str) -> String {
        let watched = bistable(self.args("read", &["watch", id]));
        assert!(watched.status.success(), "{}", stderr(&watched));
        let results = bistable(self.args("read", &["results", id, "--json"]));
        digest(&json(&results))
    }
}

#[test]
fn a_sweep_behind_locked_doors_has_the_usual_digest() {
    // Far fewer calls a second than a worker makes that nobody holds back.
    let (locked, coordinator) = Locked::with(&["--rate-limit", "4"]);
    let coordinator = Running::from(coordinator);
    let cache = tempfile::tempdir().expect("a folder");
    let worker = Running::from(locked.worker(&cache));
    let id = locked.submit(REWEIGHTING);
    assert_eq!(locked.complete(&id), undisturbed(REWEIGHTING, &[]));
    for _ in 0..10 {
        let listed = bistable(locked.args("read", &["list"]));
        assert!(listed.status.success(), "{}", stderr(&listed));
    }
    let refused = bistable(locked.args("read", &["delete", &id]));
    assert_fails(&refused, &["DeleteSweep needs a token of the role submit"]);
    let refused = bistable(["list", "--coordinator", &locked.url]);
    assert_fails(&refused, &["wants a token", "--token-file"]);
    let (code, log) = worker.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
    coordinator.end(Signal::TERM);
}

#[test]
fn a_worker_that_may_not_work_says_so_and_ends() {
    let (locked, coordinator) = Locked::with(&[]);
    let _coordinator = Running::from(coordinator);
    fs::write(locked.file("stranger"), "stranger-0123456789abcdef").expect("a file");
    fs::write(locked.file("short"), "secret").expect("a file");
    let ends = |role: &str| bistable(locked.args(role, &["worker", "--threads", "1"]));
    assert_fails(
        &ends("read"),
        &[
            "refuses this worker",
            "Session needs a token of the role worker",
        ],
    );
    assert_fails(
        &ends("stranger"),
        &["refuses this worker", "none of this coordinator's"],
    );
    assert_fails(&ends("absent"), &["the token in", "absent", "No such file"]);
    assert_fails(
        &ends("short"),
        &["short cannot be used: line 1", "at least 16"],
    );
    let without = bistable(["worker", "--coordinator", &locked.url]);
    assert_fails(&without, &["refuses this worker", "wants a token"]);
}

#[test]
fn a_token_is_not_sent_in_the_open() {
    let files = tempfile::tempdir().expect("a folder");
    let file = files.path().join("token");
    fs::write(&file, token("read")).expect("a file");
    let file = file.to_str().expect("a path");
    for first in ["list", "worker"] {
        // An address that no machine has: whether the token would go there is decided before.
        let args = [
            first,
            "--coordinator",
            "localhost,http://192.0.2.1:7431",
            "--token-file",
            file,
        ];
        assert_fails(
            &bistable(args),
            &[
                "in the open to http://192.0.2.1:7431",
                "https://",
                "--insecure",
            ],
        );
    }
}

#[test]
fn a_running_worker_waits_for_its_next_token() {
    let (locked, mut coordinator) = Locked::with(&[]);
    let id = locked.submit(&slow());
    let cache = tempfile::tempdir().expect("a folder");
    let mut worker = locked.worker(&cache);
    let next = "next-worker-0123456789abcdef";
    write(locked.tokens.path(), "worker", &[next]);
    coordinator.signal(Signal::HUP);
    coordinator.wait_for("the tokens have changed");
    worker.wait_for("turns this worker away");
    // A broken set changes nothing, and is named without being shown.
    write(locked.tokens.path(), "read", &["secret"]);
    coordinator.signal(Signal::HUP);
    let complaint = coordinator.wait_for("the tokens stay as they were: ");
    assert!(
        complaint.contains("read, line 1") && !complaint.contains("secret"),
        "{complaint}"
    );
    // It is said once, however often the folder is looked at, and again to whoever asks for it to be read.
    coordinator.signal(Signal::HUP);
    coordinator.wait_for("the tokens stay as they were: ");
    let coordinator = Running::from(coordinator);
    let worker = Running::from(worker);
    fs::write(locked.file("worker"), next).expect("a file");
    assert_eq!(locked.complete(&id), undisturbed(&slow(), &[]));
    let (code, log) = worker.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
    coordinator.end(Signal::TERM);
}

#[test]
fn a_watch_goes_on_under_the_next_token() {
    let (locked, mut coordinator) = Locked::with(&[]);
    let id = locked.submit(REWEIGHTING);
    let mut watch = command(locked.args("read", &["watch", &id, "--json"]));
    let mut watch = watch.spawn().expect("the binary runs");
    let mut looks = std::io::BufReader::new(watch.stdout.take().expect("a pipe"));
    let mut first = String::new();
    std::io::BufRead::read_line(&mut looks, &mut first).expect("a look");
    let next = "next-reader-0123456789abcdef";
    fs::write(locked.file("read"), next).expect("a file");
    write(locked.tokens.path(), "read", &[next]);
    coordinator.signal(Signal::HUP);
    coordinator.wait_for("the tokens have changed");
    let _coordinator = Running::from(coordinator);
    let cache = tempfile::tempdir().expect("a folder");
    let _worker = Running::from(locked.worker(&cache));
    let rest = thread::spawn(move || std::io::read_to_string(looks).expect("UTF-8"));
    assert!(watch.wait().expect("an end").success());
    let rest = rest.join().expect("a reader");
    assert!(rest.contains("complete"), "{rest}");
}

#[test]
fn the_command_refuses_to_listen_everywhere_unguarded() {
    let runs = Runs::new();
    let store = runs.store().display().to_string();
    let serve = |more: &[&str]| {
        let fixed = ["serve", "--listen", "0.0.0.0:0", "--store", &store];
        bistable([&fixed, more].concat())
    };
    let ways = ["--tokens DIR", "--tls-client-ca FILE", "--insecure"];
    assert_fails(&serve(&[]), &ways);
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().to_str().expect("a path");
    assert_fails(&serve(&["--tokens", empty]), &["has no tokens"]);
    assert_fails(
        &serve(&["--tokens", "/nonexistent"]),
        &["/nonexistent cannot be read"],
    );
    let insecure = ["--insecure".to_owned()];
    let (daemon, _) = Coordinator::serve_with("0.0.0.0:0", &store, &insecure);
    Running::from(daemon).leave();
}
