//! What goes wrong in a run: a function of its seed. Everything heals.

use std::{collections::BTreeSet, time::Duration};

use super::{
    links::{Link, State},
    run::{COORDINATORS, WORKERS},
};
use crate::random::Random;

/// Faults in a run, at most.
const MOST: u64 = 10;

/// When the last one begins, at most.
const LAST_MS: u64 = 30_000;

/// How long one lasts, at most: longer than a silent worker is believed in.
const LONGEST_MS: u64 = 20_000;

/// The latency of a slow link, at most.
const SLOWEST_MS: u64 = 4_000;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A link is in a bad state.
    Link(Link, State),
    /// A coordinator cannot reach the store.
    Storeless(&'static str),
    /// A process dies, and is started again when that is over.
    Crash(&'static str),
    /// A process is told to leave, and is started again.
    Leave(&'static str),
}

/// A fault and its time.
#[derive(Debug, Clone, Copy)]
struct Spell {
    begin: Duration,
    end: Duration,
    fault: Fault,
}

/// What goes wrong, and when.
#[derive(Debug, Default)]
pub struct Faults {
    ahead: Vec<Spell>,
    present: Vec<Spell>,
    /// The hosts that anything of it happens to.
    touched: BTreeSet<&'static str>,
}

fn host(random: &mut Random) -> &'static str {
    match random.below(5) {
        0 | 1 => random.of::<&str>(&COORDINATORS),
        _ => random.of::<&str>(&WORKERS),
    }
}

fn fault(random: &mut Random) -> Fault {
    let link = *random.of(&Link::all());
    let state = match random.below(9) {
        0 => State::Cut,
        1 => State::CutThere,
        2 => State::CutBack,
        3 => State::Held,
        4 => State::Flickers,
        5 => State::Takes(Duration::from_millis(1 + random.below(SLOWEST_MS))),
        6 => return Fault::Storeless(random.of::<&str>(&COORDINATORS)),
        7 => return Fault::Leave(host(random)),
        _ => return Fault::Crash(host(random)),
    };
    Fault::Link(link, state)
}

impl Fault {
    fn host(self) -> &'static str {
        match self {
            Self::Link(link, _) => link.client(),
            Self::Storeless(host) | Self::Crash(host) | Self::Leave(host) => host,
        }
    }
}

impl Faults {
    /// Some faults.
    pub fn new(random: &mut Random) -> Self {
        let count = 1 + random.below(MOST);
        let spells: Vec<_> = (0..count)
            .map(|_| {
                let begin = Duration::from_millis(random.below(LAST_MS));
                let end = begin + Duration::from_millis(1 + random.below(LONGEST_MS));
                let fault = fault(random);
                Spell { begin, end, fault }
            })
            .collect();
        Self {
            touched: spells.iter().map(|spell| spell.fault.host()).collect(),
            ahead: spells,
            present: Vec::new(),
        }
    }

    /// What begins now.
    pub fn begin(&mut self, now: Duration) -> Vec<Fault> {
        let due = self.ahead.extract_if(.., |spell| spell.begin <= now);
        let due: Vec<_> = due.collect();
        self.present.extend(&due);
        due.into_iter().map(|spell| spell.fault).collect()
    }

    /// What ends now.
    pub fn end(&mut self, now: Duration) -> Vec<Fault> {
        let due = self.present.extract_if(.., |spell| spell.end <= now);
        due.map(|spell| spell.fault).collect()
    }

    /// The bad states of a link.
    pub fn of(&self, link: Link) -> impl Iterator<Item = State> {
        self.present
            .iter()
            .filter_map(move |spell| match spell.fault {
                Fault::Link(bad, state) if bad == link => Some(state),
                _ => None,
            })
    }

    /// Whether anything happens, sooner or later, to this host or, if it is no coordinator, one of its links.
    pub fn touch(&self, host: &str) -> bool {
        self.touched.contains(host)
    }

    /// Whether all is well, and stays so.
    pub fn are_over(&self) -> bool {
        self.ahead.is_empty() && self.present.is_empty()
    }
}
