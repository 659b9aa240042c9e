//! A run: a sweep that is submitted, disturbed by a schedule, and compared with what nothing disturbed.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    fleet::{COORDINATORS, Fleet, Member, WORKERS},
    ledger::{Ledger, Look},
    processes::{Watch, bistable, json, number, text},
    proxy::Passage,
    schedule::{Fault, Role, Step, Until, schedule},
    sweeps::Sweep,
};

/// A run that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(300);

/// In a tally: reports of units that were done.
pub const REPEATED: &str = "unit reported again";

/// How often something happened.
pub type Tally = BTreeMap<&'static str, u64>;

/// What is done about a fault in the end.
#[derive(Debug, Clone, Copy)]
enum Remedy {
    Start(Member),
    Thaw(Member),
    Open { worker: usize, coordinator: usize },
}

/// How others take over from somebody who does not know it yet.
#[derive(Debug)]
enum Replacement {
    /// None of these leases is left.
    Leases(Vec<Vec<u8>>),
    /// The term after this one has begun.
    Term(i64),
    /// There is a database again.
    Database,
}

impl Replacement {
    fn has_come(&self, look: &Look) -> bool {
        match self {
            Self::Leases(tokens) => look.held.iter().all(|held| !tokens.contains(&held.token)),
            Self::Term(epoch) => look.epoch > *epoch,
            Self::Database => true,
        }
    }
}

/// A run under way.
pub struct Run {
    seed: u64,
    units: u64,
    fleet: Fleet,
    /// None while there is no database to ask.
    ledger: Option<Ledger>,
    timed: JoinSet<Remedy>,
    awaiting: Vec<(Replacement, Remedy)>,
    tally: Tally,
    story: Vec<String>,
}

impl Run {
    /// Has `sweeps` measured under the schedule of this seed; what happened.
    pub async fn whole(seed: u64, sweeps: &[Sweep]) -> Tally {
        let mut run = Self::begin(seed, sweeps).await;
        let steps = schedule(seed, run.units);
        let ended = timeout(LONGEST, run.suffer(steps)).await;
        assert!(ended.is_ok(), "it hangs");
        for sweep in sweeps {
            run.compare(sweep);
        }
        run.audit().await;
        std::mem::take(&mut run.tally)
    }

    async fn begin(seed: u64, sweeps: &[Sweep]) -> Self {
        let fleet = Fleet::start().await;
        let ledger = Ledger::open(fleet.store()).await;
        ledger.watch().await;
        for sweep in sweeps {
            let file = sweep.file.to_str().expect("a path");
            let options = sweep.options.iter().map(String::as_str);
            let submit: Vec<_> = ["submit", file].into_iter().chain(options).collect();
            text(&fleet.ask(&submit));
        }
        let listed = json(&fleet.ask(&["list", "--json"]));
        let listed = listed.as_array().expect("a list").iter();
        Self {
            seed,
            units: listed.map(|sweep| number(sweep, "units_total")).sum(),
            fleet,
            ledger: Some(ledger),
            timed: JoinSet::new(),
            awaiting: Vec::new(),
            tally: Tally::new(),
            story: Vec::new(),
        }
    }

    /// Takes every step at its moment, and makes everything well again.
    async fn suffer(&mut self, steps: Vec<Step>) {
        for step in steps {
            while !self.strike(step).await {
                self.something_happens().await;
            }
        }
        while !(self.timed.is_empty() && self.awaiting.is_empty()) {
            self.something_happens().await;
        }
    }

