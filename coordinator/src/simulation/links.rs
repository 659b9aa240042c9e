//! The links between hosts, whose state changes between the steps of a simulation and never within one: so it does not
//! matter who sends first in a step, which the runtime of a host does not promise.

use std::{collections::BTreeMap, time::Duration};

use turmoil::Sim;

use super::{
    faults::Faults,
    run::{COORDINATORS, USER, WORKERS},
};
use crate::random::Random;

/// How long a latency lasts.
const CALM: Duration = Duration::from_millis(50);

/// A link that flickers is down in one of so many steps.
const FLICKER: u64 = 40;

/// Two hosts that talk: somebody, and a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link(&'static str, &'static str);

impl Link {
    pub fn client(self) -> &'static str {
        self.0
    }

    pub fn all() -> Vec<Self> {
        let clients = || WORKERS.iter().chain([&USER]);
        let of = |coordinator| clients().map(move |client| Self(client, coordinator));
        COORDINATORS.into_iter().flat_map(of).collect()
    }
}

/// What may be wrong with a link, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing gets through.
    Cut,
    /// Nothing gets to the coordinator.
    CutThere,
    /// Nothing gets back from it.
    CutBack,
    /// What is sent arrives when this is over.
    Held,
    /// Now and then, what is on its way is lost.
    Flickers,
    /// Messages take so long.
    Takes(Duration),
}

/// Every link.
pub struct Links {
    random: Random,
    /// Usual latencies are less.
    slow_ms: u64,
    bad: BTreeMap<Link, State>,
    changes_at: Duration,
}

impl Links {
    pub fn new(random: &mut Random) -> Self {
        Self {
            slow_ms: 2 + random.below(200),
            random: Random::new(random.next()),
            bad: BTreeMap::new(),
            changes_at: Duration::ZERO,
        }
    }

    /// Makes every link what it is in the step that follows.
    pub fn step(&mut self, sim: &Sim<'_>, faults: &Faults) {
        let windy = self.changes_at <= sim.elapsed();
        if windy {
            self.changes_at += CALM;
        }
        for link in Link::all() {
            let usual = Duration::from_millis(1 + self.random.below(self.slow_ms));
            let flickers = self.random.once_in(FLICKER);
            let mut latency = windy.then_some(usual);
            let mut bad = None;
            for state in faults.of(link) {
                match state {
                    State::Takes(long) => latency = Some(long),
                    State::Flickers if !flickers => {}
                    State::Flickers => bad = Some(State::Cut),
                    _ => bad = Some(bad.map_or(state, |worse: State| worse.min(state))),
                }
            }
            if let Some(latency) = latency {
                sim.set_link_latency(link.0, link.1, latency);
            }
            self.put(sim, link, bad);
        }
    }

    fn put(&mut self, sim: &Sim<'_>, link: Link, bad: Option<State>) {
        let was = match bad {
            Some(state) => self.bad.insert(link, state),
            None => self.bad.remove(&link),
        };
        if was == bad {
            return;
        }
        let Link(client, coordinator) = link;
        // What was held goes on unless the link is cut now.
        match bad {
            Some(State::Cut) => sim.partition(client, coordinator),
            Some(State::Held) => sim.hold(client, coordinator),
            _ => sim.release(client, coordinator),
        }
        match bad {
            Some(State::CutThere) => sim.partition_oneway(client, coordinator),
            Some(State::CutBack) => sim.partition_oneway(coordinator, client),
            _ => {}
        }
    }
}
