//! The processes. Each is killed when its guard goes; nothing here waits for time to pass, only for what processes say.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Lines, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, LazyLock, Mutex, OnceLock, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;

/// The command, deaf to the environment of whoever runs the tests.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bistable"));
    command.args(args);
    for name in [
        "BISTABLE_COORDINATOR",
        "BISTABLE_STORE",
        "BISTABLE_TOKENS",
        "BISTABLE_TOKEN_FILE",
        "BISTABLE_INSECURE",
        "BISTABLE_LOG_FORMAT",
        "BISTABLE_MONITOR",
        "BISTABLE_MAX_STORED_DATA_BYTES",
        "BISTABLE_TLS_CA",
        "BISTABLE_TLS_CERT",
        "BISTABLE_TLS_KEY",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "PGPASSWORD",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "RUST_LOG",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub fn bistable<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    command(args).output().expect("the binary runs")
}

/// Runs a command to its end in another environment.
pub fn bistable_with<const N: usize>(environment: &[(&str, &str)], args: [&str; N]) -> Output {
    let mut command = command(args);
    command.envs(environment.iter().copied());
    command.output().expect("the binary runs")
}

/// What a command that succeeded wrote to stdout.
pub fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The JSON that a command that succeeded wrote to stdout.
pub fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).expect("JSON")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that a command failed with exit code 1 and a message that holds all of `parts`.
pub fn assert_fails(output: &Output, parts: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    for part in parts {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

/// A number of a status.
pub fn number(status: &Value, key: &str) -> u64 {
    status[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} of {status}"))
}

/// A child that does not outlive its guard.
struct Guard(Child);

impl Guard {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a process");
    }

    /// Returns when it has stopped.
    fn freeze(&self) {
        self.signal(Signal::STOP);
        let process = WaitId::Pid(Pid::from_child(&self.0));
        waitid(process, WaitIdOptions::STOPPED).expect("a process that stops");
    }

    fn wait(&mut self) -> ExitStatus {
        self.0.wait().expect("an end")
    }

    fn kill(&mut self) {
        self.0.kill().expect("a process");
        self.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that serves until it is told to end, and logs to stderr.
pub struct Daemon {
    guard: Guard,
    /// The lines of its log that were waited for are gone; the rest is collected.
    log: Lines<BufReader<Box<dyn Read + Send>>>,
    heard: String,
}

impl Daemon {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary runs");
        let log: Box<dyn Read + Send> = Box::new(child.stderr.take().expect("a pipe"));
        Self {
            guard: Guard(child),
            log: BufReader::new(log).lines(),
            heard: String::new(),
        }
    }

    /// Sends it `signal`.
    pub fn signal(&self, signal: Signal) {
        self.guard.signal(signal);
    }

    /// Reads the log until a line holds `mark`; returns what follows it there.
    pub fn wait_for(&mut self, mark: &str) -> String {
        for line in &mut self.log {
            let line = line.expect("UTF-8");
            if let Some((_, rest)) = line.split_once(mark) {
                return rest.to_owned();
            }
            self.heard.push_str(&line);
            self.heard.push('\n');
        }
        panic!("it ended without saying `{mark}`: {}", self.heard);
    }
}

/// A daemon whose log nobody waits for any more: it is read, so that the daemon never waits for its reader.
pub struct Running {
    guard: Guard,
    log: Option<JoinHandle<String>>,
}

impl From<Daemon> for Running {
    fn from(daemon: Daemon) -> Self {
        let Daemon { guard, log, heard } = daemon;
        let log = thread::spawn(move || {
            log.fold(heard, |all, line| all + &line.unwrap_or_default() + "\n")
        });
        Self {
            guard,
            log: Some(log),
        }
    }
}

impl Running {
    /// Its identifier.
    pub fn pid(&self) -> u32 {
        self.guard.0.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.guard.0.try_wait().expect("a process").is_some()
    }

    /// Ends it without a warning.
    pub fn kill(mut self) {
        self.guard.kill();
    }

    /// Stops it, until it is sent SIGCONT.
    pub fn freeze(&self) {
        self.guard.freeze();
    }

    /// Sends it `signal`.
    pub fn signal(&self, signal: Signal) {
        self.guard.signal(signal);
    }

    /// Sends it `signal`, waits for its end, and returns the exit code and its log.
    pub fn end(self, signal: Signal) -> (Option<i32>, String) {
        self.guard.signal(signal);
        self.wait()
    }

    /// Waits for its end, and returns the exit code and its log.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let code = self.guard.wait().code();
        let log = self.log.take().expect("a log").join();
        (code, log.expect("a reader"))
    }

    /// Asks it to leave, and expects that it does so without complaint; returns its log.
    pub fn leave(self) -> String {
        let (code, log) = self.end(Signal::TERM);
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
        log
    }
}

/// `bistable serve`.
pub struct Coordinator {
    pub url: String,
    pub process: Running,
}

impl Coordinator {
    /// A coordinator on a port of its own.
    pub fn start(store: &Path) -> Self {
        Self::listening("127.0.0.1:0", store)
    }

    /// A coordinator on `address`.
    pub fn listening(address: &str, store: &Path) -> Self {
        let store = store.to_str().expect("a path");
        let (daemon, url) = Self::serve(address, store);
        Self {
            url,
            process: daemon.into(),
        }
    }

    /// A coordinator whose log is still to be read, and where it is.
    pub fn serve(address: &str, store: &str) -> (Daemon, String) {
        Self::serve_with(address, store, &[])
    }

    /// The same, of a coordinator that was told more.
    pub fn serve_with(address: &str, store: &str, options: &[String]) -> (Daemon, String) {
        let mut daemon = Self::daemon(address, store, options);
        let url = daemon.wait_for("coordinator on ");
        (daemon, url)
    }

    /// The same, before it serves.
    pub fn daemon<S: AsRef<OsStr>>(address: &str, store: &str, options: &[S]) -> Daemon {
        let mut serve = command(["serve", "--listen", address, "--store", store]);
        serve.args(options);
        Daemon::start(serve)
    }

    /// A coordinator on a port of its own, and the address of its monitor.
    pub fn monitored(store: &Path) -> (Self, String) {
        let store = store.to_str().expect("a path");
        let mut daemon = Self::daemon("127.0.0.1:0", store, &["--monitor", "127.0.0.1:0"]);
        let monitor = daemon.wait_for("monitor on http://");
        let url = daemon.wait_for("coordinator on ");
        let process = daemon.into();
        (Self { url, process }, monitor)
    }

    /// Its address, for the next one.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("a URL")
    }

    /// Runs a client against it.
    pub fn ask(&self, args: &[&str]) -> Output {
        bistable([args, &["--coordinator", &self.url]].concat())
    }

    /// Submits a document; returns its identifier.
    pub fn submit(&self, file: &Path, options: &[&str]) -> String {
        let file = file.to_str().expect("a path");
        let answer = json(&self.ask(&[&["submit", file, "--json"], options].concat()));
        answer["id"].as_str().expect("an identifier").to_owned()
    }

    /// Watches a sweep.
    pub fn watch(&self, id: &str) -> Watch {
        Watch::start(id, &self.url)
    }

    /// Submits a document, and watches its sweep from the beginning.
    pub fn submit_watched(&self, file: &Path) -> (String, Watch) {
        let id = self.submit(file, &[]);
        let mut watch = self.watch(&id);
        watch.until(|_| true);
        (id, watch)
    }

    /// Waits until a sweep is complete; returns its digest.
    pub fn complete(&self, id: &str) -> String {
        let (last, code) = self.watch(id).last();
        assert_eq!(last["state"], "complete", "{last}");
        assert_eq!(code, Some(0));
        digest(&self.results(id))
    }

    /// A sweep's results.
    pub fn results(&self, id: &str) -> Value {
        json(&self.ask(&["results", id, "--json"]))
    }

    /// Where every sweep stands.
    pub fn list(&self) -> Vec<Value> {
        let Value::Array(sweeps) = json(&self.ask(&["list", "--json"])) else {
            panic!("no list");
        };
        sweeps
    }

    /// Where one sweep stands.
    pub fn status(&self, id: &str) -> Value {
        let mut sweeps = self.list().into_iter();
        sweeps.find(|sweep| sweep["id"] == id).expect("the sweep")
    }
}

