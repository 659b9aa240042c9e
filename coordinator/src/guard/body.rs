//! What goes in and out under a guard's eyes: messages are counted and must arrive, and a stream ends when its token is
//! withdrawn.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, http::HeaderMap},
};

use super::{budget::Held, later, messages::Messages};

/// How fast a message must arrive beyond that.
const MIN_BYTES_A_SECOND: u64 = 64 << 10;

/// Something that ends.
pub(super) type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Counts messages; how long to leave the next ones unread.
pub(super) type Count = Box<dyn FnMut(u32) -> Duration + Send>;

/// A request's body. More messages than the client's share wait in front of it; a message that trickles ends it.
pub(super) struct Counted {
    inner: Body,
    messages: Messages,
    count: Count,
    patience: Duration,
    held: Held,
    pause: Option<Pin<Box<Sleep>>>,
    deadline: Option<Pin<Box<Sleep>>>,
    failed: bool,
}

impl Counted {
    pub fn new(inner: Body, count: Count, patience: Duration, held: Held) -> Self {
        Self {
            inner,
            messages: Messages::default(),
            count,
            patience,
            held,
            pause: None,
            deadline: Some(Box::pin(sleep(patience))),
            failed: false,
        }
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let was_whole = self.messages.are_whole();
        let begun = self.messages.read(bytes);
        if begun > 0 {
            let pause = (self.count)(begun);
            self.pause = (!pause.is_zero()).then(|| Box::pin(sleep(pause)));
        }
        if self.messages.are_whole() {
            self.deadline = None;
            self.held.give_back();
            return Ok(());
        }
        if !self.held.take(bytes.len()) {
            self.failed = true;
            return Err(later(
                "too many long messages are on their way",
                Duration::from_secs(1),
            ));
        }
        // A message that ended among these bytes has earned nothing for the one that began.
        match &mut self.deadline {
            Some(deadline) if !was_whole && begun == 0 => {
                let earned =
                    Duration::from_secs_f64(bytes.len() as f64 / MIN_BYTES_A_SECOND as f64);
                let later = deadline.deadline() + earned;
                deadline.as_mut().reset(later);
            }
            _ => self.deadline = Some(Box::pin(sleep(self.patience))),
        }
        Ok(())
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.failed {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame
                && let Some(bytes) = frame.data_ref()
                && let Err(status) = this.take_in(bytes)
            {
                return Poll::Ready(Some(Err(status)));
            }
            return Poll::Ready(frame);
        }
        if let Some(deadline) = &mut this.deadline {
            ready!(deadline.as_mut().poll(cx));
            this.failed = true;
            let late = Status::deadline_exceeded("a message took too long to arrive");
            return Poll::Ready(Some(Err(late)));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer that ends with `why` when something is over.
pub(super) struct Ending {
    inner: Body,
    over: Option<Over>,
    why: fn() -> Status,
}

impl Ending {
    pub fn new(inner: Body, over: Over, why: fn() -> Status) -> Self {
        Self {
            inner,
            over: Some(over),
            why,
        }
    }
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(over) = &mut self.over else {
            return Poll::Ready(None);
        };
        if over.as_mut().poll(cx).is_pending() {
            return Pin::new(&mut self.inner).poll_frame(cx);
        }
        self.over = None;
        // Whoever fills it hears that nobody reads it any more.
        self.inner = Body::empty();
        let status = (self.why)();
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match status.add_header(&mut trailers) {
            Ok(()) => Ok(Frame::trailers(trailers)),
            Err(status) => Err(status),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.over.is_none() || self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use http_body::Body as _;
    use tokio::{sync::oneshot, time::timeout};
    use tokio_stream::wrappers::ReceiverStream;

    use super::{super::budget::Budget, *};

    const MINUTE: Duration = Duration::from_secs(60);

    fn held() -> Held {
        Budget::new(100).part()
    }

    type Pieces = tokio::sync::mpsc::Sender<Bytes>;

    /// A body of pieces, as they come.
    struct Piecewise(ReceiverStream<Bytes>);

    impl http_body::Body for Piecewise {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            use tokio_stream::Stream;
            let next = ready!(Pin::new(&mut self.0).poll_next(cx));
            Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    fn pieces() -> (Pieces, Body) {
        let (sender, receiver) = tokio::sync::mpsc::channel(64);
        (sender, Body::new(Piecewise(ReceiverStream::new(receiver))))
    }

    async fn next<B: http_body::Body<Data = Bytes, Error = Status> + Unpin>(
        body: &mut B,
    ) -> Option<Result<Frame<Bytes>, Status>> {
        std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_trickles_ends_the_call() {
        let (send, inner) = pieces();
        let mut body = Counted::new(inner, Box::new(|_| Duration::ZERO), MINUTE, held());
        let slow = tokio::spawn(async move {
            send.send(Bytes::from_static(&[0, 0, 0, 1, 0]))
                .await
                .expect("room");
            while send.send(Bytes::from_static(&[7])).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let mut heard = 0;
        let ended = loop {
            match next(&mut body).await.expect("a frame") {
                Ok(_) => heard += 1,
                Err(status) => break status,
            }
        };
        assert_eq!(ended.code(), tonic::Code::DeadlineExceeded);
        assert!((59..=62).contains(&heard), "{heard}");
        assert!(next(&mut body).await.is_none());
        slow.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_says_nothing_ends_and_one_between_messages_does_not() {
        let (_send, inner) = pieces();
        let mut silent = Counted::new(inner, Box::new(|_| Duration::ZERO), MINUTE, held());
        let ended = next(&mut silent).await.expect("an end");
        assert_eq!(
            ended.expect_err("late").code(),
            tonic::Code::DeadlineExceeded
        );
        let (send, inner) = pieces();
        let mut patient = Counted::new(inner, Box::new(|_| Duration::ZERO), MINUTE, held());
        send.send(Bytes::from_static(&[0, 0, 0, 0, 1, 7]))
            .await
            .expect("room");
        next(&mut patient).await.expect("a frame").expect("data");
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, next(&mut patient)).await.is_err());
    }

    #[tokio::test]
    async fn messages_that_do_not_end_may_not_use_up_the_memory() {
        let (send, inner) = pieces();
        let mut body = Counted::new(inner, Box::new(|_| Duration::ZERO), MINUTE, held());
        let long = [&[0, 0, 0, 1, 0][..], &[7; 60]].concat();
        for piece in [long, vec![7; 60]] {
            send.send(piece.into()).await.expect("room");
        }
        next(&mut body).await.expect("a frame").expect("data");
        let refused = next(&mut body).await.expect("an end");
        let refused = refused.expect_err("more than there is");
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn messages_beyond_the_share_wait() {
        let (send, inner) = pieces();
        let counted = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&counted);
        let count = move |messages| {
            let all = seen.fetch_add(messages, Ordering::Relaxed) + messages;
            Duration::from_secs(if all > 4 { 3600 } else { 0 })
        };
        let mut body = Counted::new(inner, Box::new(count), MINUTE, held());
        for messages in [2, 3, 1] {
            let bytes = [0, 0, 0, 0, 0].repeat(messages);
            send.send(bytes.into()).await.expect("room");
        }
        for _ in 0..2 {
            next(&mut body).await.expect("a frame").expect("data");
        }
        assert!(timeout(MINUTE, next(&mut body)).await.is_err());
        assert_eq!(counted.load(Ordering::Relaxed), 5);
        next(&mut body).await.expect("a frame").expect("data");
    }

    #[tokio::test]
    async fn an_answer_ends_with_the_reason() {
        let (send, inner) = pieces();
        let (over, told) = oneshot::channel::<()>();
        let over_now = Box::pin(async move { drop(told.await) });
        let mut body = Ending::new(inner, over_now, || Status::unauthenticated("enough"));
        send.send(Bytes::from_static(b"more")).await.expect("room");
        assert!(
            next(&mut body)
                .await
                .expect("a frame")
                .expect("data")
                .is_data()
        );
        drop(over);
        let last = next(&mut body).await.expect("a frame").expect("trailers");
        let trailers = last.into_trailers().expect("trailers");
        assert_eq!(trailers["grpc-status"], "16");
        assert!(body.is_end_stream() && next(&mut body).await.is_none());
        send.closed().await;
    }
}
