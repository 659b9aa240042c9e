//! The one place where the coordinator reads a clock.

use crate::board::Timestamp;

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