/// The digest of a complete sweep.
pub fn digest(results: &Value) -> String {
    results["digest"].as_str().expect("a digest").to_owned()
}

/// `bistable worker`, with one thread and a cache of its own.
pub struct Worker {
    pub process: Running,
    pub cache: tempfile::TempDir,
}

impl Worker {
    /// A worker that has found its coordinator.
    pub fn start(coordinator: &Coordinator) -> Self {
        Self::with(coordinator, &["--threads", "1"])
    }

    /// A worker that was told more.
    pub fn with(coordinator: &Coordinator, options: &[&str]) -> Self {
        Self::of(&coordinator.url, options)
    }

    /// A worker of the coordinators at `urls`.
    pub fn of(urls: &str, options: &[&str]) -> Self {
        let cache = tempfile::tempdir().expect("a folder");
        Self {
            process: Self::daemon(urls, &cache, options).into(),
            cache,
        }
    }

    /// A worker to whose log the test listens.
    pub fn daemon(urls: &str, cache: &tempfile::TempDir, options: &[&str]) -> Daemon {
        let mut daemon = Self::seeking(urls, cache, options);
        daemon.wait_for("working for");
        daemon
    }

    /// A worker that may have yet to find a coordinator.
    pub fn seeking(urls: &str, cache: &tempfile::TempDir, options: &[&str]) -> Daemon {
        let folder = cache.path().to_str().expect("a path");
        let fixed = ["worker", "--coordinator", urls, "--cache-dir", folder];
        Daemon::start(command([&fixed, options].concat()))
    }
}

