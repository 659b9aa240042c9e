//! The services of `bistable.v1`: convert, call, convert. What they know of the world is the coordinator's role and a
//! store to read from. Only a leader takes work and decisions; everyone answers questions.

mod beat;
mod catalog;
mod convert;
mod data;
mod error;
pub mod estimate_wire;
#[cfg(test)]
mod fuzz;
mod orders;
mod query;
mod report;
mod result;
mod retry;
mod room;
mod session;
mod shape;
mod sweep;
mod troubles;
mod view;
mod watch;
mod work;

use std::sync::Arc;

use bistable_common::ids::Hash;
use bistable_worker::data::Dataset;
use tokio::sync::{Semaphore, mpsc, watch as news};
use tokio_stream::wrappers::ReceiverStream;

pub(crate) use error::Error;
use orders::Orders;
pub(crate) use report::MAX_UNITS;
pub(crate) use result::Results;
pub(crate) use room::keep;
pub(crate) use sweep::Sweeps;
pub(crate) use work::Work;

use self::{room::Room, view::View};
use crate::{
    dispatch::Replica,
    guard::DataLimits,
    lead::{Leading, Role},
    monitor::Watchers,
    store::Store,
};

/// The largest message that is read.
pub(crate) const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// Messages of a stream that wait for a slow reader, at most.
const STREAM_BUFFER: usize = 4;

/// Computations of estimates at a time.
const MAX_QUERIES: usize = 4;

/// What every service shares.
#[derive(Clone)]
pub(crate) struct Context {
    roles: news::Receiver<Role>,
    replica: Replica,
    /// To read from.
    pub store: Arc<dyn Store>,
    pub numerics: Hash,
    /// What documents mean by the bundled data set.
    pub bundled: Option<Arc<Dataset>>,
    /// What reports are compared with.
    pub orders: Orders,
    pub watchers: Watchers,
    room: Arc<Room>,
    queries: Arc<Semaphore>,
}

impl Context {
    pub fn new(
        roles: news::Receiver<Role>,
        replica: Replica,
        store: Arc<dyn Store>,
        numerics: Hash,
        bundled: Option<Arc<Dataset>>,
        watchers: Watchers,
        data: DataLimits,
    ) -> Self {
        Self {
            roles,
            replica,
            store,
            numerics,
            bundled,
            orders: Orders::default(),
            watchers,
            room: Arc::new(Room::new(data)),
            queries: Arc::new(Semaphore::new(MAX_QUERIES)),
        }
    }

    /// What only a leader has.
    fn leading(&self) -> Result<Leading, Error> {
        match &*self.roles.borrow() {
            Role::Leading(leading) => Ok(leading.clone()),
            Role::StandingBy { leader } => Err(Error::StandingBy(leader.clone())),
        }
    }

    /// Waits until the coordinator no longer leads with a board that has stopped; false if that is its end.
    async fn next_role(&self) -> bool {
        let mut roles = self.roles.clone();
        let goes_on = |role: &Role| match role {
            Role::Leading(leading) => !leading.dispatch.has_stopped(),
            Role::StandingBy { .. } => true,
        };
        roles.wait_for(goes_on).await.is_ok()
    }

    /// What anyone can say about sweeps.
    fn view(&self) -> View {
        match &*self.roles.borrow() {
            Role::Leading(leading) => View::Board(leading.dispatch.clone()),
            Role::StandingBy { .. } => View::Store(self.replica.clone()),
        }
    }
}

/// A service's stream.
type Responses<T> = ReceiverStream<Result<T, tonic::Status>>;

/// Where a stream's messages go in.
type Sink<T> = mpsc::Sender<Result<T, tonic::Status>>;

/// A bounded stream of responses.
fn responses<T>() -> (Sink<T>, Responses<T>) {
    let (sink, stream) = mpsc::channel(STREAM_BUFFER);
    (sink, ReceiverStream::new(stream))
}

/// Ends a stream with an error, if somebody still reads it.
async fn fail<T>(sink: &Sink<T>, error: Error) {
    let _ = sink.send(Err(error.into())).await;
}
