//! Who holds what: the worker's leases, from the message that brings one to the acknowledgement of its last result.
//!
//! The desk outlives sessions. A lost session costs it nothing but the credit it had granted: threads compute on, the
//! reporter keeps their results, and the heartbeat of the next session presents the leases that are still held. It never
//! waits: whatever it sends fits or is dropped, so that the threads always find it listening.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bistable_common::{
    ids::{Hash, LeaseToken, SweepId},
    sweep::Sweep,
    wire::v1::{self, FailureKind, session_request::Message, session_response},
};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use super::{
    Client, LinkError,
    compute::{HOPELESS, Job, Trouble, failure},
    data::Data,
    event::{Connection, End, Event, Goodbye},
    lease::Lease,
    slots::{Slots, WAITING_A_THREAD},
    tally::Tally,
};
use crate::{data::Dataset, unit::Mode};

/// Leases that last less than this are asked for ahead of time, so that no thread waits for the next one to arrive;
const SHORT_LEASE: Duration = Duration::from_secs(1);
/// so many that they last this long.
const STOCK: Duration = Duration::from_millis(250);
/// Messages that wait for a session. Beyond that they are dropped: the coordinator finds out when leases expire.
const OUTBOX: usize = 1024;

/// A lease in hand.
struct Held {
    lease: Lease,
    sweep: Arc<Sweep>,
    stop: Arc<AtomicBool>,
    stage: Stage,
    /// The coordinator does not want to hear of it any more.
    revoked: bool,
}

enum Stage {
    /// Its data set is on the way.
    Waiting(AbortHandle),
    /// A thread has it, or will have it next.
    Computing,
    /// Its last results are on their way.
    Reporting,
}

/// Whether the worker goes on.
pub(super) enum Verdict {
    /// It does.
    Stay,
    /// Nothing is left to do for a worker that wants to leave.
    Done,
    /// It cannot.
    Failed(LinkError),
}

/// What a desk is made of.
pub(super) struct Parts {
    pub threads: usize,
    pub mode: Mode,
    pub slots: Slots,
    pub data: Arc<Data>,
    pub events: mpsc::Sender<Event>,
    pub tokens: watch::Sender<Vec<LeaseToken>>,
    pub clients: watch::Sender<Option<Client>>,
    pub tally: Tally,
}

/// The worker's state.
pub(super) struct Desk {
    parts: Parts,
    held: BTreeMap<LeaseToken, Held>,
    /// Of this session.
    sweeps: HashMap<SweepId, Result<Arc<Sweep>, String>>,
    connection: Option<Connection>,
    outbox: VecDeque<Message>,
    /// Credit of this session that no lease has used yet.
    granted: usize,
    /// Leases that are wanted beyond the ones that threads compute.
    ahead: usize,
    leaving: bool,
    /// Set when the units in hand are the last: for the threads.
    last: Arc<AtomicBool>,
}

