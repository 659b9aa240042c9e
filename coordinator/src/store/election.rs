//! Who may write to a store that several coordinators share.
//!
//! The store elects. Winning gives a [`Standing::Elected`] with a handle of the store that is bound to the won epoch: each
//! of its writes is refused once another epoch has begun, whatever its holder still believes.

use std::{fmt, sync::Arc, time::Duration};

use super::{Store, StoreError};

/// How long a leader may be silent before another coordinator may lead.
pub const TERM: Duration = Duration::from_secs(4);

/// How often a leader says that it lives.
pub const RENEW_EVERY: Duration = Duration::from_secs(1);

/// How often the others look whether it still does.
pub const CAMPAIGN_EVERY: Duration = Duration::from_millis(250);

/// The number of a term; each is higher than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What came of a campaign.
pub enum Standing {
    /// This coordinator leads.
    Elected {
        /// Its term.
        epoch: Epoch,
        /// The store, as the leader of this term may use it.
        store: Arc<dyn Store>,
    },
    /// Another one does.
    Following {
        /// Where it can be reached.
        leader: String,
    },
}

/// What a store offers that several coordinators may open. Time is the store's own. Methods block.
pub trait Elections: Send + Sync {
    /// Begins a term for the coordinator at `url` if nobody leads, or if this coordinator did.
    fn campaign(&self, url: &str) -> Result<Standing, StoreError>;

    /// Makes the term last [`TERM`] from now; [`StoreError::Deposed`] if another one has begun.
    fn renew(&self, epoch: Epoch) -> Result<(), StoreError>;

    /// Ends the term, so that another coordinator may lead at once.
    fn resign(&self, epoch: Epoch) -> Result<(), StoreError>;
}
