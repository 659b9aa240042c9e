//! Room for data sets: how large one may be, how much all of them may take together, and how many come in at a time.

use std::sync::{Arc, Mutex, PoisonError};

use bistable_common::ids::Hash;
use bistable_worker::data::Dataset;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;
use crate::{
    guard::DataLimits,
    store::{Store, StoreError, StoredData},
};

/// Uploads at a time: each is in memory as a whole until it is verified and kept.
const MAX_UPLOADS: usize = 2;

/// What a data set takes beside its content, amply: without it a disk could be filled with the descriptions of tiny ones.
const OVERHEAD: u64 = 4 << 10;

/// The room of a coordinator.
pub(super) struct Room {
    limits: DataLimits,
    uploads: Arc<Semaphore>,
    keeping: Mutex<()>,
}

impl Room {
    pub fn new(limits: DataLimits) -> Self {
        Self {
            limits,
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
            keeping: Mutex::default(),
        }
    }

    /// A place for an upload, until it is dropped.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.uploads).try_acquire_owned();
        place.map_err(|_| Error::Busy("other uploads are under way; try again in a moment"))
    }

    /// Refuses a data set that there is no room for. One that is there already takes none.
    pub fn check(&self, store: &dyn Store, hash: Hash, bytes: u64) -> Result<(), Error> {
        let DataLimits { each, all } = self.limits;
        if bytes > each {
            let most = format!("a data set has at most {each} bytes here");
            return Err(Error::invalid("total_bytes", most));
        }
        if store.data(hash)?.is_some() {
            return Ok(());
        }
        let stored = store.data_total()?;
        let taken = stored
            .bytes
            .saturating_add(stored.sets.saturating_mul(OVERHEAD));
        match taken.saturating_add(bytes).saturating_add(OVERHEAD) > all {
            true => Err(Error::Full(format!(
                "there is no room for a data set of {bytes} bytes: all together take at most {all} bytes here, and the {} that \
                 are stored take {taken} ({OVERHEAD} each beside their content). Nothing deletes them; \
                 whoever runs the coordinator can raise --max-stored-data-bytes, or begin another store",
                stored.sets
            ))),
            false => Ok(()),
        }
    }

    /// Keeps a data set if there is room. Nothing else comes in between: uploads of this coordinator wait for each other here,
    /// and what another one wrote, which led before or leads now, is seen, or fences what is written here.
    pub fn keep(&self, store: &dyn Store, dataset: &Dataset) -> Result<(), Error> {
        let _alone = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(store, dataset.hash(), dataset.content().len() as u64)?;
        Ok(keep(store, dataset)?)
    }
}

/// Keeps a data set in a store, whatever room there is.
pub(crate) fn keep(store: &dyn Store, dataset: &Dataset) -> Result<(), StoreError> {
    let hash = dataset.hash();
    if store.data(hash)?.is_some() {
        return Ok(());
    }
    let data = StoredData {
        hash,
        bytes: dataset.content().len() as u64,
        samples: dataset.samples(),
        features: dataset.features(),
        classes: dataset.classes(),
    };
    store.put_data(&data, dataset.content())
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use tonic::{Code, Status};

    use super::*;
    use crate::store::Sqlite;

    const BYTES: u64 = 30;

    /// Two images of two pixels.
    fn dataset(number: u8) -> Arc<Dataset> {
        let content = [
            [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2].as_slice(),
            &[1, 2, 3, number, 0, 0, 8, 1, 0, 0, 0, 2, 1, 0],
        ];
        Dataset::from_content(content.concat())
            .expect("a data set")
            .into()
    }

    fn room_for(sets: u64) -> Room {
        Room::new(DataLimits {
            each: BYTES,
            all: sets * (BYTES + OVERHEAD),
        })
    }

    fn code(result: Result<(), Error>) -> Code {
        result.map_or_else(|error| Status::from(error).code(), |()| Code::Ok)
    }

    #[test]
    fn what_had_room_when_it_was_announced_may_have_none_when_it_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("store.db")).expect("a store");
        let room = room_for(1);
        for number in 0..2 {
            let announced = room.check(&store, dataset(number).hash(), BYTES);
            assert_eq!(code(announced), Code::Ok);
        }
        assert_eq!(code(room.keep(&store, &dataset(0))), Code::Ok);
        assert_eq!(
            code(room.keep(&store, &dataset(1))),
            Code::ResourceExhausted
        );
        assert_eq!(
            code(room.keep(&store, &dataset(0))),
            Code::Ok,
            "it is there"
        );
        let larger = room.check(&store, dataset(0).hash(), BYTES + 1);
        assert_eq!(code(larger), Code::InvalidArgument);
        let endless = Room::new(DataLimits {
            each: u64::MAX,
            all: u64::MAX - 1,
        });
        let sum = endless.check(&store, dataset(1).hash(), u64::MAX);
        assert_eq!(code(sum), Code::ResourceExhausted);
    }

    #[test]
    fn those_that_come_together_do_not_share_a_place() {
        const MANY: u8 = 16;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("store.db")).expect("a store");
        let (room, together) = (room_for(1), Barrier::new(MANY.into()));
        let keep = &|number| {
            let dataset = dataset(number);
            together.wait();
            room.keep(&store, &dataset).is_ok()
        };
        let kept = thread::scope(|scope| {
            let all: Vec<_> = (0..MANY)
                .map(|number| scope.spawn(move || keep(number)))
                .collect();
            all.into_iter()
                .map(|one| one.join().expect("no panic"))
                .filter(|kept| *kept)
                .count()
        });
        assert_eq!(kept, 1);
        assert_eq!(store.data_total().expect("a total").sets, 1);
    }
}
