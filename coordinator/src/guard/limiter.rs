//! How much a client may ask for: so many calls and messages a second, after a first burst. It is remembered as one number
//! a client, the time until which the client has used up its share (the generic cell rate algorithm).

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::board::Timestamp;

/// Clients that are remembered; further ones share what one client has.
const MAX_CLIENTS: usize = 16_384;

/// How often it is looked for clients to forget, at most.
const SWEEP_EVERY_US: u64 = 1_000_000;

/// A limit for each client of kind `C`.
pub(super) struct Limiter<C> {
    cost_us: u64,
    burst_us: u64,
    clients: Mutex<Clients<C>>,
}

/// What clients have used up. A client that has used up nothing need not be here.
struct Clients<C> {
    used_until_us: HashMap<C, u64>,
    /// Those for whom there was no room.
    others_until_us: u64,
    swept_us: u64,
}

fn us(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl<C: Copy + Eq + Hash> Limiter<C> {
    /// So many a second, and so many seconds' worth of them at once.
    pub fn new(per_second: u32, burst: Duration) -> Self {
        Self {
            cost_us: 1_000_000 / u64::from(per_second.clamp(1, 1_000_000)),
            burst_us: us(burst),
            clients: Mutex::new(Clients {
                used_until_us: HashMap::new(),
                others_until_us: 0,
                swept_us: 0,
            }),
        }
    }

    /// Counts one call of `client`; how long to wait instead, if it has had its share.
    pub fn admit(&self, now: Timestamp, client: C) -> Result<(), Duration> {
        self.with(now, client, |now, until| {
            let ahead = until.saturating_sub(now);
            if ahead > self.burst_us {
                return Err(Duration::from_micros(ahead - self.burst_us));
            }
            *until = now.max(*until) + self.cost_us;
            Ok(())
        })
    }

    /// Counts `messages` of `client`, which have come already; how long to leave the next one unread.
    pub fn charge(&self, now: Timestamp, client: C, messages: u32) -> Duration {
        self.with(now, client, |now, until| {
            *until = now.max(*until) + self.cost_us * u64::from(messages);
            Duration::from_micros((*until - now).saturating_sub(self.burst_us))
        })
    }

    /// How long `client` has to wait until it may ask again; nothing is counted.
    pub fn wait(&self, now: Timestamp, client: C) -> Duration {
        let now_us = now.0.saturating_mul(1000);
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let until = clients.used_until_us.get(&client);
        let full = clients.used_until_us.len() >= MAX_CLIENTS;
        let until = until
            .copied()
            .unwrap_or(if full { clients.others_until_us } else { 0 });
        Duration::from_micros(until.saturating_sub(now_us).saturating_sub(self.burst_us))
    }

    /// Whether something of `client` was counted, and is remembered.
    pub fn knows(&self, client: C) -> bool {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.used_until_us.contains_key(&client)
    }

    fn with<T>(&self, now: Timestamp, client: C, work: impl FnOnce(u64, &mut u64) -> T) -> T {
        let now_us = now.0.saturating_mul(1000);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        work(now_us, clients.of(now_us, client))
    }
}

impl<C: Copy + Eq + Hash> Clients<C> {
    fn of(&mut self, now_us: u64, client: C) -> &mut u64 {
        let full = self.used_until_us.len() >= MAX_CLIENTS;
        if full && !self.used_until_us.contains_key(&client) {
            if now_us.saturating_sub(self.swept_us) >= SWEEP_EVERY_US {
                self.swept_us = now_us;
                self.used_until_us.retain(|_, until| *until > now_us);
            }
            if self.used_until_us.len() >= MAX_CLIENTS {
                return &mut self.others_until_us;
            }
        }
        self.used_until_us.entry(client).or_insert(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1 << 40);

    fn later(ms: u64) -> Timestamp {
        NOW + Duration::from_millis(ms)
    }

    /// Ten a second, of which twenty may come at once.
    fn limiter() -> Limiter<u32> {
        Limiter::new(10, Duration::from_secs(2))
    }

    fn admitted(limiter: &Limiter<u32>, at: Timestamp, client: u32) -> usize {
        (0..1000)
            .take_while(|_| limiter.admit(at, client).is_ok())
            .count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let limiter = limiter();
        assert_eq!(admitted(&limiter, NOW, 1), 21);
        let wait = limiter.admit(NOW, 1).expect_err("too many");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(limiter.wait(NOW, 1), wait);
        // Refused calls cost nothing.
        assert_eq!(admitted(&limiter, later(1000), 1), 10);
        assert_eq!(admitted(&limiter, later(60_000), 1), 21);
    }

    #[test]
    fn nobody_pays_for_another() {
        let limiter = limiter();
        admitted(&limiter, NOW, 1);
        assert_eq!(limiter.wait(NOW, 2), Duration::ZERO);
        assert_eq!(admitted(&limiter, NOW, 2), 21);
        assert!(limiter.knows(2) && !limiter.knows(3));
    }

    #[test]
    fn messages_that_have_come_are_waited_for_afterwards() {
        let limiter = limiter();
        assert_eq!(limiter.charge(NOW, 1, 20), Duration::ZERO);
        assert_eq!(limiter.charge(NOW, 1, 10), Duration::from_secs(1));
        assert!(limiter.admit(NOW, 1).is_err());
        assert_eq!(limiter.charge(later(1000), 1, 0), Duration::ZERO);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let limiter = limiter();
        let many = MAX_CLIENTS as u32;
        for client in 0..2 * many {
            let _ = limiter.admit(NOW, client);
        }
        let known = |limiter: &Limiter<u32>| {
            limiter
                .clients
                .lock()
                .expect("no panic")
                .used_until_us
                .len()
        };
        assert_eq!(known(&limiter), MAX_CLIENTS);
        // Those who came too late share one client's share, and the others keep theirs.
        assert!(limiter.admit(NOW, 3 * many).is_err());
        assert_eq!(admitted(&limiter, NOW, 1), 20);
        // When it was used up long ago, there is room again.
        limiter.admit(later(10_000), 3 * many).expect("room");
        assert!(limiter.knows(3 * many) && known(&limiter) == 1);
    }
}
