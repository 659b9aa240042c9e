//! Data sets that this machine has: the bundled one, folders and files.

use std::{path::Path, sync::Arc};

use bistable_common::sweep::{Catalog, DataInfo, DataSource, Reading};
use bistable_worker::data::Dataset;

use super::failure::Failure;

/// The data set that a document's sweep runs on, whatever the document calls it.
pub(super) struct LocalCatalog {
    /// `None`: the sweep needs none, or only a coordinator has it.
    data: Option<(Arc<Dataset>, String)>,
}

impl LocalCatalog {
    /// Loads what `source` names; paths are relative to `beside`.
    pub fn load(source: Option<&DataSource>, beside: &Path) -> Result<Self, Failure> {
        let data = match source {
            None | Some(DataSource::Hash(_)) => None,
            Some(DataSource::Bundled) => Some((Dataset::bundled(), "bundled MNIST".to_owned())),
            Some(DataSource::Path(path, reading)) => Some(read(&beside.join(path), reading)?),
        };
        Ok(Self { data })
    }

    /// The data set.
    pub fn dataset(&self) -> Option<&Arc<Dataset>> {
        self.data.as_ref().map(|(dataset, _)| dataset)
    }
}

fn read(path: &Path, reading: &Reading) -> Result<(Arc<Dataset>, String), Failure> {
    let dataset =
        Dataset::open(path, reading).map_err(|error| Failure::Other(error.to_string()))?;
    Ok((Arc::new(dataset), path.display().to_string()))
}

impl Catalog for LocalCatalog {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String> {
        match (&self.data, source) {
            (Some((data, name)), _) => Ok(DataInfo {
                hash: data.hash(),
                samples: data.samples(),
                features: data.features(),
                classes: data.classes(),
                name: name.clone(),
            }),
            (None, DataSource::Hash(hash)) => Err(format!(
                "this machine does not know what data set {hash} is; name its folder or file with --data-dir"
            )),
            (None, _) => Err("the data set was not loaded".to_owned()),
        }
    }
}
