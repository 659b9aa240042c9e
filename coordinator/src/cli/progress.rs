//! Progress on stderr: a bar on a terminal, else a line every few seconds.

use std::time::{Duration, Instant};

use bistable_common::wire::v1;
use bistable_worker::cli::{LogFormat, say};
use indicatif::{ProgressBar, ProgressStyle};

use super::status::name_of;

const LINE_EVERY: Duration = Duration::from_secs(5);
const SWEEP: &str = "{prefix} [{bar:30}] {pos}/{len} units, {msg}";
const UPLOAD: &str = "{prefix} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";

/// A sweep's progress.
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { next: Instant },
}

impl Progress {
    #[expect(
        clippy::disallowed_methods,
        reason = "a terminal's clock, which nothing is computed from"
    )]
    pub fn new() -> Self {
        if LogFormat::is_for_people_who_look() {
            Self::Bar(bar(0, SWEEP))
        } else {
            Self::Lines {
                next: Instant::now() + LINE_EVERY,
            }
        }
    }

    /// Shows `status`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a terminal's clock, which nothing is computed from"
    )]
    pub fn show(&mut self, status: &v1::SweepStatus) {
        match self {
            Self::Bar(bar) => {
                bar.set_prefix(status.name.clone());
                bar.set_length(status.units_total);
                bar.set_position(status.units_done);
                bar.set_message(details(status));
            }
            Self::Lines { next } => {
                let now = Instant::now();
                if now >= *next {
                    *next = now + LINE_EVERY;
                    say(format_args!("{}", line(status)));
                }
            }
        }
    }

    /// Takes the bar away: what follows is the result.
    pub fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A bar for `bytes` of an upload; hidden if stderr is no terminal.
pub(super) fn upload(bytes: u64) -> ProgressBar {
    if !LogFormat::is_for_people_who_look() {
        return ProgressBar::hidden();
    }
    let bar = bar(bytes, UPLOAD);
    bar.set_prefix("uploading data");
    bar
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(length).with_style(style)
}

fn line(status: &v1::SweepStatus) -> String {
    format!(
        "{}: {}/{} units, {}",
        status.name,
        status.units_done,
        status.units_total,
        details(status)
    )
}

fn details(status: &v1::SweepStatus) -> String {
    let eta = match status.eta_seconds {
        Some(seconds) => format!("{} left", duration(seconds)),
        None => name_of(status.state()).to_owned(),
    };
    let trouble = match (status.units_quarantined, status.units_conflicting) {
        (0, 0) => String::new(),
        (given_up, 0) => format!(", {given_up} units gave up"),
        (0, conflicting) => format!(", {conflicting} units CONFLICT"),
        (given_up, conflicting) => {
            format!(", {given_up} units gave up, {conflicting} CONFLICT")
        }
    };
    format!(
        "{}/{} experiments, {eta}{trouble}",
        status.experiments_done, status.experiments_total
    )
}

/// A time for people: two units at most.
pub(super) fn duration(seconds: f64) -> String {
    if !(0.0..1e9).contains(&seconds) {
        return "very long".to_owned();
    }
    let whole = seconds.round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole}s"),
        (0, 0, _) => format!("{minutes}m {}s", whole % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0.4, 59.0, 61.0, 3700.0, 90_000.0, f64::INFINITY, f64::NAN].map(duration);
        let expected = [
            "0s",
            "59s",
            "1m 1s",
            "1h 1m",
            "1d 1h",
            "very long",
            "very long",
        ];
        assert_eq!(shown, expected);
    }
}
