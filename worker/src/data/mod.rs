//! Data sets: file formats, content hashes, and who is D, D~, S and test in a replicate.
//!
//! A data set travels and is hashed as its decompressed content. It does not know which problem computes on it.

mod deal;
mod folder;
#[cfg(test)]
mod fuzz;
mod idx;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use bistable_common::ids::Hash;

pub use deal::{Deal, deal};
pub use idx::IdxError;

use idx::Idx;

/// The largest content that is read: far above every data set of the field, far below a machine's memory.
pub const MAX_CONTENT_BYTES: u64 = 1 << 30;

/// Data that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A folder holds no data set.
    #[error("{0}")]
    Folder(String),
    /// A file is not the IDX file it should be.
    #[error("{name}: {error}")]
    Idx {
        /// Which file or part.
        name: String,
        /// What is wrong with it.
        error: IdxError,
    },
    /// Images and labels do not belong together.
    #[error("{images} images but {labels} labels: the two files do not belong together")]
    Mismatch {
        /// Number of images.
        images: u32,
        /// Number of labels.
        labels: u32,
    },
    /// A shape that nothing here computes on.
    #[error("{0}")]
    Shape(String),
}

/// A labelled image data set: bytes in, pixels in [0, 1] and labels out.
#[derive(Debug)]
pub struct Dataset {
    /// The image file's bytes, then the label file's, both decompressed.
    content: Vec<u8>,
    hash: Hash,
    images: Idx,
    labels: Idx,
    classes: u32,
}

impl Dataset {
    /// The bundled subset of MNIST: its first 5,000 training images.
    pub fn bundled() -> Arc<Self> {
        static BUNDLED: OnceLock<Arc<Dataset>> = OnceLock::new();
        let images = include_bytes!("mnist5k/train-images-idx3-ubyte.gz");
        let labels = include_bytes!("mnist5k/train-labels-idx1-ubyte.gz");
        BUNDLED
            .get_or_init(|| {
                let bundled = Self::from_files(("images", images), ("labels", labels));
                Arc::new(bundled.expect("the bundled files are checked by a test"))
            })
            .clone()
    }

    /// The training files of an MNIST-style folder, plain or gzip; torchvision's layout works as it is.
    pub fn from_dir(dir: &Path) -> Result<Self, DataError> {
        let [images, labels] = folder::training_files(dir)?;
        Self::from_files((&images.name, &images.bytes), (&labels.name, &labels.bytes))
    }

    fn from_files(images: (&str, &[u8]), labels: (&str, &[u8])) -> Result<Self, DataError> {
        let mut content = idx::decompress(images.1).map_err(|error| named(images.0, error))?;
        Idx::images(&content).map_err(|error| named(images.0, error))?;
        let tail = idx::decompress(labels.1).map_err(|error| named(labels.0, error))?;
        Idx::labels(&tail).map_err(|error| named(labels.0, error))?;
        content.extend_from_slice(&tail);
        Self::from_content(content)
    }

    /// Reads the form in which a data set travels and is hashed.
    pub fn from_content(content: Vec<u8>) -> Result<Self, DataError> {
        let images = Idx::prefix(&content).map_err(|error| named("images", error))?;
        let tail = &content[images.end..];
        let labels = Idx::labels(tail).map_err(|error| named("labels", error))?;
        let labels = labels.shifted(images.end);
        if images.count != labels.count {
            return Err(DataError::Mismatch {
                images: images.count,
                labels: labels.count,
            });
        }
        if images.count == 0 || images.item == 0 || images.item > usize::from(u16::MAX) {
            return Err(DataError::Shape(format!(
                "{} images of {} pixels: at least one image is needed, of 1 to 65535 pixels",
                images.count, images.item
            )));
        }
        let classes = content[labels.data..labels.end]
            .iter()
            .max()
            .map_or(0, |&label| u32::from(label) + 1);
        Ok(Self {
            hash: Hash::of(&content),
            classes: classes.max(2),
            images,
            labels,
            content,
        })
    }

    /// The form in which it travels: its decompressed content.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// BLAKE3 of [`Dataset::content`].
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Number of samples.
    pub fn samples(&self) -> u32 {
        self.images.count
    }

    /// Values in a sample.
    pub fn features(&self) -> u32 {
        self.images.item as u32
    }

    /// Classes of its labels.
    pub fn classes(&self) -> u32 {
        self.classes
    }

    /// The pixels of a sample, as bytes.
    pub fn image(&self, sample: u32) -> &[u8] {
        let first = self.images.data + sample as usize * self.images.item;
        &self.content[first..first + self.images.item]
    }

    /// The label of a sample.
    pub fn label(&self, sample: u32) -> u8 {
        self.content[self.labels.data + sample as usize]
    }
}

fn named(name: &str, error: IdxError) -> DataError {
    DataError::Idx {
        name: name.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_data_is_what_its_readme_says() {
        let data = Dataset::bundled();
        assert_eq!(
            (data.samples(), data.features(), data.classes()),
            (5000, 784, 10)
        );
        assert!(
            include_str!("mnist5k/README.md").contains(&data.hash().to_string()),
            "{}",
            data.hash()
        );
        assert_eq!((data.label(0), data.label(1), data.label(2)), (5, 0, 4));
        let again = Dataset::from_content(data.content().to_vec()).expect("content reads back");
        assert_eq!(again.hash(), data.hash());
    }

    fn tiny() -> Vec<u8> {
        let mut content = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
        content.extend([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]);
        content
    }

    #[test]
    fn samples_and_labels_are_found() {
        let data = Dataset::from_content(tiny()).expect("valid");
        assert_eq!(data.image(1), [3, 4]);
        assert_eq!((data.label(0), data.label(1)), (1, 0));
    }

    #[test]
    fn every_truncation_is_refused() {
        for end in 0..tiny().len() {
            assert!(
                Dataset::from_content(tiny()[..end].to_vec()).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn a_wrong_count_of_labels_is_named() {
        let mut content = tiny();
        content[27] = 1;
        content.pop();
        let error = Dataset::from_content(content).expect_err("mismatch");
        assert_eq!(
            error.to_string(),
            "2 images but 1 labels: the two files do not belong together"
        );
    }
}
