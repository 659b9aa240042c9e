//! Spans to a collector, by OTLP over gRPC.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bistable_worker::link::{Address, Credentials, InvalidCredentials};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{self, SpanContext, SpanKind, TraceFlags, TraceState},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, SpanData, SpanProcessor},
};
use tokio::task::spawn_blocking;
use tonic::{Request, Status, metadata::KeyAndMutValueRef};

use super::{Sink, Span, Value};

/// How long spans that are still here at the end may take to be sent.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// Sends spans in batches, in the background; those that a collector does not take in time are lost, and the log says so.
/// What is not said here is said by OpenTelemetry's own variables.
#[derive(Clone)]
pub struct Otlp {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A file that the collector is to be known by, or this coordinator by there, is missing or wrong.
    #[error("cannot send traces: {0}")]
    Credentials(#[from] InvalidCredentials),
    /// OpenTelemetry's variables say something that cannot be done.
    #[error("cannot send traces: {0}")]
    Settings(#[from] ExporterBuildError),
}

impl Otlp {
    /// Sends to a collector; connects when there is something to send. Must be called in a runtime, which it uses.
    pub fn new(collector: &Address) -> Result<Self, OtlpError> {
        let file = |name| {
            std::env::var_os(name)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        let credentials = Credentials {
            tls_ca: file("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            tls_cert: file("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
            tls_key: file("OTEL_EXPORTER_OTLP_CLIENT_KEY"),
            ..Credentials::default()
        };
        if collector.is_secure() {
            credentials.check(std::slice::from_ref(collector))?;
        }
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_channel(credentials.channel_for_later(collector))
            .with_interceptor(discreet)
            .build()?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource());
        Ok(Self {
            processor: processor.into(),
            scope: InstrumentationScope::builder("bistable")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        })
    }

    /// Sends what is still here, and nothing after that.
    pub async fn close(self) {
        let closed = spawn_blocking(move || self.processor.shutdown_with_timeout(LAST_SPANS)).await;
        match closed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}

/// What OTEL_EXPORTER_OTLP_HEADERS holds may be a password: whoever logs headers is told so.
fn discreet(mut request: Request<()>) -> Result<Request<()>, Status> {
    for entry in request.metadata_mut().iter_mut() {
        match entry {
            KeyAndMutValueRef::Ascii(_, value) => value.set_sensitive(true),
            KeyAndMutValueRef::Binary(_, value) => value.set_sensitive(true),
        }
    }
    Ok(request)
}

/// Who sends: `bistable`, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES have another name.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given
        .get(&"service.name".into())
        .map(|name| name.to_string());
    match name.as_deref() {
        Some(name) if !name.starts_with("unknown_service") => given,
        _ => Resource::builder().with_service_name("bistable").build(),
    }
}

impl Sink for Otlp {
    fn take(&self, span: Span) {
        self.processor.on_end(data(span, self.scope.clone()));
    }
}

fn data(span: Span, scope: InstrumentationScope) -> SpanData {
    let Span {
        trace,
        id,
        parent,
        name,
        began,
        ended,
        attributes,
        failure,
    } = span;
    let context = SpanContext::new(
        opentelemetry::TraceId::from_bytes(trace.0),
        opentelemetry::SpanId::from_bytes(id.0),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let parent = parent.map_or(opentelemetry::SpanId::INVALID, |parent| {
        opentelemetry::SpanId::from_bytes(parent.0)
    });
    SpanData {
        span_context: context,
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: began,
        end_time: ended,
        attributes: attributes.into_iter().map(attribute).collect(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: failure.map_or(trace::Status::Unset, trace::Status::error),
        instrumentation_scope: scope,
    }
}

fn attribute((key, value): (&'static str, Value)) -> KeyValue {
    match value {
        Value::Text(text) => KeyValue::new(key, text),
        Value::Number(number) => KeyValue::new(key, number),
    }
}
