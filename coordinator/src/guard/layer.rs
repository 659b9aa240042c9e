//! The guard in front of every service: it sees each call before anything else does.

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll},
};

use tonic::{
    Status,
    body::Body,
    codegen::http::{Request, Response, header::AUTHORIZATION},
};
use tower::{Layer, Service};

use super::{
    Guard,
    body::{Ending, Over},
};

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// A service behind a guard.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let admitted = match self.guard.admit(&request) {
            Ok(admitted) => admitted,
            Err(status) => {
                self.guard.turned_away(&request, status.code());
                return Box::pin(ready(Ok(status.into_http())));
            }
        };
        // Nobody behind the guard needs it, so nobody can show it.
        request.headers_mut().remove(AUTHORIZATION);
        let request = request.map(|body| self.guard.counted(body, admitted.count));
        let answer = self.inner.call(request);
        match admitted.withdrawn {
            Some(withdrawn) => Box::pin(until(withdrawn, answer)),
            None => Box::pin(answer),
        }
    }
}

/// The answer, as far as it goes until `over`.
async fn until(mut over: Over, answer: impl Future<Output = Answer>) -> Answer {
    let answer = tokio::select! {
        biased;
        () = &mut over => return Ok(withdrawn().into_http()),
        answer = answer => answer?,
    };
    Ok(answer.map(|body| Body::new(Ending::new(body, over, withdrawn))))
}

fn withdrawn() -> Status {
    Status::unauthenticated("the token was withdrawn")
}

#[cfg(test)]
mod tests {
    use tonic::codegen::http::HeaderMap;

    use super::*;
    use crate::{guard::Doors, monitor::Counts};

    /// Answers with the headers that it was called with.
    struct Mirror;

    impl Service<Request<Body>> for Mirror {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Answer>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            let mut answer = Response::new(Body::empty());
            *answer.headers_mut() = request.headers().clone();
            ready(Ok(answer))
        }
    }

    async fn seen_behind(guard: &Guard, authorization: &str) -> HeaderMap {
        let request = Request::post("/bistable.v1.SweepService/ListSweeps")
            .header("te", "trailers")
            .header(AUTHORIZATION, authorization)
            .body(Body::empty());
        let answer = guard.layer(Mirror).call(request.expect("a request")).await;
        let Ok(answer) = answer;
        answer.headers().clone()
    }

    #[tokio::test]
    async fn a_token_goes_no_further_than_the_door() {
        let folder = tempfile::tempdir().expect("a folder");
        let token = "read-token-0123456789abcdef";
        std::fs::write(folder.path().join("read"), token).expect("a file");
        let doors = Doors {
            tokens: Some(folder.path().to_owned()),
            ..Doors::default()
        };
        for doors in [doors, Doors::default()] {
            let guard = Guard::start(&doors, Counts::default()).await;
            let seen = seen_behind(&guard.expect("a guard"), &format!("Bearer {token}")).await;
            assert_eq!(seen["te"], "trailers", "the call went through");
            assert!(!seen.contains_key(AUTHORIZATION), "{seen:?}");
        }
    }
}