/// `bistable watch --json`: a sweep's statuses.
pub struct Watch {
    guard: Guard,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    pub fn start(id: &str, url: &str) -> Self {
        let mut child = command(["watch", id, "--json", "--coordinator", url])
            .spawn()
            .expect("the binary runs");
        let out = child.stdout.take().expect("a pipe");
        Self {
            guard: Guard(child),
            lines: BufReader::new(out).lines(),
        }
    }

    /// The first status from now on that is as `wanted`.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        for status in &mut *self {
            if wanted(&status) {
                return status;
            }
            seen.push(status);
        }
        panic!("it never came to that: {seen:#?}");
    }

    /// A moment in the middle: something is done and something is under way.
    pub fn until_under_way(&mut self) -> Value {
        self.until(|status| number(status, "units_done") > 0 && number(status, "units_leased") > 0)
    }

    /// The last status, and the exit code.
    pub fn last(mut self) -> (Value, Option<i32>) {
        let last = (&mut self).last();
        let code = self.guard.wait().code();
        let last = last.unwrap_or_else(|| panic!("no status: {}", self.stderr()));
        (last, code)
    }

    /// The same, but a sweep that is not over by then is watched no longer.
    pub fn last_within(self, limit: Duration) -> (Value, Option<i32>) {
        let pid = Pid::from_child(&self.guard.0);
        let (over, ended) = mpsc::channel::<()>();
        let backstop = thread::spawn(move || {
            if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(limit) {
                kill_process(pid, Signal::KILL).expect("a process");
            }
        });
        let last = self.last();
        drop(over);
        backstop.join().expect("a thread");
        last
    }

    /// What it said to people.
    fn stderr(&mut self) -> String {
        let mut said = String::new();
        let stderr = self.guard.0.stderr.take().expect("a pipe");
        BufReader::new(stderr)
            .read_to_string(&mut said)
            .expect("UTF-8");
        said
    }
}

impl Iterator for &mut Watch {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?.expect("UTF-8");
        Some(serde_json::from_str(&line).expect("JSON"))
    }
}

/// `bistable run`, which is given its documents and keeps its store in a folder.
pub struct Runs {
    pub folder: tempfile::TempDir,
}

impl Runs {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// Runs a document to its end, or to its failure.
    pub fn run(&self, file: &Path, options: &[&str]) -> Output {
        bistable(run_args(file, &self.store().display().to_string(), options))
    }

    /// Starts to run a document; returns when its sweep is submitted, with where its coordinator listens.
    pub fn start(&self, file: &Path, options: &[&str]) -> (Running, String) {
        self.start_on(&self.store().display().to_string(), file, options)
    }

    /// The same on another store.
    pub fn start_on(&self, store: &str, file: &Path, options: &[&str]) -> (Running, String) {
        let mut run = command(run_args(file, store, options));
        run.env("RUST_LOG", "info");
        let mut daemon = Daemon::start(run);
        let address = daemon.wait_for("serving addr=");
        daemon.wait_for("a sweep was submitted");
        (daemon.into(), format!("http://{address}"))
    }
}

fn run_args(file: &Path, store: &str, options: &[&str]) -> Vec<String> {
    let file = file.display().to_string();
    let fixed = ["run", &file, "--store", store, "--json", "--no-plots"];
    let all = fixed.iter().chain(options);
    all.map(|&argument| argument.to_owned()).collect()
}

/// The digest of a run of `document` that nothing disturbs: one run for all tests that ask for the same.
pub fn undisturbed(document: &str, options: &[&str]) -> String {
    type Digests = Mutex<HashMap<String, Arc<OnceLock<String>>>>;
    static KNOWN: LazyLock<Digests> = LazyLock::new(Digests::default);
    let key = format!("{options:?} {document}");
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = known.entry(key).or_default().clone();
    drop(known);
    digest.get_or_init(|| run_alone(document, options)).clone()
}

/// Runs `document` in a store of its own; returns the digest.
fn run_alone(document: &str, options: &[&str]) -> String {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", document);
    let output = runs.run(&file, options);
    let log = stderr(&output);
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    digest(&json(&output))
}

/// The identifier of a document's sweep.
pub fn id_of(file: &Path) -> String {
    let file = file.to_str().expect("a path");
    let outlook = json(&bistable(["check", file, "--json"]));
    outlook["id"].as_str().expect("an identifier").to_owned()
}
