//! Where traces go. Without the feature `otel` there is nothing to choose: they go nowhere.

#[cfg(feature = "otel")]
use bistable_worker::link::Address;
use clap::Args;

use super::failure::Failure;
#[cfg(feature = "otel")]
use crate::spans::Otlp;
use crate::spans::Spans;

/// Who is told of what is done.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// Send traces to this OpenTelemetry collector, by OTLP over gRPC: http://host:4317 or https://host:4317
    ///
    /// A sweep is a trace, from submit to result. Of OpenTelemetry's other variables OTEL_SERVICE_NAME,
    /// OTEL_RESOURCE_ATTRIBUTES, those of the batches (OTEL_BSP_...) and OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _CERTIFICATE,
    /// _CLIENT_CERTIFICATE and _CLIENT_KEY are heard.
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = collector)]
    traces: Option<Address>,

    /// About how many units of a sweep its trace follows; always the same ones
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "N", default_value_t = 1000)]
    trace_units: u64,
}

#[cfg(feature = "otel")]
fn collector(text: &str) -> Result<Address, &'static str> {
    text.parse()
        .map_err(|_| "write http://host:4317 or https://host:4317")
}

/// Traces on their way.
#[derive(Default)]
pub(super) struct Traces {
    /// What is to tell them.
    pub spans: Spans,
    #[cfg(feature = "otel")]
    otlp: Option<Otlp>,
}

#[cfg(feature = "otel")]
impl TraceArgs {
    pub fn start(&self) -> Result<Traces, Failure> {
        let Some(collector) = &self.traces else {
            return Ok(Traces::default());
        };
        let otlp = Otlp::new(collector).map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Traces {
            spans: Spans::new(otlp.clone(), self.trace_units),
            otlp: Some(otlp),
        })
    }
}

#[cfg(feature = "otel")]
impl Traces {
    /// Sends what has not been sent yet.
    pub async fn close(self) {
        if let Some(otlp) = self.otlp {
            otlp.close().await;
        }
    }
}

#[cfg(not(feature = "otel"))]
impl TraceArgs {
    pub fn start(&self) -> Result<Traces, Failure> {
        Ok(Traces::default())
    }
}

#[cfg(not(feature = "otel"))]
impl Traces {
    pub async fn close(self) {}
}
