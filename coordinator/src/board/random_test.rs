//! The board under thousands of seeded schedules of lost, late, repeated and reordered events.

use std::{collections::BTreeSet, time::Duration};

use bistable_common::ids::{Hash, LeaseToken, SweepId, UnitId, WorkerId};

use super::{
    Board, Effect, Event, KnownSweep, Lease, Mode, SessionId, SweepState, Timestamp, fixture,
};

const SCHEDULES: u64 = 3_000;
const STEPS: u64 = 120;
const SWEEPS: u8 = 2;

/// A world around a board: workers that remember every lease they ever saw, and a store that forgets what is dropped.
struct World {
    seed: u64,
    drawn: u64,
    board: Board,
    now: Timestamp,
    sessions: u64,
    seen: Vec<(SessionId, Lease)>,
    saved: BTreeSet<LeaseToken>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: 0,
            board: Board::new([3; 32], Duration::from_secs(10)),
            now: Timestamp(0),
            sessions: 0,
            seen: Vec::new(),
            saved: BTreeSet::new(),
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.drawn += 1;
        let words = [self.seed.to_le_bytes(), self.drawn.to_le_bytes()].concat();
        let hash = Hash::of(&words).0;
        u64::from(u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])) % n
    }

    fn feed(&mut self, event: Event) {
        let effects = self.board.handle(self.now, event);
        for effect in effects {
            match effect {
                Effect::SaveLease(lease) => assert!(self.saved.insert(lease.token)),
                Effect::SendLease(session, lease) => {
                    assert!(self.saved.contains(&lease.token), "sent before saved");
                    self.seen.push((session, lease));
                }
                Effect::DropLease(token) => assert!(self.saved.remove(&token)),
                Effect::ExtendLease(token, _) => assert!(self.saved.contains(&token)),
                Effect::Revoke(..)
                | Effect::Refuse(_)
                | Effect::Disconnect(_)
                | Effect::RecordFailure(_)
                | Effect::Progressed(_) => {}
            }
        }
        assert!(self.board.leases.keys().eq(&self.saved));
        self.board.check_invariants();
    }

    fn sweep(&mut self) -> SweepId {
        SweepId([self.below(u64::from(SWEEPS)) as u8; 8])
    }

    fn session(&mut self) -> SessionId {
        SessionId(self.below(self.sessions + 1))
    }

    fn known(&mut self) -> Event {
        Event::SweepAdded(KnownSweep {
            id: self.sweep(),
            plan: fixture::plan(16 * 5, 2),
            done: vec![],
            failures: vec![],
            conflicting: vec![],
            mode: Mode::Running,
        })
    }

    fn join(&mut self) -> Event {
        self.sessions += 1;
        Event::WorkerJoined {
            session: SessionId(self.sessions),
            worker: WorkerId(format!("w{}", self.below(4))),
            host: "h".into(),
            slots: self.below(4) as u32,
        }
    }

    /// A lease that was once sent, if any was, perhaps long over.
    fn some_lease(&mut self) -> Option<(SessionId, Lease)> {
        let count = self.seen.len() as u64;
        let index = (count > 0).then(|| self.below(count))?;
        Some(self.seen[index as usize].clone())
    }

    fn some_unit(&mut self) -> UnitId {
        let lease = self.some_lease();
        let key = match lease {
            // One past the end, now and then.
            Some((_, lease)) => fixture::unit(
                lease.units.replicate.0,
                lease.units.blocks.start + self.below(4) as u32,
            ),
            None => fixture::unit(self.below(3) as u32, self.below(6) as u32),
        };
        UnitId {
            sweep: self.sweep(),
            key,
        }
    }

    fn of_lease(&mut self, event: impl FnOnce(SessionId, LeaseToken) -> Event) -> Event {
        match self.some_lease() {
            Some((session, lease)) => event(session, lease.token),
            None => Event::Tick,
        }
    }

    fn beat(&mut self) -> Event {
        let worker = WorkerId(format!("w{}", self.below(4)));
        let tokens = self
            .seen
            .iter()
            .rev()
            .take(6)
            .filter(|(_, lease)| lease.worker == worker)
            .map(|(_, lease)| lease.token);
        Event::Beat(worker.clone(), tokens.collect())
    }

    fn random_event(&mut self) -> Event {
        match self.below(24) {
            0 => self.known(),
            1 => Event::SweepRemoved(self.sweep()),
            2 => {
                let modes = [Mode::Running, Mode::Paused, Mode::Cancelled];
                let mode = modes[self.below(3) as usize];
                Event::ModeSet(self.sweep(), mode)
            }
            3 | 4 => self.join(),
            5 => Event::WorkerLost(self.session()),
            6..=9 => Event::Credit(self.session(), self.below(3) as u32),
            10..=12 => self.beat(),
            13..=16 => Event::UnitDone {
                unit: self.some_unit(),
                compute_us: self.below(100_000_000),
            },
            17 => Event::UnitConflicting(self.some_unit()),
            18 | 19 => {
                let unit = self.some_unit();
                self.of_lease(|session, token| Event::UnitFailed {
                    session,
                    token,
                    unit,
                    complaint: fixture::complaint("failed"),
                })
            }
            20 => self.of_lease(Event::HandBack),
            21 | 22 => self.of_lease(Event::Finished),
            _ => {
                self.now = self.now + Duration::from_millis(self.below(8_000));
                Event::Tick
            }
        }
    }

    /// One honest worker then ends every sweep.
    fn finish(&mut self) {
        for id in 0..SWEEPS {
            self.feed(Event::ModeSet(SweepId([id; 8]), Mode::Running));
        }
        for session in 0..=self.sessions {
            self.feed(Event::WorkerLost(SessionId(session)));
        }
        self.sessions += 1;
        let session = SessionId(self.sessions);
        self.feed(Event::WorkerJoined {
            session,
            worker: WorkerId("honest".into()),
            host: "h".into(),
            slots: 1,
        });
        self.seen.clear();
        self.feed(Event::Credit(session, 1));
        while let Some((_, lease)) = self.seen.pop() {
            for key in lease.units.units() {
                let unit = UnitId {
                    sweep: lease.sweep,
                    key,
                };
                self.feed(Event::UnitDone {
                    unit,
                    compute_us: 1_000_000,
                });
            }
            self.feed(Event::Finished(session, lease.token));
            self.feed(Event::Credit(session, 1));
        }
    }
}

#[test]
fn every_schedule_keeps_the_invariants_and_can_be_ended() {
    for seed in 0..SCHEDULES {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            let event = world.random_event();
            world.feed(event);
        }
        world.finish();
        assert!(world.saved.is_empty());
        for id in (0..SWEEPS).map(|id| SweepId([id; 8])) {
            if let Some(progress) = world.board.progress(id) {
                assert!(
                    matches!(progress.state, SweepState::Complete | SweepState::Stuck),
                    "seed {seed}: {progress:?}"
                );
            }
        }
    }
}
