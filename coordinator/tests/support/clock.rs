//! The clock of a test and of the server in its process, which are on one thread: the test has it in its hand.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::{sync::mpsc, time::Duration};

use tokio::{task::spawn_blocking, time};

/// Lets time pass for everyone here, without waiting for it.
pub async fn pass(by: Duration) {
    time::pause();
    time::advance(by).await;
    time::resume();
}

/// No time passes for anyone here until this value goes, however long the machine takes for what is done meanwhile.
pub struct Standstill {
    _until: mpsc::Sender<()>,
}

impl Standstill {
    pub fn begin() -> Self {
        time::pause();
        // A clock that is paused jumps ahead when everybody waits, but not while a thread is at work.
        let (until, ended) = mpsc::channel::<()>();
        spawn_blocking(move || ended.recv());
        Self { _until: until }
    }

    /// Lets time pass, all of it at once.
    pub async fn pass(&self, by: Duration) {
        time::advance(by).await;
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        time::resume();
    }
}
