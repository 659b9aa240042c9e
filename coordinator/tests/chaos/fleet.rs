//! The processes of a run: a database, two coordinators, and four workers with a link to each of them.

use std::{
    net::{SocketAddr, TcpListener},
    process::Output,
    sync::atomic::{AtomicU16, Ordering},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    postgres::Server,
    processes::{Coordinator, Running, Worker, bistable},
    proxy::Link,
};

pub const COORDINATORS: usize = 2;
pub const WORKERS: usize = 4;

/// Lines at the end of a log that are shown of a run that failed.
const END: usize = 40;

/// One of the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    Coordinator(usize),
    Worker(usize),
    Database,
}

/// What is left of a process.
enum Life<P> {
    Up(P),
    Frozen(P),
    Dead,
}

impl<P> Life<P> {
    fn process(&self) -> Option<&P> {
        match self {
            Self::Up(process) | Self::Frozen(process) => Some(process),
            Self::Dead => None,
        }
    }

    fn take(&mut self) -> P {
        match std::mem::replace(self, Self::Dead) {
            Self::Up(process) | Self::Frozen(process) => process,
            Self::Dead => panic!("it is dead already"),
        }
    }
}

/// A coordinator's place.
struct Seat {
    address: SocketAddr,
    life: Life<Running>,
}

/// A worker's place.
struct Bench {
    links: [Link; COORDINATORS],
    cache: TempDir,
    life: Life<Running>,
}

/// All processes. Those that were killed are started again as they were.
pub struct Fleet {
    server: Server,
    database: Life<()>,
    store: String,
    coordinators: Vec<Seat>,
    workers: Vec<Bench>,
    /// Of processes that have ended.
    pub logs: Vec<(Member, String)>,
}

impl Fleet {
    /// Everybody is there; the first coordinator leads.
    pub async fn start() -> Self {
        let server = Server::start();
        let store = server.database();
        let mut fleet = Self {
            server,
            database: Life::Up(()),
            store,
            coordinators: Vec::new(),
            workers: Vec::new(),
            logs: Vec::new(),
        };
        for index in 0..COORDINATORS {
            fleet.coordinators.push(Seat {
                address: reserved_address(),
                life: Life::Dead,
            });
            fleet.start_member(Member::Coordinator(index));
        }
        for index in 0..WORKERS {
            let [first, second] = [0, 1].map(|index: usize| fleet.coordinators[index].address);
            fleet.workers.push(Bench {
                links: [Link::to(first).await, Link::to(second).await],
                cache: tempfile::tempdir().expect("a folder"),
                life: Life::Dead,
            });
            fleet.start_member(Member::Worker(index));
        }
        fleet
    }

    /// The address of the database.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// The coordinators, for clients.
    pub fn urls(&self) -> String {
        [0, 1].map(|index| self.url(index)).join(",")
    }

    /// Runs a client.
    pub fn ask(&self, args: &[&str]) -> Output {
        bistable([args, &["--coordinator", &self.urls()]].concat())
    }

    pub fn url(&self, coordinator: usize) -> String {
        format!("http://{}", self.coordinators[coordinator].address)
    }

    pub fn link(&self, worker: usize, coordinator: usize) -> &Link {
        &self.workers[worker].links[coordinator]
    }

    /// The worker that called itself `name`, if it still lives.
    pub fn worker_named(&self, name: &str) -> Option<usize> {
        self.workers.iter().position(|bench| {
            let process = bench.life.process();
            process
                .is_some_and(|process| name.rsplit('-').nth(1) == Some(&process.pid().to_string()))
        })
    }

    /// Whether it is neither dead nor stopped.
    pub fn is_up(&self, member: Member) -> bool {
        match member {
            Member::Coordinator(index) => matches!(self.coordinators[index].life, Life::Up(_)),
            Member::Worker(index) => matches!(self.workers[index].life, Life::Up(_)),
            Member::Database => matches!(self.database, Life::Up(())),
        }
    }

