//! The one place where the coordinator reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::board::Timestamp;

/// A clock that starts at the system's time and then never jumps, whatever is done to the system's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: tokio::time::Instant,
    epoch: Timestamp,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where clocks are read")]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: tokio::time::Instant::now(),
            epoch: Timestamp(0) + since_epoch,
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
