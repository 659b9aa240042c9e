//! A PostgreSQL server of the tests' own, from the system's package. It refuses to run as root, so root becomes another user.
//!
//! A second process watches over it: it stops the server and removes its files when the server's guard goes, or when the
//! test process ends, however it ends.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{PermissionsExt, chown},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, Signal, getuid, kill_process, pidfd_open},
};

/// Seconds after which a server that has not started counts as hanging: a slow disk takes its time after a crash.
const LONGEST_START: &str = "600";

/// What `TcpPassword` servers ask for.
pub const PASSWORD: &str = "correct-horse";

/// How a server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// On a socket in its folder, by anyone.
    Socket,
    /// On a port of 127.0.0.1, with [`PASSWORD`]; on the socket too.
    TcpPassword,
}

/// A server. It does not outlive this value.
pub struct Server {
    folder: PathBuf,
    user: Option<User>,
    port: u16,
    watchdog: Child,
}

/// Whom root becomes.
#[derive(Debug, Clone)]
struct User {
    uid: u32,
    gid: u32,
}

impl Server {
    /// A server that anyone can reach on its socket. It syncs to disk, as servers do.
    pub fn start() -> Self {
        Self::listening(Listen::Socket)
    }

    /// A server.
    pub fn listening(listen: Listen) -> Self {
        Self::configured(listen, "")
    }

    /// A server with more lines in its configuration.
    pub fn configured(listen: Listen, settings: &str) -> Self {
        Self::with_files(listen, settings, &[])
    }

    /// A server that speaks TLS, with this certificate and key.
    pub fn secured(certificate: &str, key: &str) -> Self {
        let settings = "ssl = on\nssl_cert_file = '../server.pem'\nssl_key_file = '../server.key'";
        let files = [("server.pem", certificate), ("server.key", key)];
        Self::with_files(Listen::TcpPassword, settings, &files)
    }

    fn with_files(listen: Listen, settings: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("bistable-postgres-")
            .tempdir()
            .expect("a folder")
            .keep();
        let user = User::instead_of_root();
        if let Some(User { uid, gid }) = user {
            chown(&folder, Some(uid), Some(gid)).expect("a folder of another user");
        }
        let watchdog = watchdog(&folder, user.as_ref());
        let mut server = Self {
            folder,
            user,
            port: 5432,
            watchdog,
        };
        server.init();
        if let Listen::TcpPassword = listen {
            // Somebody else may have it a while later.
            server.port = free_port();
        }
        for (name, content) in files {
            server.write(name, content);
        }
        server.configure(listen, settings);
        server.start_again();
        server
    }

    fn init(&self) {
        let password = self.folder.join("password");
        fs::write(&password, PASSWORD).expect("a file");
        let data = self.data();
        let arguments: [&OsStr; 10] = [
            "-D".as_ref(),
            data.as_ref(),
            "-U".as_ref(),
            "bistable".as_ref(),
            "--pwfile".as_ref(),
            password.as_ref(),
            "--auth-local=trust".as_ref(),
            "--auth-host=scram-sha-256".as_ref(),
            // The cluster is new: if the machine stops now, the test has failed anyway.
            "--no-sync".as_ref(),
            "--locale=C.UTF-8".as_ref(),
        ];
        check("initdb", &self.run("initdb", arguments));
    }

    /// A file that only the server may read.
    fn write(&self, name: &str, content: &str) {
        let file = self.folder.join(name);
        fs::write(&file, content).expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a file of ours");
        if let Some(User { uid, gid }) = self.user {
            chown(&file, Some(uid), Some(gid)).expect("a file of another user");
        }
    }

    fn configure(&self, listen: Listen, more: &str) {
        let addresses = match listen {
            Listen::Socket => "",
            Listen::TcpPassword => "127.0.0.1",
        };
        let settings = format!(
            "listen_addresses = '{addresses}'\nport = {}\nunix_socket_directories = '{}'\n{more}",
            self.port,
            self.folder.display()
        );
        let file = self.data().join("postgresql.auto.conf");
        fs::write(file, settings).expect("a file");
    }

    /// Starts it, after it was stopped or killed.
    pub fn start_again(&self) {
        let (data, log) = (self.data(), self.folder.join("log"));
        let arguments: [&OsStr; 8] = [
            "-D".as_ref(),
            data.as_ref(),
            "-l".as_ref(),
            log.as_ref(),
            "-w".as_ref(),
            "-t".as_ref(),
            LONGEST_START.as_ref(),
            "start".as_ref(),
        ];
        let output = self.run("pg_ctl", arguments);
        let log = fs::read_to_string(log).unwrap_or_default();
        assert!(output.status.success(), "the server does not start: {log}");
    }

    /// Stops all of its processes until they are sent SIGCONT.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Sends `signal` to all of its processes.
    pub fn signal(&self, to_all: Signal) {
        for pid in self.processes() {
            signal(pid, to_all);
        }
    }

