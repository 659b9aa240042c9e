//! Where results go: stdout, as text or JSON. Everything else goes to stderr.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use super::failure::Failure;

/// A command's result.
pub(super) trait Show: Serialize {
    /// For people; ends with a newline if it is not empty.
    fn text(&self) -> String;
}

/// In which form a result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(super) struct Form {
    /// Print JSON on stdout, for programs
    #[arg(long)]
    pub json: bool,
}

impl Form {
    /// Writes `value` to stdout.
    pub fn show(self, value: &impl Show) -> Result<(), Failure> {
        if !self.json {
            return print(&value.text());
        }
        let json = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::Other(format!("the result is no JSON: {error}")))?;
        print(&(json + "\n"))
    }
}

/// Writes to stdout.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| written(&error))
}

/// What a failed write to stdout means.
pub(super) fn written(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::Other(format!("cannot write the result: {error}")),
    }
}
