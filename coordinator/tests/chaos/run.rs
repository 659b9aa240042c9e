//! A run: a sweep that is submitted, disturbed by a schedule, and compared with what nothing disturbed.

use std::{collections::BTreeMap, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    fleet::{Fleet, Member},
    ledger::{Ledger, Look},
    processes::{json, number, text},
    proxy::Passage,
    schedule::{Step, schedule},
    workload::Sweep,
};

/// A run that takes longer hangs.
pub const LONGEST: Duration = Duration::from_secs(1800);

/// How often something happened.
pub type Tally = BTreeMap<&'static str, u64>;

/// What is done about a fault in the end.
#[derive(Debug, Clone, Copy)]
pub enum Remedy {
    Start(Member),
    Thaw(Member),
    Open { worker: usize, coordinator: usize },
}

/// How others take over from somebody who does not know it yet.
#[derive(Debug)]
pub enum Replacement {
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
    pub units: u64,
    pub fleet: Fleet,
    /// None while there is no database to ask.
    pub ledger: Option<Ledger>,
    pub timed: JoinSet<Remedy>,
    pub awaiting: Vec<(Replacement, Remedy)>,
    pub tally: Tally,
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
        let Some(look) = self.look().await else {
            return;
        };
        let come = self
            .awaiting
            .extract_if(.., |(replacement, _)| replacement.has_come(&look));
        for (_, remedy) in come.collect::<Vec<_>>() {
            self.remedy(remedy).await;
        }
    }

    /// What the database says, if there is one to ask.
    pub async fn look(&self) -> Option<Look> {
        match &self.ledger {
            Some(ledger) => Some(ledger.look().await),
            None => None,
        }
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

    /// Writes down what happened.
    pub fn tell(&mut self, look: &Look, what: String) {
        let Look { done, epoch, .. } = look;
        let (open, units) = (look.open(), self.units);
        self.story.push(format!(
            "{done} of {units} units done, {open} leased, epoch {epoch}: {what}"
        ));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (member, log) in self.fleet.ends() {
            eprintln!("{member:?} said at last:\n{log}");
        }
        let (seed, next, story) = (self.seed, self.seed + 1, self.story.join("\n  "));
        eprintln!("run {seed} (again: BISTABLE_CHAOS={seed}..{next}):\n  {story}");
    }
}
