//! What a coordinator knows of data sets: the bundled one, and those that were uploaded.

use std::{cell::Cell, sync::Arc};

use bistable_common::{
    ids::Hash,
    sweep::{Catalog, DataInfo, DataSource},
};
use bistable_worker::data::Dataset;

use crate::store::{Store, StoreError};

/// The catalog of one submission. It remembers what was missing, which is the difference between a wrong document and one
/// that comes too early.
pub(super) struct Stored<'a> {
    store: &'a dyn Store,
    bundled: Option<Arc<Dataset>>,
    missing: Cell<Option<Hash>>,
    failed: Cell<Option<StoreError>>,
}

impl<'a> Stored<'a> {
    pub fn new(store: &'a dyn Store, bundled: Option<Arc<Dataset>>) -> Self {
        Self {
            store,
            bundled,
            missing: Cell::new(None),
            failed: Cell::new(None),
        }
    }

    /// The data set that the document names and that nobody uploaded.
    pub fn missing(&self) -> Option<Hash> {
        self.missing.get()
    }

    /// Why the store could not be asked.
    pub fn failed(&self) -> Option<StoreError> {
        self.failed.take()
    }

    fn uploaded(&self, hash: Hash) -> Result<DataInfo, String> {
        let data = self.store.data(hash).map_err(|error| {
            let text = error.to_string();
            self.failed.set(Some(error));
            text
        })?;
        let Some(data) = data else {
            self.missing.set(Some(hash));
            return Err("this coordinator does not have that data set; upload it first".into());
        };
        Ok(DataInfo {
            hash,
            samples: data.samples,
            features: data.features,
            classes: data.classes,
            name: hash.to_string(),
        })
    }
}

impl Catalog for Stored<'_> {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String> {
        match source {
            DataSource::Bundled => match &self.bundled {
                Some(data) => Ok(DataInfo {
                    hash: data.hash(),
                    samples: data.samples(),
                    features: data.features(),
                    classes: data.classes(),
                    name: "the bundled data set".into(),
                }),
                None => Err("this coordinator has no bundled data set".into()),
            },
            DataSource::Path(..) => Err(
                "a coordinator reads no paths; `bistable submit` uploads the data and names it by its hash".into(),
            ),
            DataSource::Hash(hash) => self.uploaded(*hash),
        }
    }
}