    /// Kills it, whether it is stopped or not.
    pub fn kill(&mut self, member: Member) {
        if member == Member::Database {
            self.database.take();
            self.server.kill();
            return;
        }
        let process = self.life(member).take();
        let (_, log) = process.end(Signal::KILL);
        self.logs.push((member, log));
    }

    /// Starts it again. A coordinator must find the database.
    pub fn start_member(&mut self, member: Member) {
        match member {
            Member::Database => {
                self.server.start_again();
                self.database = Life::Up(());
            }
            Member::Coordinator(index) => {
                let address = self.coordinators[index].address.to_string();
                let (daemon, _) = Coordinator::serve(&address, &self.store);
                self.coordinators[index].life = Life::Up(daemon.into());
            }
            Member::Worker(index) => {
                let Bench { links, cache, life } = &mut self.workers[index];
                let urls = links.each_ref().map(Link::url).join(",");
                let daemon = Worker::seeking(&urls, cache, &["--threads", "1"]);
                *life = Life::Up(daemon.into());
            }
        }
    }

    /// Stops it; it has stopped when this returns.
    pub fn freeze(&mut self, member: Member) {
        if member == Member::Database {
            self.server.freeze();
            self.database = Life::Frozen(());
            return;
        }
        let life = self.life(member);
        let process = life.take();
        process.freeze();
        *life = Life::Frozen(process);
    }

    /// Lets it go on, if it is still stopped.
    pub fn thaw(&mut self, member: Member) {
        if member == Member::Database {
            if let Life::Frozen(()) = self.database {
                self.server.signal(Signal::CONT);
                self.database = Life::Up(());
            }
            return;
        }
        let life = self.life(member);
        match std::mem::replace(life, Life::Dead) {
            Life::Frozen(process) => {
                process.signal(Signal::CONT);
                *life = Life::Up(process);
            }
            other => *life = other,
        }
    }

    fn life(&mut self, member: Member) -> &mut Life<Running> {
        match member {
            Member::Coordinator(index) => &mut self.coordinators[index].life,
            Member::Worker(index) => &mut self.workers[index].life,
            Member::Database => unreachable!("the database is several processes"),
        }
    }

    /// Kills everybody; the ends of all logs, oldest first.
    pub fn ends(&mut self) -> Vec<(Member, String)> {
        for member in everybody() {
            if let Life::Up(_) | Life::Frozen(_) = self.life(member) {
                self.kill(member);
            }
        }
        let end = |log: &String| {
            let mut lines: Vec<_> = log.lines().rev().take(END).collect();
            lines.reverse();
            lines.join("\n")
        };
        let logs = self.logs.iter();
        logs.map(|(member, log)| (*member, end(log))).collect()
    }

    /// Panics if a process has ended that nobody killed.
    pub fn check(&mut self) {
        for member in everybody() {
            let life = self.life(member);
            if let Life::Up(process) = life
                && process.has_ended()
            {
                let (code, log) = life.take().wait();
                panic!("{member:?} ended by itself with {code:?}: {log}");
            }
        }
    }

    /// Asks workers, then coordinators, to leave; all of them end well.
    pub fn leave(&mut self) {
        for member in everybody() {
            let (code, log) = self.life(member).take().end(Signal::TERM);
            assert_eq!(code, Some(0), "{member:?}: {log}");
            self.logs.push((member, log));
        }
    }
}

/// Workers, then coordinators.
fn everybody() -> impl Iterator<Item = Member> {
    let workers = (0..WORKERS).map(Member::Worker);
    workers.chain((0..COORDINATORS).map(Member::Coordinator))
}

/// An address that the system gives to nobody who connects somewhere: it is still free when its dead coordinator returns.
fn reserved_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % 125 * 64;
    loop {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + (start + offset) % 8_000;
        let port = u16::try_from(port).expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
