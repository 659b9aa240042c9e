//! Data sets by content hash, in chunks, both ways.

use std::{sync::Arc, time::Duration};

use bistable_common::{
    ids::Hash,
    wire::{
        CHUNK_BYTES,
        v1::{self, upload_data_request::Message},
    },
};
use bistable_worker::data::Dataset;
use tonic::Streaming;

use super::{Context, Error, Responses, Sink, fail, responses};
use crate::{
    board::Timestamp,
    dispatch::Clock,
    monitor::Counts,
    store::{Store, StoreError, StoredData, blocking},
};

/// How long an upload may be silent: it keeps others out.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How fast an upload must be beyond that.
const MIN_UPLOAD_BYTES_A_SECOND: u64 = 64 << 10;

fn hash(bytes: &[u8]) -> Result<Hash, Error> {
    Hash::try_from(bytes).map_err(|error| Error::invalid("hash", error))
}

/// Whether a data set is present.
pub(super) async fn stat(
    context: &Context,
    request: v1::StatDataRequest,
) -> Result<v1::StatDataResponse, Error> {
    let hash = hash(&request.hash)?;
    let data = blocking::<_, StoreError>(&context.store, move |store| store.data(hash)).await?;
    Ok(v1::StatDataResponse {
        present: data.is_some(),
    })
}

/// Sends a data set, a chunk in memory at a time.
pub(super) async fn fetch(
    context: &Context,
    request: v1::FetchDataRequest,
) -> Result<Responses<v1::FetchDataResponse>, Error> {
    let hash = hash(&request.hash)?;
    let data = blocking::<_, StoreError>(&context.store, move |store| store.data(hash)).await?;
    let data = data.ok_or_else(|| Error::NotFound(format!("there is no data set {hash}")))?;
    let (sink, stream) = responses();
    let (store, counts) = (Arc::clone(&context.store), context.watchers.counts.clone());
    tokio::spawn(async move {
        if let Err(error) = send(&store, data, &sink, &counts).await {
            fail(&sink, error).await;
        }
    });
    Ok(stream)
}

async fn send(
    store: &Arc<dyn Store>,
    data: StoredData,
    sink: &Sink<v1::FetchDataResponse>,
    counts: &Counts,
) -> Result<(), Error> {
    let chunks = data.bytes.div_ceil(CHUNK_BYTES as u64);
    for index in 0..u32::try_from(chunks).unwrap_or(u32::MAX) {
        let read = move |store: &dyn Store| store.data_chunk(data.hash, index);
        let chunk = blocking::<_, StoreError>(store, read).await?;
        let chunk = chunk
            .ok_or_else(|| StoreError::Damaged(format!("data set {} ends early", data.hash)))?;
        let bytes = chunk.len() as u64;
        let message = v1::FetchDataResponse {
            total_bytes: data.bytes,
            chunk: chunk.into(),
        };
        if sink.send(Ok(message)).await.is_err() {
            return Ok(());
        }
        counts.sent.inc_by(bytes);
    }
    Ok(())
}

/// Receives a data set and keeps it if it is what was announced, and a data set at all.
pub(super) async fn upload(
    context: &Context,
    mut incoming: Streaming<v1::UploadDataRequest>,
) -> Result<v1::UploadDataResponse, Error> {
    let store = context.leading()?.store;
    let place = context.room.enter()?;
    let mut pace = Pace::start();
    let Some(Message::Header(header)) = next(&mut incoming, &pace).await? else {
        return Err(Error::invalid("message", "an upload begins with a header"));
    };
    let (announced, total) = (hash(&header.hash)?, header.total_bytes);
    let room = Arc::clone(&context.room);
    blocking(&store, move |store| room.check(store, announced, total)).await?;
    let content = receive(&mut incoming, total, &mut pace).await?;
    context
        .watchers
        .counts
        .received
        .inc_by(content.len() as u64);
    let room = Arc::clone(&context.room);
    blocking(&store, move |store| {
        // Until it is done with the content, which whoever sent it need not wait for.
        let _place = place;
        // Before it is looked at: damage on the way is another mistake than a file of another kind.
        let found = Hash::of(&content);
        if found != announced {
            return Err(StoreError::HashMismatch { announced, found }.into());
        }
        let dataset = Dataset::from_content(content)
            .map_err(|error| Error::Invalid(format!("not a data set: {error}")))?;
        room.keep(store, &dataset)
    })
    .await?;
    Ok(v1::UploadDataResponse {})
}

