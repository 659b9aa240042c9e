//! The story of a sweep, told as spans to whoever collects traces.
//!
//! Over everything the span `sweep`; in it `submit` (of `check` and `plan`), a `lease` for each lease with a unit that is
//! followed, in it `unit` (of `compute` and `report`, and in that `commit`) or `failure`; at the end `estimate`.
//!
//! The coordinator tells all of it. Workers say by their own clocks how long things took, so that they need neither a way
//! to the collector nor its password, and clocks that differ do no harm. Nothing is stored for it: which trace is a sweep's
//! follows from the sweep and from when it was submitted, and a coordinator that takes over goes on with the same one.

mod chronicle;
mod ids;
#[cfg(feature = "otel")]
mod otlp;
mod submission;
mod unit;

use std::{ops::Range, sync::Arc, time::SystemTime};

use bistable_common::ids::{LeaseToken, UnitKey};

pub use self::ids::{SpanId, TraceId};
#[cfg(feature = "otel")]
pub use self::otlp::{Otlp, OtlpError};
pub(crate) use self::{chronicle::Chronicle, submission::Submission, unit::Followed};
use crate::dispatch::Known;

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The sweep's trace.
    pub trace: TraceId,
    /// Its own name.
    pub id: SpanId,
    /// What it was part of; only a sweep is part of nothing.
    pub parent: Option<SpanId>,
    /// What was done.
    pub name: &'static str,
    /// When it was begun.
    pub began: SystemTime,
    /// When it was over.
    pub ended: SystemTime,
    /// What else there is to say.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// In words.
    Text(String),
    /// As a number.
    Number(i64),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// Who collects spans.
pub trait Sink: Send + Sync {
    /// Takes one. Must not wait for anything: the board's loop calls it.
    fn take(&self, span: Span);
}

/// Where spans go, if anywhere. Clones are the same.
#[derive(Clone, Default)]
pub struct Spans(Option<Arc<Audience>>);

struct Audience {
    sink: Box<dyn Sink>,
    units: u64,
    /// A lease that another coordinator takes over is another span there.
    coordinator: SpanId,
}

impl Spans {
    /// Tells `sink` of every sweep, and of about `units` units of each.
    pub fn new(sink: impl Sink + 'static, units: u64) -> Self {
        let sink = Box::new(sink);
        Self(Some(Arc::new(Audience {
            sink,
            units,
            coordinator: SpanId::random(),
        })))
    }

    /// Whether anyone listens.
    pub(crate) fn are_told(&self) -> bool {
        self.0.is_some()
    }

    /// How a sweep's story is told, if anyone listens.
    pub(crate) fn story(&self, known: &Known) -> Option<Story> {
        let audience = Arc::clone(self.0.as_ref()?);
        Some(Story {
            trace: TraceId::of(known.sweep.id(), known.submitted_at),
            one_in: match audience.units {
                0 => u64::MAX,
                units => known.plan.units().div_ceil(units),
            },
            audience,
        })
    }
}

/// The story of one sweep.
#[derive(Clone)]
pub(crate) struct Story {
    audience: Arc<Audience>,
    trace: TraceId,
    /// Of so many units one is followed.
    one_in: u64,
}

impl Story {
    /// Whether a unit is one of those that are followed; always the same ones.
    pub fn follows(&self, unit: UnitKey) -> bool {
        self.one_in <= 1 || self.trace.number(unit).is_multiple_of(self.one_in)
    }

    /// The span of the sweep.
    pub fn sweep(&self) -> SpanId {
        self.trace.span("sweep", &[])
    }

    /// The span of a lease, as far as it is this coordinator's. Nobody can learn the token from it.
    pub fn lease(&self, token: LeaseToken) -> SpanId {
        let key = [self.audience.coordinator.0.as_slice(), &token.0].concat();
        self.trace.span("lease", &key)
    }

    /// A span within another one, under a name of its own.
    pub fn span(&self, name: &'static str, parent: SpanId, time: Range<SystemTime>) -> Span {
        Span {
            trace: self.trace,
            id: SpanId::random(),
            parent: Some(parent),
            name,
            began: time.start,
            // Clocks are set back sometimes.
            ended: time.end.max(time.start),
            attributes: Vec::new(),
            failure: None,
        }
    }

    pub fn tell(&self, span: Span) {
        self.audience.sink.take(span);
    }
}

impl Span {
    /// The same with one thing more to say.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((key, value.into()));
        self
    }

    /// The same of a sweep.
    pub(crate) fn of_sweep(self, known: &Known) -> Self {
        self.with("bistable.sweep", known.sweep.id().to_string())
            .with("bistable.sweep.name", known.sweep.name())
            .with("bistable.units", known.plan.units())
    }

    /// The same of a unit.
    pub(crate) fn of_unit(self, unit: UnitKey) -> Self {
        self.with("bistable.cell", unit.cell.0)
            .with("bistable.replicate", unit.replicate.0)
            .with("bistable.block", unit.block.0)
    }
}
