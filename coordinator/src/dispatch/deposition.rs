//! The news that another coordinator leads: whoever writes hears it first.

use std::sync::Arc;

use tokio::sync::Notify;

/// Shared by all who write for one term.
#[derive(Debug, Clone, Default)]
pub(super) struct Deposition(Arc<Notify>);

impl Deposition {
    /// Spreads the news.
    pub fn announce(&self) {
        self.0.notify_one();
    }

    /// Returns once it was spread.
    pub async fn happened(&self) {
        self.0.notified().await;
    }
}
