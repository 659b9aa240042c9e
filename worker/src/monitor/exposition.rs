//! Metrics as text, in either of the two forms that Prometheus reads.

use std::{collections::BTreeSet, fmt};

use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    registry::Registry,
};

/// The form that everything reads.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The newer form, for those who ask for it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics, as far as they were added.
#[derive(Debug, Default)]
pub struct Exposition {
    open_metrics: String,
    failed: Option<fmt::Error>,
}

impl Exposition {
    /// Adds what is registered. No name may come twice.
    pub fn add(&mut self, registry: &Registry) {
        let added = encode_registry(&mut self.open_metrics, registry);
        self.failed = self.failed.or(added.err());
    }

    /// The text, and what it is, for someone who accepts `accept`.
    pub(super) fn finish(mut self, accept: &str) -> Result<(&'static str, String), fmt::Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !prefers_open_metrics(accept) {
            return Ok((PLAIN, plain(&self.open_metrics)));
        }
        encode_eof(&mut self.open_metrics)?;
        Ok((OPEN_METRICS, self.open_metrics))
    }
}

/// Whether the newer form is accepted no less than the older.
fn prefers_open_metrics(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let weights = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next()?;
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            kind.eq_ignore_ascii_case(wanted).then_some(weight)
        });
        weights.fold(0.0, f64::max)
    };
    let open_metrics = weight("application/openmetrics-text");
    open_metrics > 0.0 && open_metrics >= weight("text/plain")
}

/// The older form of the newer: a counter is declared by the name that its samples have, and units are left to names.
fn plain(open_metrics: &str) -> String {
    let declared = |line: &str| {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(name.to_owned())
    };
    let counters: BTreeSet<String> = open_metrics.lines().filter_map(declared).collect();
    let mut text = String::with_capacity(open_metrics.len() + 16 * counters.len());
    for line in open_metrics.lines() {
        if line.starts_with("# UNIT ") {
            continue;
        }
        match meta(line) {
            Some((keyword, name, rest)) if counters.contains(name) => {
                text.extend(["# ", keyword, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The parts of a line that says something about a metric.
fn meta(line: &str) -> Option<(&str, &str, &str)> {
    let mut parts = line.strip_prefix("# ")?.splitn(3, ' ');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        metrics::{counter::Counter, gauge::Gauge},
        registry::Unit,
    };

    use super::*;

    fn exposition() -> Exposition {
        let mut registry = Registry::with_prefix("bistable");
        let (counter, gauge) = (Counter::<u64>::default(), Gauge::<i64>::default());
        counter.inc_by(3);
        registry.register("reports", "Reports", counter);
        registry.register_with_unit("work", "Work", Unit::Seconds, gauge);
        let mut exposition = Exposition::default();
        exposition.add(&registry);
        exposition
    }

    #[test]
    fn the_older_form_declares_samples() {
        let (kind, text) = exposition().finish("").expect("text");
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(
            text,
            "# HELP bistable_reports_total Reports.\n\
             # TYPE bistable_reports_total counter\n\
             bistable_reports_total 3\n\
             # HELP bistable_work_seconds Work.\n\
             # TYPE bistable_work_seconds gauge\n\
             bistable_work_seconds 0\n"
        );
    }

    #[test]
    fn the_newer_form_is_for_those_who_ask() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let (kind, text) = exposition().finish(prometheus).expect("text");
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        assert!(text.contains("# TYPE bistable_reports counter\n"), "{text}");
        assert!(text.contains("# UNIT bistable_work_seconds seconds\n"));
        assert!(text.ends_with("# EOF\n"));
        for other in [
            "*/*",
            "text/plain",
            "text/plain;q=0.9,application/openmetrics-text;q=0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=oops",
        ] {
            let (kind, _) = exposition().finish(other).expect("text");
            assert!(kind.starts_with("text/plain"), "{other}");
        }
    }
}
