//! How long to wait before trying again: longer each time, and never in step with others.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use super::surroundings::Surroundings;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Exponential waiting times with jitter.
pub(super) struct Backoff {
    limit: Duration,
    surroundings: Arc<dyn Surroundings>,
}

impl Backoff {
    pub fn new(surroundings: &Arc<dyn Surroundings>) -> Self {
        Self {
            limit: FIRST,
            surroundings: Arc::clone(surroundings),
        }
    }

    /// Something worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.limit = FIRST;
    }

    /// The next waiting time: between half of the present limit and all of it.
    pub fn next(&mut self) -> Duration {
        let half = self.limit / 2;
        self.limit = (self.limit * 2).min(LONGEST);
        half + half.mul_f64(unit_interval(self.surroundings.random()))
    }

    /// Waits, at least `told`.
    pub async fn wait(&mut self, told: Option<Duration>) {
        tokio::time::sleep(self.next().max(told.unwrap_or_default())).await;
    }
}

/// Some number that other processes are unlikely to see. Nothing computed depends on it.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn unit_interval(number: u64) -> f64 {
    (number >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::{super::surroundings::Machine, *};

    #[test]
    fn waits_grow_to_a_limit_and_start_again() {
        let machine: Arc<dyn Surroundings> = Arc::new(Machine::default());
        let mut backoff = Backoff::new(&machine);
        assert!(backoff.next() <= FIRST);
        for _ in 0..20 {
            backoff.next();
        }
        let late = backoff.next();
        assert!(late >= LONGEST / 2 && late <= LONGEST, "{late:?}");
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