impl Desk {
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            held: BTreeMap::new(),
            sweeps: HashMap::new(),
            connection: None,
            outbox: VecDeque::new(),
            granted: 0,
            ahead: 0,
            leaving: false,
            last: Arc::default(),
        }
    }

    /// Takes notice of `event`.
    pub fn handle(&mut self, event: Event) -> Verdict {
        match event {
            Event::Up(connection) => self.on_up(connection),
            Event::Said(message) => self.on_message(message),
            Event::Down => self.on_down(),
            Event::Refused(error) => return Verdict::Failed(error),
            Event::Revoked(tokens) => tokens.iter().for_each(|token| self.on_revoked(*token)),
            Event::Data(token, result) => self.on_data(token, result),
            Event::Failed(failure) => self.fail(failure),
            Event::Computed(token, busy) => self.on_computed(token, busy),
            Event::Settled(token, end) => self.on_settled(token, end),
            // If nobody waits for the answer any more, it was late.
            Event::Asked(reply) => drop(reply.send(())),
        }
        self.grant_credit();
        if self.leaving && self.held.is_empty() {
            return Verdict::Done;
        }
        Verdict::Stay
    }

    /// Takes no more leases, and ends those in hand after the units that are under way. True if nothing is in hand.
    pub fn drain(&mut self) -> bool {
        self.leaving = true;
        self.last.store(true, Ordering::Relaxed);
        let waiting = |held: &Held| matches!(held.stage, Stage::Waiting(_));
        self.stop_those(waiting)
    }

    /// Stops everything, to hand it back. True if nothing is in hand.
    pub fn stop_all(&mut self) -> bool {
        self.stop_those(|_| true)
    }

    fn stop_those(&mut self, which: impl Fn(&Held) -> bool) -> bool {
        let held = self.held.iter().filter(|(_, held)| which(held));
        let tokens: Vec<_> = held.map(|(token, _)| *token).collect();
        for token in tokens {
            self.stop(token);
        }
        self.held.is_empty()
    }

    /// Says nothing more, without breaking the session off: the coordinator shall hear everything before the worker goes.
    /// Whether there is a session that has yet to end.
    pub fn hang_up(mut self) -> bool {
        let connection = self.connection.take();
        connection.is_some_and(|connection| connection.alive.send(Goodbye).is_ok())
    }

    fn on_up(&mut self, connection: Connection) {
        self.parts
            .clients
            .send_replace(Some(connection.client.clone()));
        self.connection = Some(connection);
        self.parts.tally.up();
        self.sweeps.clear();
        self.granted = 0;
        for message in std::mem::take(&mut self.outbox) {
            self.say(message);
        }
        self.present_tokens();
    }

    fn on_down(&mut self) {
        self.connection = None;
        self.parts.tally.down();
        self.parts.clients.send_replace(None);
    }

    fn on_message(&mut self, message: session_response::Message) {
        let result = match message {
            session_response::Message::Sweep(document) => self.on_sweep(document),
            session_response::Message::Lease(lease) => self.on_lease(lease),
            session_response::Message::Revoke(v1::Revoke { token }) => {
                LeaseToken::try_from(&token[..])
                    .map(|token| self.on_revoked(token))
                    .map_err(|error| error.to_string())
            }
            session_response::Message::Welcome(_) => Err("a second welcome".to_owned()),
        };
        if let Err(reason) = result {
            // Breaking off makes the coordinator's mistake visible, and the connector waits before it tries again.
            tracing::error!("the coordinator sent {reason}");
            self.on_down();
        }
    }

    fn on_sweep(&mut self, document: v1::SweepDocument) -> Result<(), String> {
        let v1::SweepDocument {
            sweep: id,
            canonical_json,
        } = document;
        let id: SweepId = id.parse().map_err(|error| format!("{error}"))?;
        let sweep = match Sweep::from_canonical_json(&canonical_json) {
            Ok(sweep) if sweep.id() == id => Ok(Arc::new(sweep)),
            Ok(sweep) => Err(format!("sweep {id} has the facts of {}", sweep.id())),
            Err(error) => Err(format!("this worker cannot run sweep {id}: {error}")),
        };
        self.sweeps.insert(id, sweep);
        Ok(())
    }

    fn on_lease(&mut self, lease: v1::Lease) -> Result<(), String> {
        let lease = Lease::try_from(lease).map_err(|error| error.to_string())?;
        self.granted = self.granted.saturating_sub(1);
        let sweep = match self.sweeps.get(&lease.sweep) {
            Some(Ok(sweep)) => sweep.clone(),
            Some(Err(error)) => {
                let trouble = Trouble::new(FailureKind::Unfit, error);
                self.fail_whole(&lease, &trouble);
                return Ok(());
            }
            None => return Err(format!("a lease of the unknown sweep {}", lease.sweep)),
        };
        lease
            .check_against(&sweep)
            .map_err(|error| error.to_string())?;
        if self.leaving {
            self.hand_back(lease.token);
        } else {
            self.take(lease, sweep);
        }
        Ok(())
    }

    fn take(&mut self, lease: Lease, sweep: Arc<Sweep>) {
        let token = lease.token;
        if self.held.contains_key(&token) {
            return;
        }
        let data = sweep.facts().data;
        let stage = data.map_or(Stage::Computing, |hash| {
            Stage::Waiting(self.send_for(hash, token))
        });
        let held = Held {
            lease,
            sweep,
            stop: Arc::default(),
            stage,
            revoked: false,
        };
        self.held.insert(token, held);
        if data.is_none() {
            self.start(token, None);
        }
        self.present_tokens();
    }

    fn send_for(&self, hash: Hash, token: LeaseToken) -> AbortHandle {
        let data = self.parts.data.clone();
        let events = self.parts.events.clone();
        let task = tokio::spawn(async move {
            let result = data.get(hash).await;
            let _ = events.send(Event::Data(token, result)).await;
        });
        task.abort_handle()
    }

    fn on_data(&mut self, token: LeaseToken, result: Result<Arc<Dataset>, String>) {
        match result {
            Ok(data) => self.start(token, Some(data)),
            Err(error) => {
                if let Some(held) = self.forget(token) {
                    let trouble = Trouble::new(FailureKind::Data, error);
                    self.fail_whole(&held.lease, &trouble);
                }
            }
        }
    }

    fn start(&mut self, token: LeaseToken, data: Option<Arc<Dataset>>) {
        let Some(held) = self.held.get_mut(&token) else {
            return;
        };
        held.stage = Stage::Computing;
        let job = Job {
            lease: held.lease.clone(),
            sweep: held.sweep.clone(),
            data,
            mode: self.parts.mode,
            stop: held.stop.clone(),
            last: self.last.clone(),
        };
        if self.parts.slots.give(job).is_err() {
            self.forget(token);
            self.hand_back(token);
        }
    }

    fn on_computed(&mut self, token: LeaseToken, busy: Duration) {
        if let Some(held) = self.held.get_mut(&token) {
            held.stage = Stage::Reporting;
            self.ahead = ahead(busy) * self.parts.threads;
        }
    }

    fn on_settled(&mut self, token: LeaseToken, end: End) {
        let Some(held) = self.forget(token) else {
            return;
        };
        match end {
            _ if held.revoked => {}
            End::Complete => {
                let token = token.0.to_vec().into();
                self.say(Message::Finished(v1::Finished { token }));
            }
            End::Stopped => self.hand_back(token),
        }
    }

    fn on_revoked(&mut self, token: LeaseToken) {
        if let Some(held) = self.held.get_mut(&token) {
            held.revoked = true;
            self.stop(token);
            self.present_tokens();
        }
    }

    /// Stops work on a lease. One that has a thread settles later.
    fn stop(&mut self, token: LeaseToken) {
        let Some(held) = self.held.get(&token) else {
            return;
        };
        held.stop.store(true, Ordering::Relaxed);
        if let Stage::Waiting(fetch) = &held.stage {
            fetch.abort();
            let revoked = held.revoked;
            self.forget(token);
            if !revoked {
                self.hand_back(token);
            }
        }
    }

    /// No unit of `lease` can be run here. It is said of some, and the rest goes back.
    fn fail_whole(&mut self, lease: &Lease, trouble: &Trouble) {
        tracing::warn!(sweep = %lease.sweep, "a lease failed: {}", trouble.error);
        for block in lease.blocks.clone().take(HOPELESS) {
            self.fail(failure(lease, block, trouble.clone()));
        }
        self.hand_back(lease.token);
    }

    fn fail(&mut self, failure: v1::UnitFailed) {
        self.parts.tally.failed(&failure);
        self.say(Message::UnitFailed(failure));
    }

    fn hand_back(&mut self, token: LeaseToken) {
        let token = token.0.to_vec().into();
        self.say(Message::HandBack(v1::HandBack { token }));
    }

    fn forget(&mut self, token: LeaseToken) -> Option<Held> {
        let held = self.held.remove(&token);
        self.present_tokens();
        held
    }

    /// What the coordinator shall know that this worker holds: also leases of which it has yet to hear the end.
    fn present_tokens(&self) {
        let units = self.held.values().map(|held| held.lease.blocks.len());
        self.parts.tally.holds(self.held.len(), units.sum());
        let held = self.held.iter().filter(|(_, held)| !held.revoked);
        let mut tokens: Vec<_> = held.map(|(token, _)| *token).collect();
        tokens.extend(self.outbox.iter().filter_map(token_of));
        tokens.sort_unstable();
        tokens.dedup();
        self.parts.tokens.send_replace(tokens);
    }

    fn grant_credit(&mut self) {
        if self.leaving || self.connection.is_none() {
            return;
        }
        let reporting = |held: &&Held| matches!(held.stage, Stage::Reporting);
        let busy = self.held.len() - self.held.values().filter(reporting).count();
        let goal = self.parts.threads + self.ahead;
        let wanted = goal.saturating_sub(busy + self.granted);
        // A stock is filled up now and then, and not with a message for each lease.
        if wanted > self.ahead / 4 {
            self.granted += wanted;
            let leases = u32::try_from(wanted).unwrap_or(u32::MAX);
            self.say(Message::Credit(v1::Credit { leases }));
        }
    }

    /// Sends `message` now or in the next session.
    fn say(&mut self, message: Message) {
        let Some(connection) = &self.connection else {
            self.keep(message);
            return;
        };
        let request = v1::SessionRequest {
            message: Some(message),
        };
        if let Err(error) = connection.outbound.try_send(request) {
            self.on_down();
            if let Some(message) = error.into_inner().message {
                self.keep(message);
            }
        }
    }

    fn keep(&mut self, message: Message) {
        if self.outbox.len() < OUTBOX && !matches!(message, Message::Credit(_)) {
            self.outbox.push_back(message);
            self.present_tokens();
        }
    }
}

/// Leases that a thread wants beyond the one it computes, if they take as long as one did.
fn ahead(busy: Duration) -> usize {
    if busy >= SHORT_LEASE {
        return 0;
    }
    let stock = STOCK.as_micros() / busy.as_micros().max(1);
    usize::try_from(stock)
        .unwrap_or(usize::MAX)
        .clamp(1, WAITING_A_THREAD - 1)
}

/// The lease that a message is about.
fn token_of(message: &Message) -> Option<LeaseToken> {
    let token = match message {
        Message::HandBack(v1::HandBack { token })
        | Message::Finished(v1::Finished { token })
        | Message::UnitFailed(v1::UnitFailed { token, .. }) => token,
        Message::Hello(_) | Message::Credit(_) => return None,
    };
    LeaseToken::try_from(&token[..]).ok()
}

impl Drop for Desk {
    /// Nobody will ask for these results: the threads need not finish them.
    fn drop(&mut self) {
        for held in self.held.values() {
            held.stop.store(true, Ordering::Relaxed);
        }
    }
}
