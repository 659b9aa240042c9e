//! One run: hosts on a simulated network, what goes wrong among them, and what must be true in the end.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use tokio::sync::watch;
use turmoil::{Builder, Sim};

use super::{
    faults::{Fault, Faults},
    hosts,
    links::Links,
    machine::{Chance, Node, Site},
    panics, sweeps,
    trace::{Moment, Trace},
};
use crate::{
    random::Random,
    store::{Outcome, Store, memory::Memory},
};

pub const COORDINATORS: [&str; 2] = ["north", "south"];
pub const WORKERS: [&str; 3] = ["ash", "birch", "cedar"];
pub const USER: &str = "user";

/// The steps in which time goes on.
const TICK: Duration = Duration::from_millis(10);

/// How long everything may take once nothing goes wrong any more.
const BOUND: Duration = Duration::from_secs(120);

/// How far a coordinator's clock may be ahead.
const AHEAD_MS: u64 = 86_400_000;

/// The means to tell hosts to leave.
struct Leave(BTreeMap<&'static str, watch::Sender<bool>>);

impl Leave {
    fn new() -> Self {
        let hosts = COORDINATORS.iter().chain(&WORKERS);
        Self(
            hosts
                .map(|host| (*host, watch::Sender::new(false)))
                .collect(),
        )
    }

    fn tell(&self, host: &str, leave: bool) {
        self.0[host].send_replace(leave);
    }

    fn of(&self, host: &str) -> watch::Receiver<bool> {
        self.0[host].subscribe()
    }
}

/// Whether coordinators can reach the store.
struct Cables(BTreeMap<&'static str, Arc<AtomicBool>>);

impl Cables {
    fn new() -> Self {
        Self(COORDINATORS.map(|host| (host, Arc::default())).into())
    }

    fn cut(&self, host: &str, cut: bool) {
        self.0[host].store(cut, Ordering::Relaxed);
    }
}

/// How a run went.
pub struct Finished {
    /// What the user was told.
    pub digests: Vec<String>,
    pub trace: String,
}

/// Whether something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Fair,
    Foul,
}

/// Runs the simulation of `seed`.
pub fn run(seed: u64, weather: Weather) -> Result<Finished, String> {
    let (moment, trace) = (Moment::default(), Trace::default());
    let subscriber = trace.subscriber(&moment);
    let simulate = || World::new(seed, weather, moment)?.run();
    let simulate = || tracing::subscriber::with_default(subscriber, simulate);
    match panics::count(simulate) {
        (0, Ok(digests)) => Ok(Finished {
            digests,
            trace: trace.text(),
        }),
        (0, Err(error)) => Err(format!("{}\n{error}", trace.text())),
        (panics, _) => Err(format!("{}\n{panics} panics", trace.text())),
    }
}

struct World<'a> {
    sim: Sim<'a>,
    moment: Moment,
    store: Arc<Memory>,
    cables: Cables,
    leave: Leave,
    links: Links,
    faults: Faults,
    digests: Arc<Mutex<Option<Vec<String>>>>,
    _folder: tempfile::TempDir,
}

type Fallible<T> = Result<T, Box<dyn Error>>;

