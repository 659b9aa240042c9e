//! How a sweep came in.

use std::time::SystemTime;

use super::Spans;
use crate::dispatch::{Existed, SweepStatus, wall_clock};

/// A document that is being submitted.
pub(crate) struct Submission {
    spans: Spans,
    began: SystemTime,
    checked: SystemTime,
}

impl Submission {
    /// It has arrived.
    pub fn begins(spans: &Spans) -> Self {
        let began = wall_clock();
        Self {
            spans: spans.clone(),
            began,
            checked: began,
        }
    }

    /// It was read, and is a sweep.
    pub fn checked(&mut self) {
        self.checked = wall_clock();
    }

    /// Its units are stored and may be leased.
    pub fn planned(self, status: &SweepStatus, Existed(existed): Existed) {
        let Some(story) = self.spans.story(&status.known) else {
            return;
        };
        let now = wall_clock();
        let submit = story
            .span("submit", story.sweep(), self.began..now)
            .of_sweep(&status.known)
            .with("bistable.existed", if existed { "yes" } else { "no" });
        story.tell(story.span("check", submit.id, self.began..self.checked));
        story.tell(story.span("plan", submit.id, self.checked..now));
        story.tell(submit);
    }
}
