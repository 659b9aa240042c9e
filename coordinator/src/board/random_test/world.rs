//! A board, its store, and workers that misbehave.

use std::{collections::VecDeque, time::Duration};

use bistable_common::ids::{LeaseToken, SweepId, UnitId, UnitKey, WorkerId};

use super::store::Store;
use crate::{
    board::{
        Arrival, Board, Effect, Event, Lease, Mode, Priority, SessionId, SweepState, Terms,
        Timestamp, fixture,
    },
    random::Random,
};

const SWEEPS: u64 = 2;
const WORKERS: u64 = 4;
const HOSTS: u64 = 2;
const TERMS: Terms = Terms {
    beat_interval: Duration::from_secs(1),
    lease_timeout: Duration::from_secs(8),
    grace: Duration::from_secs(10),
};

/// A worker as it sees itself.
struct Worker {
    name: WorkerId,
    host: String,
    session: Option<SessionId>,
    held: Vec<Lease>,
    /// Nothing it is told reaches it.
    cut_off: bool,
}

impl Worker {
    fn new(number: u64) -> Self {
        Self {
            name: WorkerId(format!("w{number}")),
            host: format!("h{}", number % HOSTS),
            session: None,
            held: Vec::new(),
            cut_off: false,
        }
    }
}

/// Everything.
pub struct World {
    random: Random,
    board: Board,
    lives: u8,
    now: Timestamp,
    sessions: u64,
    workers: Vec<Worker>,
    store: Store,
    /// What the store decided and the board has not heard yet, in order.
    news: VecDeque<Event>,
    /// Every lease that was ever sent.
    seen: Vec<(SessionId, Lease)>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            board: Board::new([0; 32], TERMS),
            lives: 0,
            now: Timestamp(0),
            sessions: 0,
            workers: (0..WORKERS).map(Worker::new).collect(),
            store: Store::default(),
            news: VecDeque::new(),
            seen: Vec::new(),
        }
    }

    /// One random thing happens.
    pub fn step(&mut self) {
        match self.random.below(40) {
            0..=2 => self.submit(),
            3 => self.steer(),
            4..=7 => self.join(),
            8 => self.lose(),
            9..=14 => self.ask(),
            15..=17 => self.beat(),
            18..=23 => self.report(),
            24..=27 => self.hear_news(),
            28..=29 => self.fail(),
            30 => self.give_back(),
            31..=32 => self.finish_lease(),
            33 => self.cut_off(),
            34 => self.retry(),
            35 => self.restart(),
            36 => self.talk_nonsense(),
            _ => self.wait(),
        }
    }

    fn feed(&mut self, event: Event) {
        for effect in self.board.handle(self.now, event) {
            self.perform(effect);
        }
        assert!(self.board.leases.keys().eq(self.store.leases.keys()));
        self.board.check_invariants(self.now);
        let due = self.board.next_deadline();
        assert!(due.is_none_or(|due| due > self.now), "a deadline is missed");
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SaveLease(lease) => {
                assert!(self.store.leases.insert(lease.token, lease).is_none());
            }
            Effect::SendLease(session, lease) => self.deliver(session, lease),
            Effect::DropLease(token) => assert!(self.store.leases.remove(&token).is_some()),
            Effect::ExtendLease(token, deadline) => self.store.extend(token, deadline),
            Effect::RecordFailure(failure) => self.store.record_failure(failure),
            Effect::SaveCost(sweep, cell, us) => self.store.save_cost(sweep, cell, us),
            Effect::Revoke(session, token) => {
                if let Some(worker) = self.reachable(session) {
                    worker.held.retain(|lease| lease.token != token);
                }
            }
            Effect::Refuse(token) => self.forget(token),
            Effect::Disconnect(session) => {
                if let Some(worker) = self.reachable(session) {
                    worker.session = None;
                }
            }
            Effect::Progressed(_) => {}
        }
    }

    fn deliver(&mut self, session: SessionId, lease: Lease) {
        assert!(
            self.store.leases.contains_key(&lease.token),
            "sent, not saved"
        );
        self.seen.push((session, lease.clone()));
        if let Some(worker) = self.reachable(session) {
            worker.held.push(lease);
        }
    }

    fn reachable(&mut self, session: SessionId) -> Option<&mut Worker> {
        let mut workers = self.workers.iter_mut();
        workers.find(|worker| worker.session == Some(session) && !worker.cut_off)
    }

    fn forget(&mut self, token: LeaseToken) {
        for worker in &mut self.workers {
            worker.held.retain(|lease| lease.token != token);
        }
    }

    fn some_sweep(&mut self) -> SweepId {
        SweepId([self.random.below(SWEEPS) as u8; 8])
    }

    fn some_worker(&mut self) -> usize {
        self.random.below(self.workers.len() as u64) as usize
    }

    /// A lease that a worker holds.
    fn some_held(&mut self) -> Option<(usize, Lease)> {
        let index = self.some_worker();
        let held = &self.workers[index].held;
        let lease = (!held.is_empty()).then(|| self.random.of(held).clone())?;
        Some((index, lease))
    }

    fn some_unit(&mut self, lease: &Lease) -> UnitId {
        let units: Vec<UnitKey> = lease.units.units().collect();
        UnitId {
            sweep: lease.sweep,
            key: *self.random.of(&units),
        }
    }

    fn submit(&mut self) {
        let id = self.some_sweep();
        if !self.store.ids().contains(&id) {
            self.store.submit(id);
            let known = self.store.load(id);
            self.feed(Event::SweepAdded(known));
        }
    }

    fn steer(&mut self) {
        let id = self.some_sweep();
        match self.random.below(8) {
            0 => {
                self.store.delete(id);
                // News of a sweep that is gone means nothing to the one that is submitted after it.
                self.news.retain(|event| !is_about(event, id));
                self.feed(Event::SweepRemoved(id));
            }
            1 => {
                let priority = Priority(self.random.below(3) as i32 - 1);
                self.store.set_priority(id, priority);
                self.feed(Event::PrioritySet(id, priority));
            }
            _ => {
                let modes = [Mode::Running, Mode::Paused, Mode::Cancelled];
                let mode = *self.random.of(&modes);
                self.store.set_mode(id, mode);
                self.feed(Event::ModeSet(id, mode));
            }
        }
    }

    /// A worker connects, perhaps once more; it may have forgotten a lease, or remember one that is over.
    fn join(&mut self) {
        let index = self.some_worker();
        if self.random.once_in(8) {
            self.workers[index].held.pop();
        }
        let slots = 1 + self.random.below(3) as u32;
        let limited = self.random.once_in(4);
        let remaining = limited.then(|| Duration::from_millis(self.random.below(2_000)));
        self.arrive(index, slots, remaining);
    }

    fn arrive(&mut self, index: usize, slots: u32, remaining: Option<Duration>) {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        let worker = &mut self.workers[index];
        worker.session = Some(session);
        worker.cut_off = false;
        let arrival = Arrival {
            worker: worker.name.clone(),
            host: worker.host.clone(),
            slots,
            held: worker.held.iter().map(|lease| lease.token).collect(),
            remaining,
            proof: Some([7; 16]),
        };
        self.feed(Event::WorkerJoined(session, arrival));
    }

    /// A session ends, now or long ago.
    fn lose(&mut self) {
        let session = SessionId(self.random.below(self.sessions + 1));
        for worker in &mut self.workers {
            if worker.session == Some(session) {
                worker.session = None;
            }
        }
        self.feed(Event::WorkerLost(session));
    }

    fn ask(&mut self) {
        let index = self.some_worker();
        if let Some(session) = self.workers[index].session {
            let leases = self.random.below(4) as u32;
            self.feed(Event::Credit(session, leases));
        }
    }

    fn beat(&mut self) {
        let index = self.some_worker();
        let worker = &self.workers[index];
        if worker.cut_off {
            return;
        }
        let name = worker.name.clone();
        let tokens = worker.held.iter().map(|lease| lease.token).collect();
        self.feed(Event::Beat(name, tokens));
    }

    /// A worker reports, cut off or not: results come through calls of their own. Rarely with other bits.
    fn report(&mut self) {
        let lease = match self.random.once_in(4) {
            true => self.some_lease_ever().map(|(_, lease)| lease),
            false => self.some_held().map(|(_, lease)| lease),
        };
        let Some(lease) = lease else { return };
        let unit = self.some_unit(&lease);
        let bits = u64::from(self.random.once_in(16));
        let news = self.store.record(unit, bits, lease.worker);
        self.news.extend(news);
    }

    fn some_lease_ever(&mut self) -> Option<(SessionId, Lease)> {
        (!self.seen.is_empty()).then(|| self.random.of(&self.seen).clone())
    }

    fn hear_news(&mut self) {
        for _ in 0..=self.random.below(3) {
            if let Some(event) = self.news.pop_front() {
                self.feed(event);
            }
        }
    }

    fn fail(&mut self) {
        let Some((index, lease)) = self.some_held() else {
            return;
        };
        let unit = self.some_unit(&lease);
        if let Some(session) = self.workers[index].session {
            self.feed(Event::UnitFailed {
                session,
                token: lease.token,
                unit,
                complaint: fixture::complaint("failed"),
            });
        }
    }

    fn give_back(&mut self) {
        if let Some((index, lease)) = self.some_held()
            && let Some(session) = self.workers[index].session
        {
            self.forget(lease.token);
            self.feed(Event::HandBack(session, lease.token));
        }
    }

    fn finish_lease(&mut self) {
        if let Some((index, lease)) = self.some_held()
            && let Some(session) = self.workers[index].session
        {
            self.forget(lease.token);
            self.feed(Event::Finished(session, lease.token));
        }
    }

    fn cut_off(&mut self) {
        let index = self.some_worker();
        self.workers[index].cut_off ^= true;
    }

    fn retry(&mut self) {
        let id = self.some_sweep();
        let every = 1 + self.random.below(2) as usize;
        let news = self.store.retry(id, every);
        self.news.extend(news);
    }

    /// The coordinator dies and is started again: what it had not written is gone, workers and store live on.
    fn restart(&mut self) {
        self.lives += 1;
        self.board = Board::new([self.lives; 32], TERMS);
        self.news.clear();
        for worker in &mut self.workers {
            worker.session = None;
        }
        for id in self.store.ids() {
            let known = self.store.load(id);
            for effect in self.board.handle(self.now, Event::SweepAdded(known)) {
                self.perform(effect);
            }
        }
        self.feed(Event::Tick);
    }

    /// Messages that no honest worker sends, and those that come far too late.
    fn talk_nonsense(&mut self) {
        let Some((_, lease)) = self.some_lease_ever() else {
            return;
        };
        let session = SessionId(self.random.below(self.sessions + 1));
        let mut unit = self.some_unit(&lease);
        unit.key.block.0 += self.random.below(4) as u32;
        let token = lease.token;
        let event = match self.random.below(5) {
            0 => Event::Finished(session, token),
            1 => Event::HandBack(session, token),
            2 => Event::Beat(WorkerId(format!("w{}", self.random.below(9))), vec![token]),
            3 => Event::Credit(session, u32::MAX),
            _ => Event::UnitFailed {
                session,
                token,
                unit,
                complaint: fixture::complaint("nonsense"),
            },
        };
        self.feed(event);
    }

    /// Time passes, mostly to the next deadline, sometimes so long that nobody can have been listening.
    fn wait(&mut self) {
        match (self.board.next_deadline(), self.random.below(4)) {
            (Some(due), 0..=1) => self.now = due,
            (_, 2) => self.now = self.now + Duration::from_millis(self.random.below(400)),
            _ => self.now = self.now + Duration::from_millis(self.random.below(20_000)),
        }
        self.feed(Event::Tick);
    }

    /// All trouble ends, and one honest worker runs everything.
    pub fn finish(&mut self) {
        for session in 0..=self.sessions {
            self.feed(Event::WorkerLost(SessionId(session)));
        }
        self.workers.clear();
        while let Some(event) = self.news.pop_front() {
            self.feed(event);
        }
        for id in self.store.ids() {
            self.store.set_mode(id, Mode::Running);
            self.feed(Event::ModeSet(id, Mode::Running));
        }
        self.run_honestly();
        // What is left waits for workers that will not come back.
        while let Some(due) = self.board.next_deadline() {
            self.now = due;
            self.feed(Event::Tick);
        }
        assert!(self.store.leases.is_empty());
        for id in self.store.ids() {
            let progress = self.board.progress(id).expect("a sweep");
            assert_eq!(progress.state, SweepState::Complete, "{progress:?}");
            assert_eq!(progress.done, self.store.done(id));
        }
    }

    fn run_honestly(&mut self) {
        self.workers.push(Worker::new(99));
        self.arrive(0, 1, None);
        while !self.is_complete() {
            for id in self.store.ids() {
                let news = self.store.retry(id, 1);
                news.into_iter().for_each(|event| self.feed(event));
            }
            if let Some(session) = self.workers[0].session {
                self.feed(Event::Credit(session, 1));
            }
            if self.workers[0].held.is_empty() {
                // Leases of an earlier life wait for their workers first.
                self.now = self.board.next_deadline().expect("something to wait for");
                self.feed(Event::Tick);
            }
            while let Some(lease) = self.workers[0].held.pop() {
                self.run_lease(&lease);
            }
        }
    }

    fn run_lease(&mut self, lease: &Lease) {
        for key in lease.units.units() {
            let sweep = lease.sweep;
            let unit = UnitId { sweep, key };
            let news = self.store.record(unit, 0, lease.worker.clone());
            news.into_iter().for_each(|event| self.feed(event));
        }
        if let Some(session) = self.workers[0].session {
            self.feed(Event::Finished(session, lease.token));
        }
    }

    fn is_complete(&self) -> bool {
        let complete = |id| {
            let progress = self.board.progress(id);
            progress.is_some_and(|progress| progress.state == SweepState::Complete)
        };
        self.store.ids().into_iter().all(complete)
    }
}

fn is_about(event: &Event, id: SweepId) -> bool {
    match event {
        Event::UnitDone { unit, .. } | Event::UnitConflicting(unit) => unit.sweep == id,
        Event::UnitsRetried(sweep, _) => *sweep == id,
        _ => false,
    }
}
