//! What happened in a run, line by line: the log of everyone in it, with simulated times.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
};

use crate::board::Timestamp;

/// Every log line of ours, and the names of the hosts that say them.
const FILTER: &str = "off,turmoil::sim=info,bistable_coordinator=debug,bistable_worker=debug";

/// The time in a simulation: that of its present step.
#[derive(Clone, Default)]
pub struct Moment(Arc<AtomicU64>);

impl Moment {
    /// It is `elapsed` after the beginning.
    pub fn set(&self, elapsed: Duration) {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis, Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl FormatTime for Moment {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:>9.3}", self.now().0 as f64 / 1000.0)
    }
}

/// Takes what is logged.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<String>>);

impl Trace {
    /// Hears everything on the threads where it is the subscriber.
    pub fn subscriber(&self, moment: &Moment) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_timer(moment.clone())
            .with_ansi(false)
            .with_writer(self.clone())
            .finish()
    }

    /// What was logged so far.
    pub fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl io::Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Trace {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
