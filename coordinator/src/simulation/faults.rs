//! What goes wrong in a run: a function of its seed. Everything heals.

use std::time::Duration;

use turmoil::Sim;

use super::run::{COORDINATORS, Leave, USER, WORKERS};
use crate::random::Random;

/// Faults in a run, at most.
const MOST: u64 = 8;

/// When the last one begins, at most.
const LAST_MS: u64 = 25_000;

/// How long one lasts, at most: longer than a silent worker is believed in.
const LONGEST_MS: u64 = 20_000;

/// The rate at which a bad link loses messages.
const LOSS: f64 = 0.05;

/// The latency of a slow link, at most.
const SLOW_MS: u64 = 4_000;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing gets through between two hosts.
    Partition(&'static str, &'static str),
    /// Nothing gets from one to the other.
    OneWay(&'static str, &'static str),
    /// What is sent between them arrives when it is over.
    Hold(&'static str, &'static str),
    /// Some messages between them are lost.
    Loss(&'static str, &'static str),
    /// Their messages take long.
    Slow(&'static str, &'static str, Duration),
    /// A process dies, and is started again.
    Crash(&'static str),
    /// A process is told to leave, and is started again.
    Leave(&'static str),
}

/// A fault and its time.
#[derive(Debug)]
struct Spell {
    begin: Duration,
    end: Duration,
    fault: Fault,
}

/// What goes wrong, and when.
#[derive(Debug, Default)]
pub struct Faults {
    /// To come.
    ahead: Vec<Spell>,
    /// Present.
    present: Vec<Spell>,
}

fn host(random: &mut Random) -> &'static str {
    let hosts: Vec<_> = COORDINATORS.iter().chain(&WORKERS).copied().collect();
    *random.of(&hosts)
}

/// Two hosts that talk: a coordinator and somebody else.
fn pair(random: &mut Random) -> (&'static str, &'static str) {
    let coordinator = *random.of(&COORDINATORS);
    let others: Vec<_> = WORKERS.iter().chain(&[USER]).copied().collect();
    let other = *random.of(&others);
    match random.once_in(2) {
        true => (coordinator, other),
        false => (other, coordinator),
    }
}

fn fault(random: &mut Random) -> Fault {
    let (a, b) = pair(random);
    match random.below(8) {
        0 => Fault::Partition(a, b),
        1 => Fault::OneWay(a, b),
        2 => Fault::Hold(a, b),
        3 => Fault::Loss(a, b),
        4 => Fault::Slow(a, b, Duration::from_millis(random.below(SLOW_MS))),
        5 | 6 => Fault::Crash(host(random)),
        _ => Fault::Leave(host(random)),
    }
}

impl Faults {
    /// Some faults.
    pub fn new(random: &mut Random) -> Self {
        let count = 1 + random.below(MOST);
        let spells = (0..count).map(|_| {
            let begin = Duration::from_millis(random.below(LAST_MS));
            let end = begin + Duration::from_millis(1 + random.below(LONGEST_MS));
            let fault = fault(random);
            Spell { begin, end, fault }
        });
        Self {
            ahead: spells.collect(),
            present: Vec::new(),
        }
    }

    /// Begins and ends what is due.
    pub fn step(&mut self, sim: &mut Sim<'_>, leave: &Leave) {
        let now = sim.elapsed();
        for spell in self.present.extract_if(.., |spell| spell.end <= now) {
            tracing::info!(fault = ?spell.fault, "healed");
            spell.fault.end(sim, leave);
        }
        for spell in self.ahead.extract_if(.., |spell| spell.begin <= now) {
            tracing::info!(fault = ?spell.fault, "began");
            spell.fault.begin(sim, leave);
            self.present.push(spell);
        }
    }

    /// Whether all is well, and stays so.
    pub fn are_over(&self) -> bool {
        self.ahead.is_empty() && self.present.is_empty()
    }
}

impl Fault {
    fn begin(self, sim: &mut Sim<'_>, leave: &Leave) {
        match self {
            Self::Partition(a, b) => sim.partition(a, b),
            Self::OneWay(a, b) => sim.partition_oneway(a, b),
            Self::Hold(a, b) => sim.hold(a, b),
            Self::Loss(a, b) => sim.set_link_fail_rate(a, b, LOSS),
            Self::Slow(a, b, latency) => sim.set_link_latency(a, b, latency),
            Self::Crash(host) => sim.crash(host),
            Self::Leave(host) => leave.tell(host, true),
        }
    }

    fn end(self, sim: &mut Sim<'_>, leave: &Leave) {
        match self {
            Self::Partition(a, b) | Self::OneWay(a, b) | Self::Hold(a, b) => {
                sim.repair(a, b);
                sim.release(a, b);
            }
            Self::Loss(a, b) => sim.set_link_fail_rate(a, b, 0.0),
            Self::Slow(a, b, _) => sim.set_link_latency(a, b, Duration::from_millis(10)),
            Self::Crash(host) | Self::Leave(host) => {
                leave.tell(host, false);
                // It may have been started again already, or not have left yet.
                sim.bounce(host);
            }
        }
    }
}
