//! From a request to its answer.

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue},
};

use super::{Exposition, Watched, process};

/// What is sent.
pub(super) type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a request. A HEAD is answered like a GET; the connection leaves the body out.
pub(super) async fn answer<B>(request: &Request<B>, watched: &dyn Watched, started: f64) -> Answer {
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/livez" | "/readyz") {
        let pages = "there are /metrics, /livez and /readyz\n";
        return text(StatusCode::NOT_FOUND, pages);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "nothing can be changed here\n",
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, allowed);
        return refusal;
    }
    match path {
        "/livez" => verdict(watched.live().await),
        "/readyz" => verdict(watched.ready().await),
        _ => metrics(request, watched, started).await,
    }
}

async fn metrics<B>(request: &Request<B>, watched: &dyn Watched, started: f64) -> Answer {
    let mut exposition = Exposition::default();
    watched.metrics(&mut exposition).await;
    exposition.add(&process::metrics(started));
    let accepted = request.headers().get_all(ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    match exposition.finish(&accepted.join(",")) {
        Ok((kind, text)) => page(StatusCode::OK, kind, text),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn verdict(verdict: Result<(), String>) -> Answer {
    match verdict {
        Ok(()) => text(StatusCode::OK, "ok\n"),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n")),
    }
}

fn text(status: StatusCode, text: &str) -> Answer {
    page(status, TEXT, text.to_owned())
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
