//! What goes wrong in a run, and when: a function of the run's seed.
//!
//! Every run has each kind of fault once, in an order, at moments and for times of its own. A moment is a number of units
//! that are done. Processes are named by what they are at that moment, so a schedule knows no process.

use std::time::Duration;

use crate::random::Random;

/// Something that goes wrong, and how long it stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; started again later.
    Kill(Role, Duration),
    /// SIGSTOP; SIGCONT later.
    Stop(Role, Until),
    /// The connections between a worker and the leader are closed, and new ones too.
    Cut(Duration),
    /// What is sent between a worker and the leader does not arrive, and nothing is closed.
    Hold(Direction, Until),
}

/// What a process is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Worker,
    Leader,
    Standby,
    Database,
}

/// How long something stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// For some time.
    Passed(Duration),
    /// Until others have taken over: its leases are not its own any more, or another one leads.
    Replaced,
}

/// A way along a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToCoordinator,
    ToWorker,
    Both,
}

/// A fault and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Units that are done by then.
    pub done: u64,
    pub fault: Fault,
    /// Which of the workers; the next one, if this one is not at work.
    pub worker: usize,
}

/// Kinds of faults, as reports name them.
pub const KINDS: [&str; 14] = [
    "worker killed",
    "leader killed",
    "standby killed",
    "database killed",
    "worker stopped for a while",
    "worker stopped until replaced",
    "leader stopped for a while",
    "leader stopped until replaced",
    "standby stopped for a while",
    "database stopped for a while",
    "database stopped for a term",
    "link cut",
    "link held for a while",
    "link held until replaced",
];

/// Longer than a leader may be silent.
const LONGER_THAN_A_TERM: Duration = Duration::from_millis(4500);

impl Fault {
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        let place = match *self {
            Self::Kill(Role::Worker, _) => 0,
            Self::Kill(Role::Leader, _) => 1,
            Self::Kill(Role::Standby, _) => 2,
            Self::Kill(Role::Database, _) => 3,
            Self::Stop(Role::Worker, Until::Passed(_)) => 4,
            Self::Stop(Role::Worker, Until::Replaced) => 5,
            Self::Stop(Role::Leader, Until::Passed(_)) => 6,
            Self::Stop(Role::Leader, Until::Replaced) => 7,
            Self::Stop(Role::Standby, _) => 8,
            Self::Stop(Role::Database, Until::Passed(time)) if time < LONGER_THAN_A_TERM => 9,
            Self::Stop(Role::Database, _) => 10,
            Self::Cut(_) => 11,
            Self::Hold(_, Until::Passed(_)) => 12,
            Self::Hold(_, Until::Replaced) => 13,
        };
        KINDS[place]
    }

    /// One of each kind.
    fn of_each_kind(random: &mut Random) -> Vec<Self> {
        let directions = [
            Direction::ToCoordinator,
            Direction::ToWorker,
            Direction::Both,
        ];
        let mut millis = |from: u64, to: u64| Duration::from_millis(from + random.below(to - from));
        let mut faults = vec![
            Self::Kill(Role::Worker, millis(0, 2_000)),
            Self::Kill(Role::Leader, millis(0, 8_000)),
            Self::Kill(Role::Standby, millis(0, 2_000)),
            Self::Kill(Role::Database, millis(0, 1_000)),
            Self::Stop(Role::Worker, Until::Passed(millis(100, 3_000))),
            Self::Stop(Role::Worker, Until::Replaced),
            Self::Stop(Role::Leader, Until::Passed(millis(100, 3_000))),
            Self::Stop(Role::Leader, Until::Replaced),
            Self::Stop(Role::Standby, Until::Passed(millis(100, 6_000))),
            Self::Stop(Role::Database, Until::Passed(millis(100, 2_000))),
            Self::Stop(Role::Database, Until::Passed(millis(4_500, 6_000))),
            Self::Cut(millis(0, 3_000)),
        ];
        let short = Until::Passed(millis(100, 3_000));
        faults.push(Self::Hold(*random.of(&directions), short));
        faults.push(Self::Hold(*random.of(&directions), Until::Replaced));
        faults
    }
}

/// The steps of the run with this seed, in the order of their moments, which are between the first of `units` and three
/// quarters of them.
pub fn schedule(seed: u64, units: u64) -> Vec<Step> {
    let mut random = Random::new(seed);
    let mut faults = Fault::of_each_kind(&mut random);
    for last in (1..faults.len()).rev() {
        faults.swap(last, random.below(last as u64 + 1) as usize);
    }
    let mut moments: Vec<u64> = faults
        .iter()
        .map(|_| 1 + random.below(units * 3 / 4))
        .collect();
    moments.sort_unstable();
    let steps = moments.into_iter().zip(faults);
    steps
        .map(|(done, fault)| Step {
            done,
            fault,
            worker: random.below(64) as usize,
        })
        .collect()
}

#[test]
fn a_schedule_is_a_function_of_its_seed_and_has_each_kind_once() {
    for seed in 0..100 {
        let steps = schedule(seed, 80);
        assert_eq!(steps, schedule(seed, 80));
        assert_ne!(steps, schedule(seed + 1, 80));
        let mut kinds: Vec<_> = steps.iter().map(|step| step.fault.kind()).collect();
        kinds.sort_unstable();
        let mut all = KINDS;
        all.sort_unstable();
        assert_eq!(kinds, all);
        assert!(steps.is_sorted_by_key(|step| step.done));
        assert!(steps.iter().all(|step| (1..=60).contains(&step.done)));
    }
}
