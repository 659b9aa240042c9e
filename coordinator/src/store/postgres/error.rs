//! What can go wrong with a PostgreSQL server, in words: the driver's own hide the interesting part in their causes.
//! Nothing here knows a password.

use std::{error::Error, fmt, io, time::Duration};

use bistable_worker::tls::TlsFileError;
use tokio_postgres::error::{DbError, SqlState};

/// A PostgreSQL server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// It cannot be connected to.
    #[error("cannot connect to {place}: {}", causes(.error))]
    Connect {
        /// Where it should be.
        place: String,
        /// Why not.
        #[source]
        error: tokio_postgres::Error,
    },
    /// The file that says whom to trust is of no use.
    #[error("cannot connect to {place}: {error}")]
    Tls {
        /// Where it should be.
        place: String,
        /// What is wrong.
        #[source]
        error: TlsFileError,
    },
    /// It does not answer.
    #[error("{place} did not answer within {} s", .patience.as_secs_f32())]
    Silent {
        /// Where it is.
        place: String,
        /// For how long it was waited.
        patience: Duration,
    },
    /// It is too old.
    #[error("{place} is PostgreSQL {found}; 15 or later is needed")]
    TooOld {
        /// Where it is.
        place: String,
        /// Its version.
        found: String,
    },
    /// It refused a statement, or went away.
    #[error("{}", causes(.0))]
    Failed(#[from] tokio_postgres::Error),
    /// The operating system gives no thread for the connections.
    #[error("starting a thread for the connections failed: {0}")]
    Threads(#[source] io::Error),
}

impl PostgresError {
    /// Whether the same call may go well on a new connection, or a moment later.
    pub(in crate::store) fn is_transient(&self) -> bool {
        match self {
            Self::Connect { error, .. } | Self::Failed(error) => is_transient(error),
            // The file may be about to be replaced.
            Self::Tls { .. } | Self::Silent { .. } => true,
            Self::TooOld { .. } | Self::Threads(_) => false,
        }
    }
}

fn is_transient(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        return is_transient_code(code);
    }
    let source = error.source();
    error.is_closed() || source.is_some_and(|source| source.is::<io::Error>())
}

/// The server stops, starts, or ended this connection; or two transactions were in each other's way.
fn is_transient_code(code: &SqlState) -> bool {
    const TRANSIENT: [SqlState; 9] = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::CONNECTION_EXCEPTION,
        SqlState::CONNECTION_FAILURE,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    TRANSIENT.contains(code)
}

/// An error with its causes, on one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let words = match error.downcast_ref::<DbError>() {
            Some(refusal) => Refusal(refusal).to_string(),
            None => error.to_string(),
        };
        // The driver says "db error" where the server's own words follow.
        if words != "db error" {
            text = match text.is_empty() {
                true => words,
                false => format!("{text}: {words}"),
            };
        }
        next = error.source();
    }
    text
}

/// The server's words.
struct Refusal<'a>(&'a DbError);

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())?;
        match self.0.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
