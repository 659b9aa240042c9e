//! The one place where the coordinator reads a clock.

use std::time::{Duration, SystemTime};

use crate::board::Timestamp;

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(tokio::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is where clocks are read")]
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// What the machine's clock shows, for people.
#[expect(clippy::disallowed_methods, reason = "this is where clocks are read")]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// A clock that starts at its machine's time and then never jumps, whatever is done to the machine's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: tokio::time::Instant,
    epoch: Timestamp,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where clocks are read")]
    pub fn start(epoch: Timestamp) -> Self {
        Self {
            started: tokio::time::Instant::now(),
            epoch,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.epoch + self.started.elapsed()
    }

    /// When this clock will show `time`.
    pub fn instant(&self, time: Timestamp) -> tokio::time::Instant {
        self.started + time.since(self.epoch)
    }
}
