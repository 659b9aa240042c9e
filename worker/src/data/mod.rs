//! Data sets: file formats, content hashes, and who is D, D~, S and test in a replicate.

use std::{path::Path, sync::Arc};

use bistable_common::ids::Hash;

/// A file that is not the data it should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DataError(pub String);

/// A labelled image data set.
pub struct Dataset {
    content: Vec<u8>,
}

impl Dataset {
    /// The bundled subset of MNIST: 5,000 images.
    pub fn bundled() -> Arc<Self> {
        unimplemented!()
    }

    /// The training file of an MNIST-style folder (torchvision's layout works as it is).
    pub fn from_dir(_dir: &Path) -> Result<Self, DataError> {
        unimplemented!()
    }

    /// Reads the form in which a data set travels and is hashed.
    pub fn from_content(_content: Vec<u8>) -> Result<Self, DataError> {
        unimplemented!()
    }

    /// The form in which it travels: its decompressed content.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// BLAKE3 of [`Dataset::content`].
    pub fn hash(&self) -> Hash {
        unimplemented!()
    }

    /// Number of samples.
    pub fn samples(&self) -> u32 {
        unimplemented!()
    }

    /// Values in a sample.
    pub fn features(&self) -> u32 {
        unimplemented!()
    }

    /// Classes of its labels.
    pub fn classes(&self) -> u32 {
        unimplemented!()
    }
}
