//! What a coordinator asks of the machine that it runs on: the time, and chance. A simulation answers itself.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{board::Timestamp, server::ServerError};

/// A machine.
pub(crate) trait Machine: Send + Sync {
    /// What time it is. Asked when a clock is started, and not again.
    fn time(&self) -> Timestamp;

    /// Bytes that nobody can guess.
    fn secret(&self) -> Result<[u8; 32], ServerError>;
}

/// The machine that this process runs on.
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    #[expect(clippy::disallowed_methods, reason = "a clock is started with it")]
    fn time(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(0) + since_epoch
    }

    fn secret(&self) -> Result<[u8; 32], ServerError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| ServerError::Random(error.to_string()))?;
        Ok(bytes)
    }
}
