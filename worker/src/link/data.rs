//! Data sets by content hash: from memory, from the disk, else from the coordinator.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bistable_common::{ids::Hash, wire::v1};
use tokio::sync::{OnceCell, watch};
use tonic::{Code, Status};

use super::{
    Client,
    address::pushback_of,
    backoff::Backoff,
    cache::Cache,
    surroundings::{Place, Surroundings},
    tally::{Source, Tally},
};
use crate::data::Dataset;

/// Data sets that stay in memory.
const KEPT: usize = 4;
/// The largest content that a worker accepts.
const MAX_BYTES: u64 = 16 << 30;
/// Room that is made on the word of the coordinator alone.
const TRUSTED_BYTES: u64 = 64 << 20;

type Slot = Arc<OnceCell<Arc<Dataset>>>;

/// Where a worker's data sets come from.
pub(super) struct Data {
    surroundings: Arc<dyn Surroundings>,
    cache: Cache,
    clients: watch::Receiver<Option<Client>>,
    /// The most recent ones last.
    kept: Mutex<Vec<(Hash, Slot)>>,
    tally: Tally,
}

/// Why a fetch went wrong.
enum Miss {
    /// Another try may go better.
    Again(String, Option<Duration>),
    /// No other try will.
    Never(String),
}

impl Data {
    pub fn new(
        surroundings: Arc<dyn Surroundings>,
        cache: Cache,
        clients: watch::Receiver<Option<Client>>,
        tally: Tally,
    ) -> Self {
        Self {
            surroundings,
            cache,
            clients,
            kept: Mutex::default(),
            tally,
        }
    }

    /// The data set with this hash. Waits for a coordinator if need be; however many ask, one fetches.
    pub async fn get(&self, hash: Hash) -> Result<Arc<Dataset>, String> {
        let slot = self.slot(hash);
        if slot.initialized() {
            self.tally.loaded(Source::Memory);
        }
        slot.get_or_try_init(|| self.load(hash)).await.cloned()
    }

    fn slot(&self, hash: Hash) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|(key, _)| *key == hash);
        let entry = found.map_or_else(|| (hash, Slot::default()), |index| kept.remove(index));
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        let slot = entry.1.clone();
        kept.push(entry);
        slot
    }

    async fn load(&self, hash: Hash) -> Result<Arc<Dataset>, String> {
        let place = self.surroundings.place();
        let bundled = blocking(&place, Dataset::bundled).await?;
        if bundled.hash() == hash {
            self.tally.loaded(Source::Bundled);
            return Ok(bundled);
        }
        let content = self.content(hash).await?;
        blocking(&place, move || Dataset::from_content(content))
            .await?
            .map(Arc::new)
            .map_err(|error| format!("data set {hash}: {error}"))
    }

    /// Content whose hash is right.
    async fn content(&self, hash: Hash) -> Result<Vec<u8>, String> {
        let (place, cache) = (self.surroundings.place(), self.cache.clone());
        if let Some(content) = blocking(&place, move || cache.get(hash)).await? {
            self.tally.loaded(Source::Disk);
            return Ok(content);
        }
        let content = self.fetch(hash).await?;
        self.tally.loaded(Source::Coordinator);
        let cache = self.cache.clone();
        blocking(&place, move || {
            cache.put(hash, &content);
            content
        })
        .await
    }

    async fn fetch(&self, hash: Hash) -> Result<Vec<u8>, String> {
        let mut clients = self.clients.clone();
        let mut backoff = Backoff::new(&self.surroundings);
        loop {
            let client = clients.wait_for(Option::is_some).await;
            let client = client.map_err(|_| "the worker is leaving")?.clone();
            let Some(client) = client else { continue };
            match download(&self.surroundings.place(), client, hash).await {
                Ok(content) => return Ok(content),
                Err(Miss::Never(reason)) => return Err(format!("data set {hash}: {reason}")),
                Err(Miss::Again(reason, told)) => {
                    tracing::warn!("data set {hash}: {reason}");
                    backoff.wait(told).await;
                }
            }
        }
    }
}

