//! Traces, as a collector gets them that is not ours: what is read here of OTLP is written down anew.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bistable_worker::tls::{H2, Pem, server as tls_server};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, http},
    server::{Grpc, NamedService},
    transport::Server,
};
use tonic_prost::ProstCodec;

use crate::{
    certificates::{Authority, Good, HERE},
    processes::{Runs, assert_fails, command, digest, json, stderr, undisturbed},
    sweeps::quadratic,
};

#[derive(Clone, PartialEq, prost::Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

/// What a collector has been sent.
#[derive(Default)]
struct Heard {
    resources: Vec<ResourceSpans>,
    authorizations: Vec<String>,
}

impl Heard {
    fn spans(&self) -> Vec<&Span> {
        let scopes = self.resources.iter().flat_map(|resource| &resource.scopes);
        scopes.flat_map(|scope| &scope.spans).collect()
    }

    fn names(&self) -> BTreeMap<&str, usize> {
        let mut names = BTreeMap::new();
        for span in self.spans() {
            *names.entry(span.name.as_str()).or_default() += 1;
        }
        names
    }

    /// What a resource says of itself.
    fn resource(&self, key: &str) -> Option<&str> {
        let attributes = &self.resources.first()?.resource.as_ref()?.attributes;
        let said = attributes.iter().find(|said| said.key == key)?;
        said.value.as_ref()?.text.as_deref()
    }
}

/// A collector at a port of its own.
struct Collector {
    addr: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    runtime: Runtime,
}

impl Collector {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let heard = Arc::<Mutex<Heard>>::default();
        let server = Server::builder().add_service(Service(Arc::clone(&heard)));
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            addr,
            heard,
            runtime,
        }
    }

    /// Another port, where TLS is spoken.
    fn secured(&self, certificate: &Pem, key: &Pem) -> SocketAddr {
        let chain = certificate.certificates().expect("a certificate");
        let config = tls_server()
            .with_no_client_auth()
            .with_single_cert(chain, key.key().expect("a key"));
        let mut config = config.expect("a server");
        config.alpn_protocols = vec![H2.to_vec()];
        let (acceptor, inner) = (TlsAcceptor::from(Arc::new(config)), self.addr);
        let listener = self.runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.expect("a port");
        let addr = listener.local_addr().expect("an address");
        self.runtime.spawn(async move {
            while let Ok((outer, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut outer = acceptor.accept(outer).await?;
                    copy_bidirectional(&mut outer, &mut TcpStream::connect(inner).await?).await
                });
            }
        });
        addr
    }
}

#[derive(Clone)]
struct Service(Arc<Mutex<Heard>>);

impl NamedService for Service {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl tower::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let heard = Arc::clone(&self.0);
        let hear = tower::service_fn(move |request: Request<Export>| {
            let mut heard = heard.lock().expect("spans");
            if let Some(shown) = request.metadata().get("authorization") {
                let shown = shown.to_str().expect("text").to_owned();
                heard.authorizations.push(shown);
            }
            heard.resources.extend(request.into_inner().resources);
            async { Ok::<_, Status>(Response::new(())) }
        });
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<(), Export>::default());
            Ok(grpc.unary(hear, request).await)
        })
    }
}

/// `bistable run` of a document that tells `collector` of it.
fn run(runs: &Runs, collector: &str) -> Command {
    let file = runs.write("sweep.toml", quadratic());
    let (file, store) = (
        file.display().to_string(),
        runs.store().display().to_string(),
    );
    let fixed = ["run", &file, "--store", &store, "--json", "--no-plots"];
    command(fixed.into_iter().chain(["--traces", collector]))
}

#[test]
fn a_collector_gets_the_whole_story() {
    let (collector, runs) = (Collector::start(), Runs::new());
    let mut run = run(&runs, &format!("http://{}", collector.addr));
    run.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test");
    let output = run.output().expect("the binary runs");
    assert_eq!(digest(&json(&output)), undisturbed(&quadratic(), &[]));
    let heard = collector.heard.lock().expect("spans");
    assert_eq!(heard.resource("service.name"), Some("bistable"));
    assert_eq!(heard.resource("deployment.environment"), Some("test"));
    let names = heard.names();
    for once in ["sweep", "submit", "check", "plan", "estimate"] {
        assert_eq!(names.get(once), Some(&1), "{once}: {names:?}");
    }
    for each in ["unit", "compute", "report", "commit"] {
        assert_eq!(names.get(each), Some(&108), "{each}: {names:?}");
    }
    let spans = heard.spans();
    let root = spans.iter().find(|span| span.parent_span_id.is_empty());
    let root = root.expect("a root");
    assert_eq!(root.name, "sweep");
    assert!(root.start_time_unix_nano < root.end_time_unix_nano);
    let units = root
        .attributes
        .iter()
        .find(|said| said.key == "bistable.units");
    assert_eq!(
        units.and_then(|said| said.value.as_ref()?.number),
        Some(108)
    );
    for span in &spans {
        assert_eq!(span.trace_id, root.trace_id);
        let parent = |of: &&&Span| of.span_id == span.parent_span_id;
        assert!(
            span.span_id == root.span_id || spans.iter().any(|of| parent(&of)),
            "{span:?}"
        );
    }
}

#[test]
fn traces_are_sent_over_tls_and_passwords_stay_out_of_the_log() {
    let (collector, runs) = (Collector::start(), Runs::new());
    let authority = Authority::new("collectors");
    let pair = authority
        .signs(HERE, Good::Now)
        .write(runs.folder.path(), "collector");
    let trusted = runs.write("ca.pem", authority.pem());
    let pem = |path| Pem::read(path).expect("a file");
    let addr = collector.secured(&pem(&pair.certificate), &pem(&pair.key));
    let mut run = run(&runs, &format!("https://{HERE}:{}", addr.port()));
    run.env("OTEL_EXPORTER_OTLP_CERTIFICATE", &trusted);
    run.env(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=Bearer%20open-sesame",
    );
    run.env("RUST_LOG", "trace");
    let output = run.output().expect("the binary runs");
    json(&output);
    let heard = collector.heard.lock().expect("spans");
    assert_eq!(heard.names().get("sweep"), Some(&1));
    assert!(
        heard
            .authorizations
            .iter()
            .all(|shown| shown == "Bearer open-sesame")
    );
    assert!(!heard.authorizations.is_empty());
    assert!(!stderr(&output).contains("sesame"));
}

#[test]
fn a_collector_s_authority_that_is_not_there_is_said_at_once() {
    let runs = Runs::new();
    let mut run = run(&runs, "https://collector:4317");
    run.env("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem");
    let output = run.output().expect("the binary runs");
    assert_fails(&output, &["cannot send traces", "/nowhere/ca.pem"]);
}

#[test]
fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let runs = Runs::new();
    // Nobody listens there: the port is ours, and closed again.
    let away = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let output = run(&runs, &format!("http://{away}"))
        .output()
        .expect("the binary runs");
    assert_eq!(digest(&json(&output)), undisturbed(&quadratic(), &[]));
    let log = stderr(&output);
    assert!(log.contains("WARN") || log.contains("ERROR"), "{log}");
    assert!(fs::exists(runs.store()).expect("a store"));
}