    /// Waits for news and remedies whose time has come.
    async fn something_happens(&mut self) {
        let news = async {
            match &self.ledger {
                Some(ledger) => ledger.news().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(remedy) = self.timed.join_next() => self.remedy(remedy.expect("a timer")).await,
            () = news => {}
        }
        self.fleet.check();
        let Some(ledger) = &self.ledger else { return };
        let look = ledger.look().await;
        let come = self
            .awaiting
            .extract_if(.., |(replacement, _)| replacement.has_come(&look));
        for (_, remedy) in come.collect::<Vec<_>>() {
            self.remedy(remedy).await;
        }
    }

    /// Does what `step` says if its moment has come and its victim is in the middle of something. Whether it is over.
    async fn strike(&mut self, step: Step) -> bool {
        let Some(ledger) = &self.ledger else {
            return false;
        };
        let look = ledger.look().await;
        if look.done >= self.units {
            self.tell(&look, format!("too late for {:?}", step.fault));
            return true;
        }
        if look.done < step.done || look.open() == 0 {
            return false;
        }
        match step.fault {
            Fault::Kill(role, absence) => self.kill(role, absence, step).await,
            Fault::Stop(role, until) => self.stop(role, until, step).await,
            Fault::Cut(time) => self.disturb(Passage::Cut, Until::Passed(time), step).await,
            Fault::Hold(way, until) => self.disturb(Passage::Held(way), until, step).await,
        }
    }

    async fn kill(&mut self, role: Role, absence: Duration, step: Step) -> bool {
        let Some((member, look)) = self.catch(role, step.worker).await else {
            return false;
        };
        if member == Member::Database {
            self.ledger = None;
        }
        self.fleet.kill(member);
        self.later(absence, Remedy::Start(member));
        self.struck(step, &look, member);
        true
    }

    async fn stop(&mut self, role: Role, until: Until, step: Step) -> bool {
        let Some((member, look)) = self.catch(role, step.worker).await else {
            return false;
        };
        let remedy = Remedy::Thaw(member);
        match (until, member) {
            (Until::Passed(time), _) => self.later(time, remedy),
            (Until::Replaced, Member::Worker(worker)) => {
                let tokens = self.tokens(&look, worker);
                self.awaiting.push((Replacement::Leases(tokens), remedy));
            }
            (Until::Replaced, _) => {
                self.awaiting.push((Replacement::Term(look.epoch), remedy));
            }
        }
        self.struck(step, &look, member);
        true
    }

    async fn disturb(&mut self, passage: Passage, until: Until, step: Step) -> bool {
        let Some(ledger) = &self.ledger else {
            return false;
        };
        let look = ledger.look().await;
        let Some(coordinator) = self.leader(&look) else {
            return false;
        };
        let can = |worker: &usize| {
            self.fleet.is_up(Member::Worker(*worker))
                && self.open(&look, *worker) > 0
                && self.fleet.link(*worker, coordinator).is_open()
        };
        let mut workers = (0..WORKERS).map(|offset| (step.worker + offset) % WORKERS);
        let Some(worker) = workers.find(can) else {
            return false;
        };
        self.fleet.link(worker, coordinator).set(passage);
        let remedy = Remedy::Open {
            worker,
            coordinator,
        };
        match until {
            Until::Passed(time) => self.later(time, remedy),
            Until::Replaced => {
                let tokens = self.tokens(&look, worker);
                self.awaiting.push((Replacement::Leases(tokens), remedy));
            }
        }
        self.struck(step, &look, Member::Worker(worker));
        true
    }

    /// Stops somebody of this role who is in the middle of something, and says what the database said after that.
    async fn catch(&mut self, role: Role, first_worker: usize) -> Option<(Member, Look)> {
        let look = self.ledger.as_ref()?.look().await;
        let candidates: Vec<Member> = match role {
            Role::Leader => self
                .leader(&look)
                .map(Member::Coordinator)
                .into_iter()
                .collect(),
            Role::Standby => {
                let leader = self.leader(&look)?;
                vec![Member::Coordinator((leader + 1) % COORDINATORS)]
            }
            Role::Worker => (0..WORKERS)
                .map(|offset| Member::Worker((first_worker + offset) % WORKERS))
                .collect(),
            Role::Database => vec![Member::Database],
        };
        for member in candidates {
            if !self.fleet.is_up(member) || !self.is_busy(&look, member) {
                continue;
            }
            if member == Member::Database {
                self.ledger = None;
                self.fleet.freeze(member);
                return Some((member, look));
            }
            // What it had said is written by now, so that what is open stays open.
            self.fleet.freeze(member);
            let look = self.ledger.as_ref()?.look().await;
            if self.is_busy(&look, member) {
                return Some((member, look));
            }
            self.fleet.thaw(member);
        }
        None
    }

    /// A worker is busy with what it has leased, everybody else with what is leased at all.
    fn is_busy(&self, look: &Look, member: Member) -> bool {
        match member {
            Member::Worker(worker) => self.open(look, worker) > 0,
            Member::Coordinator(_) | Member::Database => look.open() > 0,
        }
    }

    /// Units that a worker has leased and not done.
    fn open(&self, look: &Look, worker: usize) -> i64 {
        let own = |name: &str| self.fleet.worker_named(name) == Some(worker);
        let held = look.held.iter().filter(|held| own(&held.worker));
        held.map(|held| held.open).sum()
    }

    fn tokens(&self, look: &Look, worker: usize) -> Vec<Vec<u8>> {
        let own = |name: &str| self.fleet.worker_named(name) == Some(worker);
        let held = look.held.iter().filter(|held| own(&held.worker));
        held.map(|held| held.token.clone()).collect()
    }

    /// The coordinator that leads, if it can.
    fn leader(&self, look: &Look) -> Option<usize> {
        let url = look.leader.as_ref()?;
        let leader = (0..COORDINATORS).find(|index| self.fleet.url(*index) == *url)?;
        self.fleet
            .is_up(Member::Coordinator(leader))
            .then_some(leader)
    }

    fn later(&mut self, time: Duration, remedy: Remedy) {
        self.timed.spawn(async move {
            sleep(time).await;
            remedy
        });
    }

    async fn remedy(&mut self, remedy: Remedy) {
        self.story.push(format!("{remedy:?}"));
        match remedy {
            // It would not start without a database.
            Remedy::Start(Member::Coordinator(_)) if self.ledger.is_none() => {
                self.awaiting.push((Replacement::Database, remedy));
            }
            Remedy::Start(member) => self.fleet.start_member(member),
            Remedy::Thaw(member) => self.fleet.thaw(member),
            Remedy::Open {
                worker,
                coordinator,
            } => {
                self.fleet.link(worker, coordinator).set(Passage::Open);
            }
        }
        if self.ledger.is_none() && self.fleet.is_up(Member::Database) {
            self.ledger = Some(Ledger::open(self.fleet.store()).await);
        }
    }

    fn struck(&mut self, step: Step, look: &Look, member: Member) {
        *self.tally.entry(step.fault.kind()).or_default() += 1;
        self.tell(look, format!("{:?} of {member:?}", step.fault));
    }

    fn tell(&mut self, look: &Look, what: String) {
        let Look { done, epoch, .. } = look;
        let (open, units) = (look.open(), self.units);
        self.story.push(format!(
            "{done} of {units} units done, {open} leased, epoch {epoch}: {what}"
        ));
    }

    /// Sees a sweep to its end, as a user does.
    fn compare(&mut self, sweep: &Sweep) {
        let watch = Watch::start(sweep.id(), &self.fleet.urls());
        let (last, code) = watch.last_within(LONGEST);
        assert_eq!(
            (&last["state"], code),
            (&"complete".into(), Some(0)),
            "{last}"
        );
        assert_eq!(last["units_done"], last["units_total"], "{last}");
        for coordinator in 0..COORDINATORS {
            let url = self.fleet.url(coordinator);
            let results = ["results", sweep.id(), "--json", "--coordinator", &url];
            let results = json(&bistable(results));
            assert_eq!(results["digest"], sweep.expected["digest"]);
            assert_eq!(results, sweep.expected);
        }
    }

    /// Looks into the books when everybody has left.
    async fn audit(&mut self) {
        self.fleet.leave();
        let ledger = self.ledger.as_ref().expect("a database");
        assert_eq!(ledger.count("results").await, self.units);
        for nothing in ["conflicts", "leases", "failures"] {
            assert_eq!(ledger.count(nothing).await, 0, "{nothing}");
        }
        let unit = "sweep, cell, replicate, block";
        for distinct in [unit, &format!("{unit}, content")] {
            let reported = format!("(SELECT DISTINCT {distinct} FROM reports) _");
            assert_eq!(ledger.count(&reported).await, self.units, "{distinct}");
        }
        let repeated = ledger.count("reports").await - self.units;
        self.tally.insert(REPEATED, repeated);
        for (member, log) in &self.fleet.logs {
            assert!(!log.contains("panicked"), "{member:?}: {log}");
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, story, .. } = self;
            eprintln!(
                "run {seed} (again: BISTABLE_CHAOS={seed}..{}):\n  {}",
                *seed + 1,
                story.join("\n  ")
            );
        }
    }
}