    /// All of its processes. The first one is stopped, so that it starts no other.
    fn processes(&self) -> Vec<i32> {
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).expect("a running server");
        let pid = pid.lines().next().and_then(|line| line.parse().ok());
        let postmaster = pid.expect("a process identifier");
        signal(postmaster, Signal::STOP);
        let mut all = children(postmaster);
        all.push(postmaster);
        all
    }

    /// Kills all of its processes at once, as the kernel does when memory is short.
    pub fn kill(&self) {
        let all = self.processes().into_iter();
        let ends: Vec<_> = all.filter_map(kill_watched).collect();
        ends.iter().for_each(await_end);
        // Where nobody waits for orphans, the zombie would pass for a running server.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        let socket = format!(".s.PGSQL.{}.lock", self.port);
        let _ = fs::remove_file(self.folder.join(socket));
    }

    /// A new, empty database; returns its address.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The address of a database, by the socket.
    pub fn url(&self, database: &str) -> String {
        let (folder, port) = (self.folder.display(), self.port);
        format!("postgres://bistable@/{database}?host={folder}&port={port}")
    }

    /// The address of a database, by TCP.
    pub fn tcp_url(&self, database: &str, password: &str) -> String {
        let port = self.port;
        format!("postgresql://bistable:{password}@127.0.0.1:{port}/{database}")
    }

    /// Runs SQL in a database; returns what it printed, a row a line.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let arguments: [&OsStr; 13] = [
            // Deaf to the user's own settings.
            "-X".as_ref(),
            "-h".as_ref(),
            self.folder.as_ref(),
            "-p".as_ref(),
            port.as_ref(),
            "-U".as_ref(),
            "bistable".as_ref(),
            "-d".as_ref(),
            database.as_ref(),
            "-v".as_ref(),
            "ON_ERROR_STOP=1".as_ref(),
            "-Atqc".as_ref(),
            sql.as_ref(),
        ];
        let output = self.run("psql", arguments);
        check("psql", &output);
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn run<S: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Output {
        let mut command = as_user(self.user.as_ref(), &bin().join(program));
        command.args(arguments).current_dir(&self.folder);
        command.stdin(Stdio::null());
        // A daemon keeps what it inherits: a pipe would never end.
        if program == "pg_ctl" {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command.output().expect("a PostgreSQL program runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// The database that an address of [`Server::database`] names.
pub fn name_of(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

/// Waits for the end of its input, then stops the server and removes the folder.
fn watchdog(folder: &Path, user: Option<&User>) -> Child {
    let script = "cat >/dev/null; kill -CONT \"$(head -n 1 \"$2/data/postmaster.pid\")\"
        \"$1\" -D \"$2/data\" -m immediate -w stop; rm -rf \"$2\"";
    let mut command = as_user(user, Path::new("/bin/sh"));
    command.args(["-c", script, "watchdog"]);
    command.arg(bin().join("pg_ctl")).arg(folder);
    // In a group of its own: what ends the tests from a terminal must not end it before it has done its work.
    command.current_dir("/").process_group(0);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a shell")
}

/// The folder of the newest server that is installed.
fn bin() -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = installed
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let Some(version) = newest else {
        panic!(
            "these tests need PostgreSQL 15 or later in /usr/lib/postgresql; on Debian: apt-get install postgresql"
        );
    };
    format!("/usr/lib/postgresql/{version}/bin").into()
}

impl User {
    /// The package's own user; `None` if we are not root.
    fn instead_of_root() -> Option<Self> {
        if !getuid().is_root() {
            return None;
        }
        let id = |flag| {
            let output = Command::new("id").args([flag, "postgres"]).output();
            let output = output.expect("id runs");
            let id = String::from_utf8_lossy(&output.stdout).trim().parse();
            id.expect("the user `postgres`, which comes with the package `postgresql`")
        };
        Some(Self {
            uid: id("-u"),
            gid: id("-g"),
        })
    }
}

fn as_user(user: Option<&User>, program: &Path) -> Command {
    let Some(User { uid, gid }) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={gid}"))
        .args(["--clear-groups", "--"])
        .arg(program);
    command
}

fn check(program: &str, output: &Output) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: {message}");
}

/// A port that nobody uses at the moment.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Kills a process; what tells of its end, unless it is gone already. Only its parent could wait for it otherwise.
fn kill_watched(pid: i32) -> Option<OwnedFd> {
    let end = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    signal(pid, Signal::KILL);
    Some(end)
}

fn await_end(process: &OwnedFd) {
    let mut watched = [PollFd::new(process, PollFlags::IN)];
    retry_on_intr(|| poll(&mut watched, None)).expect("a process to wait for");
}

fn signal(pid: i32, signal: Signal) {
    // One that has ended in the meantime needs no signal.
    let _ = kill_process(Pid::from_raw(pid).expect("a process"), signal);
}

/// The parent of a process, from `/proc`.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the state follows it, then the parent.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    fields.nth(1)?.parse().ok()
}

fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").expect("/proc");
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}
