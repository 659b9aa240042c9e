//! What the numerics run on: one lease each, so that sums keep their order, and threads, so that the async side stays awake.

use std::{io, sync::Arc, thread, time::Instant};

use bistable_common::wire::v1;
use tokio::sync::{Mutex, mpsc};

use super::{
    compute::{self, Job, Outlet},
    event::{Event, Output},
    paced::Paced,
    runner::Runner,
    surroundings::Place,
    tally::Tally,
};

/// Leases that can wait for a thread, for each of them: short ones are fetched by the dozen.
pub(super) const WAITING_A_THREAD: usize = 64;

/// The door to the slots. They end when it is dropped.
pub(super) struct Slots {
    jobs: mpsc::Sender<Job>,
}

impl Slots {
    /// Starts `threads` slots, with room for [`WAITING_A_THREAD`] leases each in front of them.
    pub fn start(
        place: &Place,
        threads: usize,
        runner: &Arc<dyn Runner>,
        (outputs, events): (&mpsc::Sender<Output>, &mpsc::Sender<Event>),
        tally: &Tally,
    ) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(WAITING_A_THREAD * threads);
        let waiting = Arc::new(Mutex::new(waiting));
        for index in 0..threads {
            let slot = Slot {
                waiting: waiting.clone(),
                runner: runner.clone(),
                outputs: outputs.clone(),
                events: events.clone(),
                tally: tally.clone(),
            };
            match place {
                Place::Threads => {
                    thread::Builder::new()
                        .name(format!("bistable-{index}"))
                        .spawn(move || slot.serve())?;
                }
                Place::Here(pace) => {
                    tokio::spawn(Paced::new(slot, pace.clone()).serve());
                }
            }
        }
        Ok(Self { jobs })
    }

    /// Queues `job`; gives it back if more leases came than were asked for.
    pub fn give(&self, job: Job) -> Result<(), Job> {
        self.jobs
            .try_send(job)
            .map_err(mpsc::error::TrySendError::into_inner)
    }
}

/// What works on a lease at a time.
pub(super) struct Slot {
    /// Leases that wait, for whichever slot is free.
    pub waiting: Arc<Mutex<mpsc::Receiver<Job>>>,
    pub runner: Arc<dyn Runner>,
    /// To the reporter.
    pub outputs: mpsc::Sender<Output>,
    /// To the desk.
    pub events: mpsc::Sender<Event>,
    pub tally: Tally,
}

impl Slot {
    fn serve(mut self) {
        while let Some(job) = self.next() {
            let runner = self.runner.clone();
            let started = Instant::now();
            let end = compute::compute(&*runner, &job, &mut self);
            let token = job.lease.token;
            let computed = Event::Computed(token, started.elapsed());
            let computed = self.events.blocking_send(computed);
            let ended = self.outputs.blocking_send(Output::End(token, end));
            if computed.is_err() || ended.is_err() {
                return;
            }
        }
    }

    fn next(&self) -> Option<Job> {
        self.waiting.blocking_lock().blocking_recv()
    }
}

impl Outlet for Slot {
    fn unit(&mut self, report: v1::UnitReport) -> bool {
        self.tally.computed(&report);
        self.outputs.blocking_send(Output::Unit(report)).is_ok()
    }

    fn failed(&mut self, failure: v1::UnitFailed) -> bool {
        self.events.blocking_send(Event::Failed(failure)).is_ok()
    }
}
