//! What callers are told when something is wrong: one table.

use std::fmt::Display;

use bistable_common::{
    ids::InvalidId,
    wire::{InvalidUnit, LEADER_KEY},
};
use tonic::{Code, Status};

use crate::{dispatch::DispatchError, store::StoreError};

/// The longest message. It travels in a header, where a byte may become three, and peers read 16 KiB of headers.
const MAX_TEXT_BYTES: usize = 4096;

/// What stands for the rest of a longer one.
const CUT: &str = "\n.. (and more)";

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request is wrong, whatever the state.
    #[error("{0}")]
    Invalid(String),
    /// The request is right, but not now.
    #[error("{0}")]
    Precondition(String),
    /// What is named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Too much at once; later it may succeed.
    #[error("{0}")]
    Busy(&'static str),
    /// There is no room, and waiting makes none.
    #[error("{0}")]
    Full(String),
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another coordinator leads, if anyone does.
    #[error("this coordinator stands by; {}", match .0 {
        Some(leader) => format!("{leader} leads"),
        None => "no other one leads yet".to_owned(),
    })]
    StandingBy(Option<String>),
    /// Whoever asked does not wait for the answer any more.
    #[error("nobody waits for the answer")]
    Unasked,
}

impl Error {
    /// The request's `field` is wrong.
    pub fn invalid(field: &str, why: impl Display) -> Self {
        Self::Invalid(format!("{field}: {why}"))
    }

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Precondition(_) => Code::FailedPrecondition,
            Self::NotFound(_) => Code::NotFound,
            Self::Busy(_) | Self::Full(_) => Code::ResourceExhausted,
            Self::StandingBy(_) => Code::Unavailable,
            Self::Unasked => Code::Cancelled,
            Self::Dispatch(error) => match error {
                DispatchError::Unknown(_) => Code::NotFound,
                DispatchError::Cancelled(_) | DispatchError::ForeignNumerics(_) => {
                    Code::FailedPrecondition
                }
                DispatchError::NameTaken(_) => Code::AlreadyExists,
                DispatchError::Store(error) => store_code(error),
                DispatchError::Recording(error) => store_code(error),
                DispatchError::Stopping => Code::Unavailable,
            },
            Self::Store(error) => store_code(error),
        }
    }
}

fn store_code(error: &StoreError) -> Code {
    match error {
        StoreError::HashMismatch { .. } => Code::InvalidArgument,
        StoreError::Damaged(_) => Code::DataLoss,
        // The disk is full, the file is locked, the task was torn down: what was asked may be asked again.
        StoreError::Sqlite(_) | StoreError::Postgres(_) | StoreError::Interrupted => {
            Code::Unavailable
        }
        // Whoever leads now may be asked again.
        StoreError::Deposed | StoreError::Lapsed => Code::Unavailable,
        StoreError::Address(_)
        | StoreError::InUse { .. }
        | StoreError::Lock { .. }
        | StoreError::Newer { .. }
        | StoreError::Random(_) => Code::Internal,
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = error.code();
        if matches!(code, Code::Internal | Code::DataLoss) {
            tracing::error!(%error, "a call failed");
        }
        let mut status = Self::new(code, cut(error.to_string()));
        if let Error::StandingBy(leader) = error
            && let Ok(leader) = leader.unwrap_or_default().parse()
        {
            status.metadata_mut().insert(LEADER_KEY, leader);
        }
        status
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        let kept = (0..=MAX_TEXT_BYTES - CUT.len()).rev();
        let end = kept.into_iter().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
        text.push_str(CUT);
    }
    text
}

impl From<InvalidUnit> for Error {
    fn from(error: InvalidUnit) -> Self {
        Self::invalid("unit", error)
    }
}

/// Reads a sweep's identifier.
pub(super) fn sweep_id(text: &str) -> Result<bistable_common::ids::SweepId, Error> {
    text.parse()
        .map_err(|error: InvalidId| Error::invalid("id", error))
}
