//! What traces and spans are called. Names that others must know are hashes of what they name; the others are random.

use bistable_common::ids::{SweepId, UnitKey};

use crate::board::Timestamp;

/// A trace: one of a sweep's submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// A span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// The trace of a sweep that was first submitted at a time.
    pub(super) fn of(sweep: SweepId, submitted_at: Timestamp) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("bistable 2026 trace");
        hasher
            .update(&sweep.0)
            .update(&submitted_at.0.to_le_bytes());
        Self(beginning(&hasher))
    }

    /// The span for which `name` and `key` stand in this trace.
    pub(super) fn span(self, name: &str, key: &[u8]) -> SpanId {
        let mut hasher = blake3::Hasher::new_derive_key("bistable 2026 span");
        hasher.update(&self.0).update(name.as_bytes()).update(key);
        SpanId(beginning(&hasher))
    }

    /// A number for a unit, as good as drawn.
    pub(super) fn number(self, unit: UnitKey) -> u64 {
        let UnitKey {
            cell,
            replicate,
            block,
        } = unit;
        let mut hasher = blake3::Hasher::new_derive_key("bistable 2026 followed unit");
        hasher.update(&self.0);
        for part in [cell.0, replicate.0, block.0] {
            hasher.update(&part.to_le_bytes());
        }
        u64::from_le_bytes(beginning(&hasher))
    }
}

impl SpanId {
    /// One that nothing else has.
    pub(super) fn random() -> Self {
        let mut id = [0; 8];
        // A name of zeros would mean none; and without random numbers a coordinator has not begun.
        while id == [0; 8] && getrandom::fill(&mut id).is_ok() {}
        Self(id)
    }
}

fn beginning<const N: usize>(hasher: &blake3::Hasher) -> [u8; N] {
    let mut beginning = [0; N];
    hasher.finalize_xof().fill(&mut beginning);
    beginning
}
