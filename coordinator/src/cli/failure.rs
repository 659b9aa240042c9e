//! What can go wrong in a command, and how it is told: one readable report, and an exit code.

use std::{io, path::Path, process::ExitCode};

use bistable_common::sweep::DocumentError;
use bistable_worker::{
    cli::{LogFormat, complain, say},
    link::LinkError,
};
use tonic::Status;

use crate::{client::ClientError, plot::PlotError, server::ServerError, store::StoreError};

/// As shells count: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A sweep document is wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A coordinator did not answer, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The coordinator in this process could not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The worker in this process cannot work.
    #[error(transparent)]
    Worker(#[from] LinkError),
    /// A plot could not be made.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// Anything else, as a sentence that says what to do.
    #[error("{0}")]
    Other(String),
    /// The user ended it. How to go on was said already.
    #[error("interrupted")]
    Interrupted,
    /// Everything is said already; scripts want to know.
    #[error("the sweep is not complete")]
    Incomplete,
    /// Whoever read our output has read enough.
    #[error("nobody reads the output")]
    BrokenPipe,
}

impl Failure {
    /// A file that could not be used.
    pub fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::Other(format!("cannot {what} {}: {error}", path.display()))
    }

    /// Tells the user, and the shell.
    pub fn report(self) -> ExitCode {
        match self {
            Self::BrokenPipe => return ExitCode::SUCCESS,
            Self::Interrupted => return ExitCode::from(INTERRUPTED),
            Self::Incomplete => {}
            Self::Document(error) => report(&format!("{:?}", miette::Report::new(error))),
            // A coordinator answers a wrong document with a finished report.
            Self::Client(ClientError::Refused(status)) if status.message().contains('\n') => {
                report(status.message().trim_end());
            }
            other => complain(format_args!("{other}")),
        }
        ExitCode::FAILURE
    }
}

/// A finished report for people; machines are told what kind of message it is.
fn report(text: &str) {
    match LogFormat::current() {
        LogFormat::Text => say(format_args!("{text}")),
        LogFormat::Json => complain(format_args!("{text}")),
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Client(status.into())
    }
}
