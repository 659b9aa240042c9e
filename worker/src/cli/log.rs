//! What a process says on stderr: to people, or as one JSON object a line to machines.

use std::{
    fmt,
    io::{IsTerminal, stderr},
    panic,
    sync::OnceLock,
};

use clap::{Args, ValueEnum};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::journal::Journal;

/// What is said whatever is logged: what a command tells its user.
const SAID: &str = "said";

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// For whom stderr is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, with timestamp (UTC, RFC 3339), level, target, message, and the fields and spans there are.
    Json,
}

impl LogFormat {
    /// The format that this process was started with.
    pub fn current() -> Self {
        FORMAT.get().copied().unwrap_or_default()
    }

    /// Whether stderr is a terminal, and nobody wants JSON on it.
    pub fn is_for_people_who_look() -> bool {
        Self::current() == Self::Text && stderr().is_terminal()
    }
}

/// How a process says what it does.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogArgs {
    /// How to write to stderr
    ///
    /// RUST_LOG says how much: error, warn, info, debug or trace.
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        env = "BISTABLE_LOG_FORMAT",
        global = true
    )]
    pub log_format: LogFormat,
}

impl LogArgs {
    /// Writes the log to stderr: messages of `level` and worse, unless RUST_LOG says otherwise. Its last lines are kept,
    /// for units that fail.
    pub fn start(self, level: LevelFilter) {
        let format = *FORMAT.get_or_init(|| self.log_format);
        let journal = tracing_subscriber::fmt::layer()
            .with_writer(Journal)
            .with_target(false)
            .with_ansi(false);
        tracing_subscriber::registry()
            .with(filter(format, level))
            .with(layer(format))
            .with(journal)
            .init();
        if format == LogFormat::Json {
            panic::set_hook(Box::new(|panic| tracing::error!(target: SAID, "{panic}")));
        }
    }
}

fn filter(format: LogFormat, level: LevelFilter) -> EnvFilter {
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    let said = format!("{SAID}=info").parse();
    match (format, said) {
        (LogFormat::Json, Ok(said)) => filter.add_directive(said),
        _ => filter,
    }
}

fn layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(stderr);
    match format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .boxed(),
        // A terminal gets colours unless NO_COLOR says otherwise, a file never.
        LogFormat::Text if stderr().is_terminal() => layer.with_target(false).boxed(),
        LogFormat::Text => layer.with_target(false).with_ansi(false).boxed(),
    }
}

/// Tells the user something.
pub fn say(message: fmt::Arguments<'_>) {
    match LogFormat::current() {
        LogFormat::Text => eprintln!("{message}"),
        LogFormat::Json => tracing::info!(target: SAID, "{message}"),
    }
}

/// Tells the user why a command failed.
pub fn complain(message: fmt::Arguments<'_>) {
    match LogFormat::current() {
        LogFormat::Text => eprintln!("error: {message}"),
        LogFormat::Json => tracing::error!(target: SAID, "{message}"),
    }
}
