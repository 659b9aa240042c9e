//! Whoever asks gets a short answer, and nobody can keep others from asking.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

#[derive(Default)]
struct Patient {
    ill: AtomicBool,
    visits: Counter,
}

#[tonic::async_trait]
impl Watched for Patient {
    async fn live(&self) -> Result<(), String> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), String> {
        match self.ill.load(Ordering::Relaxed) {
            true => Err("ill".to_owned()),
            false => Ok(()),
        }
    }

    async fn metrics(&self, exposition: &mut Exposition) {
        self.visits.inc();
        let mut registry = registry();
        registry.register("visits", "Visits", self.visits.clone());
        build_info(&mut registry, Some(Hash([7; 32])));
        exposition.add(&registry);
    }
}

async fn start() -> (Arc<Patient>, Monitor) {
    let patient = Arc::<Patient>::default();
    let watched: Arc<dyn Watched> = patient.clone();
    let anywhere = ([127, 0, 0, 1], 0).into();
    let monitor = Monitor::start(anywhere, watched).await.expect("a port");
    (patient, monitor)
}

async fn connect(monitor: &Monitor) -> TcpStream {
    TcpStream::connect(monitor.addr()).await.expect("a server")
}

/// What the server says to `request` until it closes the connection.
async fn say(monitor: &Monitor, request: &str) -> String {
    let mut stream = connect(monitor).await;
    // A server that has heard enough does not read the rest.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("UTF-8")
}

async fn ask(monitor: &Monitor, method: &str, path: &str) -> String {
    say(
        monitor,
        &format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n"),
    )
    .await
}

#[tokio::test]
async fn it_says_how_the_process_is() {
    let (patient, monitor) = start().await;
    assert!(
        ask(&monitor, "GET", "/livez")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        ask(&monitor, "GET", "/readyz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    patient.ill.store(true, Ordering::Relaxed);
    let ill = ask(&monitor, "GET", "/readyz").await;
    assert!(ill.starts_with("HTTP/1.1 503"), "{ill}");
    assert!(ill.ends_with("\r\n\r\nill\n"), "{ill}");
    let metrics = ask(&monitor, "GET", "/metrics?x=1").await;
    assert!(metrics.contains("\nbistable_visits_total 1\n"), "{metrics}");
    let build = format!("numerics=\"{}\"}} 1\n", Hash([7; 32]));
    assert!(metrics.contains(&build), "{metrics}");
    assert!(
        metrics.contains("\n# TYPE process_start_time_seconds gauge\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn nothing_else_is_answered() {
    let (_patient, monitor) = start().await;
    for path in ["/", "/metrics/", "/etc/passwd", "/../metrics", "//livez"] {
        let answer = ask(&monitor, "GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"] {
        let answer = ask(&monitor, method, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{method}: {answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    }
    let head = ask(&monitor, "HEAD", "/livez").await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let nonsense = say(&monitor, "\0\u{1}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(
        nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 400"),
        "{nonsense}"
    );
    let long = format!("GET /livez HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = say(&monitor, &long).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_waiting_for_long() {
    let (_patient, monitor) = start().await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        let mut stream = connect(&monitor).await;
        stream.write_all(b"GET /livez HT").await.expect("a server");
        silent.push(stream);
    }
    // They are all in front of it; it is served when their time is up.
    let answer = ask(&monitor, "GET", "/livez").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(silent);
}