impl World<'_> {
    fn new(seed: u64, weather: Weather, moment: Moment) -> Fallible<Self> {
        let mut random = Random::new(seed);
        let sim = network(&mut random);
        let clock = moment.clone();
        let mut world = Self {
            sim,
            moment,
            store: Arc::new(Memory::new(Arc::new(move || clock.now()))),
            cables: Cables::new(),
            leave: Leave::new(),
            links: Links::new(&mut random),
            faults: Faults::default(),
            digests: Arc::default(),
            _folder: tempfile::tempdir()?,
        };
        for name in COORDINATORS {
            world.add_coordinator(name, &mut random);
        }
        for name in WORKERS {
            world.add_worker(name, &mut random);
        }
        world.add_user();
        if weather == Weather::Foul {
            world.faults = Faults::new(&mut random);
        }
        Ok(world)
    }

    fn add_coordinator(&mut self, name: &'static str, random: &mut Random) {
        let (store, moment) = (Arc::clone(&self.store), self.moment.clone());
        let cable = Arc::clone(&self.cables.0[name]);
        let ahead = Duration::from_millis(random.below(AHEAD_MS));
        let chance = Chance::new(random.next());
        let leave = self.leave.of(name);
        self.sim.host(name, move || {
            let site = Site {
                moment: moment.clone(),
                ahead,
                chance: chance.clone(),
            };
            let store = Arc::new(store.handle(&cable));
            hosts::coordinator(name.to_owned(), store, site, leave.clone())
        });
    }

    fn add_worker(&mut self, name: &'static str, random: &mut Random) {
        let cache = self._folder.path().join(name);
        let chance = Chance::new(random.next());
        let leave = self.leave.of(name);
        self.sim.host(name, move || {
            let node = Node {
                host: name.to_owned(),
                chance: chance.clone(),
            };
            let coordinators = COORDINATORS.map(String::from).to_vec();
            hosts::worker(coordinators, cache.clone(), node, leave.clone())
        });
    }

    fn add_user(&mut self) {
        let digests = Arc::clone(&self.digests);
        self.sim.client(USER, async move {
            let answer = hosts::user(COORDINATORS.map(String::from).to_vec()).await;
            *digests.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            Ok(())
        });
    }

    fn run(mut self) -> Fallible<Vec<String>> {
        self.until("the sweeps are measured", |world| {
            world.faults.are_over() && world.answer().is_some()
        })?;
        self.until("every lease is over", |world| {
            world.store.leases().is_ok_and(|leases| leases.is_empty())
        })?;
        self.check_results()?;
        self.check_workers()?;
        Ok(self.answer().unwrap_or_default())
    }

    fn answer(&self) -> Option<Vec<String>> {
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.clone()
    }

    /// Lets time go on until something is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Fallible<()> {
        let mut well_since = self.sim.elapsed();
        while !is_so(self) {
            if !self.faults.are_over() {
                well_since = self.sim.elapsed();
            }
            if self.sim.elapsed() > well_since + BOUND {
                return Err(format!("not within {BOUND:?}: {what}").into());
            }
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Fallible<()> {
        let now = self.sim.elapsed();
        self.moment.set(now);
        for fault in self.faults.end(now) {
            tracing::info!(?fault, "healed");
            match fault {
                Fault::Link(..) => {}
                Fault::Storeless(host) => self.cables.cut(host, false),
                Fault::Crash(host) | Fault::Leave(host) => {
                    self.leave.tell(host, false);
                    self.sim.bounce(host);
                }
            }
        }
        for fault in self.faults.begin(now) {
            tracing::info!(?fault, "began");
            match fault {
                Fault::Link(..) => {}
                Fault::Storeless(host) => self.cables.cut(host, true),
                Fault::Crash(host) => self.sim.crash(host),
                Fault::Leave(host) => self.leave.tell(host, true),
            }
        }
        self.links.step(&self.sim, &self.faults);
        self.sim.step()?;
        Ok(())
    }

    /// Every unit has one result, whoever else reported it.
    fn check_results(&self) -> Fallible<()> {
        let history = self.store.history();
        if history.len() != sweeps::UNITS {
            return Err(format!("{} units were reported", history.len()).into());
        }
        for (unit, outcomes) in history {
            let first = outcomes.first() == Some(&Outcome::Accepted);
            let others = outcomes.iter().skip(1);
            if !first || others.into_iter().any(|other| *other != Outcome::Duplicate) {
                return Err(format!("{unit:?}: {outcomes:?}").into());
            }
        }
        Ok(())
    }

    /// No worker was blamed for anything to whom and to whose links nothing happened, whatever coordinators went through.
    fn check_workers(&self) -> Fallible<()> {
        let mut blamed = self.store.blamed();
        blamed.retain(|worker| !self.faults.touch(worker));
        match blamed.is_empty() {
            true => Ok(()),
            false => Err(format!("blamed for nothing: {blamed:?}").into()),
        }
    }
}

fn network<'a>(random: &mut Random) -> Sim<'a> {
    let mut builder = Builder::new();
    builder
        .epoch(UNIX_EPOCH)
        .rng_seed(random.next())
        .enable_random_order()
        .simulation_duration(Duration::MAX)
        .tick_duration(TICK)
        .tcp_capacity(1024);
    builder.build()
}
