//! A clock for whoever wants to know how long ago something was, and has none that this one could be compared with.

use std::{sync::LazyLock, time::Instant};

/// Microseconds since this clock was first read, and one: never 0.
pub(super) fn now_us() -> u64 {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = u64::try_from(FIRST.elapsed().as_micros());
    since.unwrap_or(u64::MAX).saturating_add(1)
}