async fn download(place: &Place, mut client: Client, hash: Hash) -> Result<Vec<u8>, Miss> {
    let request = v1::FetchDataRequest {
        hash: hash.0.to_vec().into(),
    };
    let mut pieces = client.fetch_data(request).await.map_err(miss)?.into_inner();
    let mut content = Vec::new();
    while let Some(piece) = pieces.message().await.map_err(miss)? {
        let total = piece.total_bytes;
        if total > MAX_BYTES {
            return Err(Miss::Never(format!("{total} bytes are too many")));
        }
        if (content.len() + piece.chunk.len()) as u64 > total {
            return Err(Miss::Never("more bytes came than announced".to_owned()));
        }
        if content.is_empty() {
            content.reserve_exact(total.min(TRUSTED_BYTES) as usize);
        }
        content.extend_from_slice(&piece.chunk);
    }
    verified(place, content, hash).await
}

async fn verified(place: &Place, content: Vec<u8>, hash: Hash) -> Result<Vec<u8>, Miss> {
    let found = blocking(place, move || {
        let found = Hash::of(&content);
        (content, found)
    });
    match found.await.map_err(|reason| Miss::Again(reason, None))? {
        (content, found) if found == hash => Ok(content),
        _ => Err(Miss::Never("the coordinator sent other content".to_owned())),
    }
}

fn miss(status: Status) -> Miss {
    let message = status.message().to_owned();
    match status.code() {
        Code::NotFound => Miss::Never("the coordinator does not have it".to_owned()),
        Code::InvalidArgument | Code::Unimplemented => Miss::Never(message),
        _ => Miss::Again(message, pushback_of(&status)),
    }
}

async fn blocking<T: Send + 'static>(
    place: &Place,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    place
        .run(work)
        .await
        .map_err(|error| format!("reading a data set failed: {error}"))
}

#[cfg(test)]
#[path = "../../tests/fake/mod.rs"]
#[allow(dead_code, missing_docs)]
mod fake;

#[cfg(test)]
mod tests {
    use super::{fake::Fake, *};
    use crate::link::{Address, Bearer, Machine};

    async fn client(fake: &Fake) -> watch::Receiver<Option<Client>> {
        let channel = Address::from(fake.address).endpoint().connect().await;
        let client = Client::new(Bearer::default().over(channel.expect("a connection")));
        watch::channel(Some(client)).1
    }

    fn nobody() -> watch::Receiver<Option<Client>> {
        watch::channel(None).1
    }

    fn cache(folder: &tempfile::TempDir) -> Cache {
        Cache::new(Some(folder.path().to_owned()))
    }

    #[tokio::test]
    async fn content_is_fetched_once_and_then_on_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let content: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        let hash = Hash::of(&content);
        let fake = Fake::with_data(content.clone()).await;
        let data = Data::new(
            Arc::new(Machine::default()),
            cache(&folder),
            client(&fake).await,
            Tally::default(),
        );
        assert_eq!(data.content(hash).await, Ok(content.clone()));
        drop(fake);
        let later = Data::new(
            Arc::new(Machine::default()),
            cache(&folder),
            nobody(),
            Tally::default(),
        );
        assert_eq!(later.content(hash).await, Ok(content));
    }

    #[tokio::test]
    async fn other_content_is_refused_and_not_cached() {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = Fake::with_data(b"something else".to_vec()).await;
        let data = Data::new(
            Arc::new(Machine::default()),
            cache(&folder),
            client(&fake).await,
            Tally::default(),
        );
        let hash = Hash::of(b"content");
        let error = data.content(hash).await.expect_err("an error");
        assert!(error.contains("other content"), "{error}");
        assert_eq!(cache(&folder).get(hash), None);
    }

    #[tokio::test]
    async fn what_the_coordinator_lacks_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = Fake::start().await;
        let data = Data::new(
            Arc::new(Machine::default()),
            cache(&folder),
            client(&fake).await,
            Tally::default(),
        );
        let error = data.content(Hash::of(b"content")).await;
        assert!(error.is_err_and(|error| error.contains("does not have it")));
    }
}
