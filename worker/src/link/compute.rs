//! One lease on one thread: units become reports, a panic becomes a failed unit, and the rest of the lease goes on.

use std::{
    any::Any,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bistable_common::{
    ids::Block,
    sweep::Sweep,
    trajectory::Trajectory,
    wire::v1::{self, FailureKind},
};

use super::{clock, event::End, lease::Lease, runner::Runner};
use crate::{
    data::Dataset,
    journal,
    unit::{Mode, RunError, Work},
};

/// So many failures without a result between them condemn a lease: each is a message, and leases can be long.
pub(super) const HOPELESS: usize = 64;

/// A lease that is ready to run.
#[derive(Clone)]
pub(super) struct Job {
    pub lease: Lease,
    pub sweep: Arc<Sweep>,
    pub data: Option<Arc<Dataset>>,
    pub mode: Mode,
    pub stop: Arc<AtomicBool>,
    /// The unit in hand is the last.
    pub last: Arc<AtomicBool>,
}

impl Job {
    /// The part of it that is one unit.
    pub fn only(&self, block: u32) -> Self {
        let mut one = self.clone();
        one.lease.blocks = block..block + 1;
        one
    }

    fn is_last(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }
}

/// Where a job's results go. `false`: nobody listens any more, stop.
pub(super) trait Outlet {
    fn unit(&mut self, report: v1::UnitReport) -> bool;
    fn failed(&mut self, failure: v1::UnitFailed) -> bool;
}

/// Runs `job` to its end.
pub(super) fn compute(runner: &dyn Runner, job: &Job, outlet: &mut dyn Outlet) -> End {
    let mut blocks = job.lease.blocks.clone();
    let mut failures = 0;
    while !blocks.is_empty() {
        if job.is_last() {
            return End::Stopped;
        }
        let (next, result) = run_from(runner, job, blocks.clone(), outlet);
        let error = match result {
            // It may have been stopped after its last unit.
            _ if next >= blocks.end => return End::Complete,
            Err(Failure::Stopped) => return End::Stopped,
            Ok(()) => Trouble::new(FailureKind::Other, "the numerics left the unit out"),
            Err(Failure::Unit(trouble)) => trouble,
        };
        tracing::warn!(unit = ?job.lease.unit(next), "a unit failed: {}", error.error);
        failures = if next > blocks.start { 1 } else { failures + 1 };
        if !outlet.failed(failure(&job.lease, next, error)) || failures >= HOPELESS {
            return End::Stopped;
        }
        blocks.start = next + 1;
    }
    End::Complete
}

/// Why a unit could not be run.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub kind: FailureKind,
    pub error: String,
}

impl Trouble {
    pub fn new(kind: FailureKind, error: impl Into<String>) -> Self {
        let error = error.into();
        Self { kind, error }
    }
}

/// What a lease's holder says of a unit that it cannot run.
pub(super) fn failure(lease: &Lease, block: u32, trouble: Trouble) -> v1::UnitFailed {
    v1::UnitFailed {
        token: lease.token.0.to_vec().into(),
        unit: Some(lease.unit(block).into()),
        error: trouble.error,
        kind: trouble.kind.into(),
        log: journal::recent(),
    }
}

enum Failure {
    Stopped,
    Unit(Trouble),
}

/// Runs `blocks`; returns the first block that has no result, and how it went.
fn run_from(
    runner: &dyn Runner,
    job: &Job,
    blocks: Range<u32>,
    outlet: &mut dyn Outlet,
) -> (u32, Result<(), Failure>) {
    let mut next = blocks.start;
    let mut started = Instant::now();
    let mut done = |block: Block, trajectory: Trajectory| {
        let report = v1::UnitReport {
            unit: Some(job.lease.unit(block.0).into()),
            token: job.lease.token.0.to_vec().into(),
            trajectory: trajectory.encode().into(),
            compute_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            computed_us: clock::now_us(),
        };
        next = block.0.saturating_add(1);
        if !outlet.unit(report) || job.is_last() {
            job.stop.store(true, Ordering::Relaxed);
        }
        started = Instant::now();
    };
    let work = work(job, blocks);
    let caught = catch_unwind(AssertUnwindSafe(|| runner.run(&work, &job.stop, &mut done)));
    let result = match caught {
        Ok(Ok(())) => Ok(()),
        Ok(Err(RunError::Stopped)) => Err(Failure::Stopped),
        Ok(Err(error)) => Err(Failure::Unit(Trouble::new(
            kind_of(&error),
            error.to_string(),
        ))),
        Err(panic) => Err(Failure::Unit(Trouble::new(
            FailureKind::Panic,
            message_of(&*panic),
        ))),
    };
    (next, result)
}

fn work(job: &Job, blocks: Range<u32>) -> Work {
    Work {
        sweep: job.sweep.clone(),
        data: job.data.clone(),
        cell: job.lease.cell,
        replicate: job.lease.replicate,
        blocks,
        mode: job.mode,
    }
}

fn kind_of(error: &RunError) -> FailureKind {
    match error {
        RunError::Data => FailureKind::Data,
        RunError::Memory { .. } => FailureKind::Memory,
        RunError::Precision | RunError::Unfit(_) => FailureKind::Unfit,
        RunError::Stopped => FailureKind::Other,
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "the numerics panicked: {}",
        text.unwrap_or("without a message")
    )
}