async fn receive(
    incoming: &mut Streaming<v1::UploadDataRequest>,
    total: u64,
    pace: &mut Pace,
) -> Result<Vec<u8>, Error> {
    // Grows with what arrives, not with what was announced.
    let mut content = Vec::new();
    while let Some(message) = next(incoming, pace).await? {
        let Message::Chunk(chunk) = message else {
            return Err(Error::invalid("message", "an upload has one header"));
        };
        if chunk.len() > CHUNK_BYTES {
            return Err(Error::invalid("chunk", "more than 1 MiB"));
        }
        if content.len() as u64 + chunk.len() as u64 > total {
            return Err(Error::invalid("chunk", "more bytes than were announced"));
        }
        content.extend_from_slice(&chunk);
        pace.received = content.len() as u64;
    }
    if content.len() as u64 != total {
        return Err(Error::Invalid(format!(
            "the upload ended after {} of {total} bytes",
            content.len()
        )));
    }
    Ok(content)
}

/// How an upload gets on. It may neither fall silent nor trickle.
struct Pace {
    clock: Clock,
    started: Timestamp,
    received: u64,
}

impl Pace {
    fn start() -> Self {
        let clock = Clock::start(Timestamp::default());
        Self {
            started: clock.now(),
            clock,
            received: 0,
        }
    }

    /// How long to wait for the next message.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.received / MIN_UPLOAD_BYTES_A_SECOND);
        let spent = self.clock.now().since(self.started);
        (UPLOAD_TIMEOUT + earned)
            .saturating_sub(spent)
            .min(UPLOAD_TIMEOUT)
    }
}

async fn next(
    incoming: &mut Streaming<v1::UploadDataRequest>,
    pace: &Pace,
) -> Result<Option<Message>, Error> {
    let message = tokio::time::timeout(pace.patience(), incoming.message()).await;
    match message {
        Ok(Ok(None)) => Ok(None),
        Ok(Ok(Some(v1::UploadDataRequest { message }))) => {
            let missing = || Error::invalid("message", "neither header nor chunk");
            message.map(Some).ok_or_else(missing)
        }
        Ok(Err(_)) => Err(Error::Invalid("the upload broke off".into())),
        Err(_) => Err(Error::Busy("the upload was silent or slow for too long")),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use http_body::Frame;
    use tonic::{
        Status,
        codec::{DecodeBuf, Decoder},
        codegen::Bytes,
    };

    use super::*;

    /// A call in which nothing is ever said.
    struct Silence;

    impl http_body::Body for Silence {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    impl Decoder for Silence {
        type Item = v1::UploadDataRequest;
        type Error = Status;

        fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
            Ok(None)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_is_silent_is_not_waited_for() {
        let mut silent = Streaming::new_request(Silence, Silence, None, None);
        let (hour, pace) = (Duration::from_secs(3600), Pace::start());
        let ended = tokio::time::timeout(hour, next(&mut silent, &pace)).await;
        assert!(matches!(ended, Ok(Err(Error::Busy(_)))), "{ended:?}");
    }

    fn patience(seconds: u64, received: u64) -> Duration {
        let clock = Clock::start(Timestamp(1 << 40));
        let started = Timestamp(clock.now().0 - 1000 * seconds);
        let pace = Pace {
            clock,
            started,
            received,
        };
        pace.patience()
    }

    #[test]
    fn an_upload_that_trickles_is_not_waited_for() {
        assert!(patience(0, 0) > Duration::from_secs(59));
        assert_eq!(patience(61, 100), Duration::ZERO);
        // An hour for as much as takes an hour at the lowest pace, and a minute.
        let hour = 3600 * MIN_UPLOAD_BYTES_A_SECOND;
        assert!(patience(3600, hour) > Duration::from_secs(59));
        assert_eq!(patience(3661, hour), Duration::ZERO);
        // Haste buys no silence.
        assert_eq!(patience(1, 1 << 30), UPLOAD_TIMEOUT);
    }
}
