//! What the board's loop tells: leases, failures, and that a sweep is complete.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use bistable_common::ids::{LeaseToken, SweepId, UnitId};

use super::{Spans, Story};
use crate::{
    board::{Failure, Lease, SweepState},
    dispatch::{Registry, wall_clock},
};

/// What is under way and will be told when it is over.
pub(crate) struct Chronicle {
    spans: Spans,
    registry: Registry,
    /// Leases with units that are followed, and since when they are known here.
    leases: HashMap<LeaseToken, (Lease, SystemTime)>,
    /// Sweeps that are not complete.
    open: HashSet<SweepId>,
}

impl Chronicle {
    pub fn new(spans: Spans, registry: Registry) -> Self {
        Self {
            spans,
            registry,
            leases: HashMap::new(),
            open: HashSet::new(),
        }
    }

    /// The story of a sweep, if it is known and anyone listens.
    fn story(&self, sweep: SweepId) -> Option<Story> {
        // Asked before the registry, which others use, too.
        if !self.spans.are_told() {
            return None;
        }
        self.spans.story(&*self.registry.get(sweep)?)
    }

    /// A lease was given, or taken over from an earlier coordinator.
    pub fn lease_begins(&mut self, lease: &Lease) {
        let story = self.story(lease.sweep);
        if story.is_some_and(|story| lease.units.units().any(|unit| story.follows(unit))) {
            let known = (lease.clone(), wall_clock());
            self.leases.insert(lease.token, known);
        }
    }

    /// A lease is over, for whatever reason; here at least.
    pub fn lease_ends(&mut self, token: LeaseToken) {
        let Some((lease, began)) = self.leases.remove(&token) else {
            return;
        };
        let Some(story) = self.story(lease.sweep) else {
            return;
        };
        let blocks = &lease.units.blocks;
        let mut span = story
            .span("lease", story.sweep(), began..wall_clock())
            .with("bistable.worker", lease.worker.0)
            .with("bistable.host", lease.host)
            .with("bistable.cell", lease.units.cell.0)
            .with("bistable.replicate", lease.units.replicate.0)
            .with(
                "bistable.blocks",
                format!("{}..{}", blocks.start, blocks.end),
            )
            .with("bistable.attempt", lease.attempt);
        span.id = story.lease(token);
        story.tell(span);
    }

    /// An attempt failed.
    pub fn failed(&self, failure: &Failure) {
        let UnitId { sweep, key } = failure.unit;
        let Some(story) = self.story(sweep).filter(|story| story.follows(key)) else {
            return;
        };
        let now = wall_clock();
        let parent = self.holder(failure).map(|token| story.lease(token));
        let mut span = story
            .span("failure", parent.unwrap_or(story.sweep()), now..now)
            .of_unit(key)
            .with("bistable.worker", failure.worker.0.as_str())
            .with("bistable.attempt", failure.attempts)
            .with("error.type", failure.complaint.kind.name());
        span.failure = Some(failure.complaint.error.clone());
        story.tell(span);
    }

    /// The lease under which a unit failed.
    fn holder(&self, failure: &Failure) -> Option<LeaseToken> {
        let UnitId { sweep, key } = failure.unit;
        let holds = |lease: &Lease| {
            let units = &lease.units;
            lease.sweep == sweep
                && lease.worker == failure.worker
                && (units.cell, units.replicate) == (key.cell, key.replicate)
                && units.blocks.contains(&key.block.0)
        };
        let mut leases = self.leases.values();
        leases.find_map(|(lease, _)| holds(lease).then_some(lease.token))
    }

    /// A sweep goes on, or has come to something.
    pub fn sweep_is(&mut self, sweep: SweepId, state: Option<SweepState>) {
        if !self.spans.are_told() {
            return;
        }
        match state {
            None => drop(self.open.remove(&sweep)),
            Some(SweepState::Complete) => {
                if self.open.remove(&sweep) {
                    self.sweep_completes(sweep);
                }
            }
            Some(_) => drop(self.open.insert(sweep)),
        }
    }

    fn sweep_completes(&self, sweep: SweepId) {
        let Some(known) = self.registry.get(sweep) else {
            return;
        };
        let Some(story) = self.spans.story(&known) else {
            return;
        };
        let began = SystemTime::UNIX_EPOCH + Duration::from_millis(known.submitted_at.0);
        let mut span = story
            .span("sweep", story.sweep(), began..wall_clock())
            .of_sweep(&known)
            .with("bistable.experiments", known.plan.experiments());
        (span.id, span.parent) = (story.sweep(), None);
        story.tell(span);
    }
}

impl Drop for Chronicle {
    /// What is still leased is somebody else's from now on.
    fn drop(&mut self) {
        let tokens: Vec<LeaseToken> = self.leases.keys().copied().collect();
        for token in tokens {
            self.lease_ends(token);
        }
    }
}
