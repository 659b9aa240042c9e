//! Faults, each at somebody who is in the middle of something.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    fleet::{COORDINATORS, Member, WORKERS},
    ledger::{Held, Look},
    proxy::Passage,
    run::{Remedy, Replacement, Run},
    schedule::{Fault, Role, Step, Until},
};

/// Whom a fault befell, and what the database said at that moment.
type Caught = (Member, Look);

impl Run {
    /// Does what `step` says if its moment has come and somebody suitable is in the middle of something. Whether it is over.
    pub async fn strike(&mut self, step: Step) -> bool {
        let Some(look) = self.look().await else {
            return false;
        };
        if look.done >= self.units {
            self.tell(&look, format!("too late for {:?}", step.fault));
            return true;
        }
        if look.done < step.done {
            return false;
        }
        let caught = match step.fault {
            Fault::Kill(role, absence) => self.kill(role, absence, step.worker).await,
            Fault::Stop(role, until) => self.stop(role, until, step.worker).await,
            Fault::Cut(time) => self.disturb(Passage::Cut, Until::Passed(time), step.worker, look),
            Fault::Hold(way, until) => self.disturb(Passage::Held(way), until, step.worker, look),
        };
        let Some((member, look)) = caught else {
            return false;
        };
        *self.tally.entry(step.fault.kind()).or_default() += 1;
        self.tell(&look, format!("{:?} of {member:?}", step.fault));
        true
    }

    async fn kill(&mut self, role: Role, absence: Duration, worker: usize) -> Option<Caught> {
        let (member, look) = self.catch(role, worker).await?;
        self.fleet.kill(member);
        self.later(absence, Remedy::Start(member));
        Some((member, look))
    }

    async fn stop(&mut self, role: Role, until: Until, worker: usize) -> Option<Caught> {
        let (member, look) = self.catch(role, worker).await?;
        self.mend(until, &look, member, Remedy::Thaw(member));
        Some((member, look))
    }

    fn disturb(
        &mut self,
        passage: Passage,
        until: Until,
        worker: usize,
        look: Look,
    ) -> Option<Caught> {
        let coordinator = self.leader(&look)?;
        let suits = |worker: &usize| {
            let member = Member::Worker(*worker);
            let open = self.fleet.link(*worker, coordinator).is_open();
            open && self.fleet.is_up(member) && self.is_busy(&look, member)
        };
        let worker = workers_from(worker).find(suits)?;
        self.fleet.link(worker, coordinator).set(passage);
        let member = Member::Worker(worker);
        let remedy = Remedy::Open {
            worker,
            coordinator,
        };
        self.mend(until, &look, member, remedy);
        Some((member, look))
    }

    /// Stops somebody of this role who is in the middle of something. What is open when it has stopped it cannot finish any
    /// more; the database says it after that, unless it is the database that has stopped.
    async fn catch(&mut self, role: Role, worker: usize) -> Option<Caught> {
        let look = self.look().await?;
        for member in self.candidates(role, worker, &look) {
            if !self.fleet.is_up(member) || !self.is_busy(&look, member) {
                continue;
            }
            self.fleet.freeze(member);
            if member == Member::Database {
                self.ledger = None;
                return Some((member, look));
            }
            let look = self.look().await?;
            if self.is_busy(&look, member) {
                return Some((member, look));
            }
            self.fleet.thaw(member);
        }
        None
    }

    fn candidates(&self, role: Role, worker: usize, look: &Look) -> Vec<Member> {
        let leader = self.leader(look);
        let standby = leader.map(|leader| (leader + 1) % COORDINATORS);
        let coordinator = |index: Option<usize>| index.map(Member::Coordinator);
        match role {
            Role::Leader => coordinator(leader).into_iter().collect(),
            Role::Standby => coordinator(standby).into_iter().collect(),
            Role::Worker => workers_from(worker).map(Member::Worker).collect(),
            Role::Database => vec![Member::Database],
        }
    }

    /// The coordinator that leads, unless it is dead or stopped.
    fn leader(&self, look: &Look) -> Option<usize> {
        let url = look.leader.as_ref()?;
        let mut coordinators = 0..COORDINATORS;
        let leader = coordinators.find(|index| self.fleet.url(*index) == *url)?;
        let leads = self.fleet.is_up(Member::Coordinator(leader));
        leads.then_some(leader)
    }

    /// A worker is busy with what it has leased and not done, everybody else with what all of them have.
    fn is_busy(&self, look: &Look, member: Member) -> bool {
        let open = |held: &Held| held.open > 0;
        match member {
            Member::Worker(worker) => self.held(look, worker).any(open),
            Member::Coordinator(_) | Member::Database => look.held.iter().any(open),
        }
    }

    fn held<'a>(&'a self, look: &'a Look, worker: usize) -> impl Iterator<Item = &'a Held> {
        let own = move |held: &&Held| self.fleet.worker_named(&held.worker) == Some(worker);
        look.held.iter().filter(own)
    }

    fn mend(&mut self, until: Until, look: &Look, member: Member, remedy: Remedy) {
        let replacement = match (until, member) {
            (Until::Passed(time), _) => return self.later(time, remedy),
            (Until::Replaced, Member::Worker(worker)) => {
                let held = self.held(look, worker);
                Replacement::Leases(held.map(|held| held.token.clone()).collect())
            }
            (Until::Replaced, _) => Replacement::Term(look.epoch),
        };
        self.awaiting.push((replacement, remedy));
    }

    fn later(&mut self, time: Duration, remedy: Remedy) {
        self.timed.spawn(async move {
            sleep(time).await;
            remedy
        });
    }
}

fn workers_from(first: usize) -> impl Iterator<Item = usize> {
    (0..WORKERS).map(move |offset| (first + offset) % WORKERS)
}
