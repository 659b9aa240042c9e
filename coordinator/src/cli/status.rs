//! A sweep's progress, as it is shown.

use bistable_common::wire::v1::{self, SweepState};
use serde::Serialize;

use super::output::Show;

/// A sweep's identity and progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Status {
    pub id: String,
    pub name: String,
    pub state: &'static str,
    pub units_total: u64,
    pub units_done: u64,
    pub units_leased: u64,
    pub units_quarantined: u64,
    pub units_conflicting: u64,
    pub experiments_total: u64,
    pub experiments_done: u64,
    pub workers: u64,
    pub submitted_at_ms: u64,
    pub eta_seconds: Option<f64>,
    pub last_error: Option<String>,
    pub priority: i32,
}

/// A state's name.
pub(super) fn name_of(state: SweepState) -> &'static str {
    match state {
        SweepState::Unspecified => "unknown",
        SweepState::Running => "running",
        SweepState::Paused => "paused",
        SweepState::Complete => "complete",
        SweepState::Cancelled => "cancelled",
        SweepState::Stuck => "stuck",
    }
}

/// Whether nothing more will happen by itself.
pub(super) fn is_over(state: SweepState) -> bool {
    matches!(
        state,
        SweepState::Complete | SweepState::Cancelled | SweepState::Stuck
    )
}

impl From<v1::SweepStatus> for Status {
    fn from(status: v1::SweepStatus) -> Self {
        let state = name_of(status.state());
        let v1::SweepStatus {
            id,
            name,
            state: _,
            units_total,
            units_done,
            units_leased,
            units_quarantined,
            units_conflicting,
            experiments_total,
            experiments_done,
            workers,
            submitted_at_ms,
            eta_seconds,
            last_error,
            priority,
        } = status;
        Self {
            id,
            name,
            state,
            units_total,
            units_done,
            units_leased,
            units_quarantined,
            units_conflicting,
            experiments_total,
            experiments_done,
            workers,
            submitted_at_ms,
            eta_seconds,
            last_error: Some(last_error).filter(|error| !error.is_empty()),
            priority,
        }
    }
}

impl Status {
    /// What is wrong with the sweep, if anything.
    pub fn trouble(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.units_quarantined > 0 {
            parts.push(format!("{} units gave up", self.units_quarantined));
        }
        if self.units_conflicting > 0 {
            parts.push(format!(
                "{} units have conflicting results",
                self.units_conflicting
            ));
        }
        parts.extend(self.last_error.clone());
        if !parts.is_empty() {
            parts.push(format!("see `bistable results {}`", self.id));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Show for Status {
    fn text(&self) -> String {
        let trouble = self
            .trouble()
            .map_or_else(String::new, |trouble| format!(" ({trouble})"));
        format!(
            "{} {}: {}, {}/{} units, {}/{} experiments{trouble}\n",
            self.id,
            self.name,
            self.state,
            self.units_done,
            self.units_total,
            self.experiments_done,
            self.experiments_total,
        )
    }
}
