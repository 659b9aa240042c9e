//! Data sets: file formats, content hashes, and who is D, D~, S and test in a replicate.
//!
//! A data set travels and is hashed as its content: an IDX file of features and one of labels, decompressed, or the sparse
//! form of `csr.rs`. It does not know which problem computes on it.

mod csr;
mod csv;
mod deal;
mod error;
mod folder;
#[cfg(test)]
mod fuzz;
mod idx;
mod libsvm;
mod line;
mod pictures;
mod place;
mod row;
mod tfidf;
mod unpack;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use bistable_common::{ids::Hash, sweep::Reading};

use crate::kernel::Real;

pub use deal::{Deal, deal};
pub use error::{DataError, LineError};
pub use idx::IdxError;
pub use tfidf::{Corpus, TfIdf};
pub use unpack::UnpackError;

use csr::Csr;
use idx::{Idx, Type};
use row::{Row, Scalar};

/// The largest content that is read: far above every data set of the field, far below a machine's memory.
pub const MAX_CONTENT_BYTES: u64 = 1 << 30;
/// The most features of a sample in the sparse form.
pub const MAX_FEATURES: u32 = 1 << 24;
/// The most classes.
pub const MAX_CLASSES: u32 = 1 << 16;

/// How the features of a data set are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes, which stand for themselves over 255.
    Bytes,
    /// Floats, all of them.
    Floats,
    /// Floats that are not zero.
    Sparse,
}

/// Where samples and labels are in the content.
#[derive(Debug)]
enum Parts {
    Dense { images: Idx, labels: Idx },
    Sparse(Csr),
}

/// A labelled data set: bytes in, features and labels out.
#[derive(Debug)]
pub struct Dataset {
    content: Vec<u8>,
    hash: Hash,
    parts: Parts,
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

    /// A folder of IDX files or a file of samples, plain or gzip.
    pub fn open(path: &Path, reading: &Reading) -> Result<Self, DataError> {
        place::open(path, reading)
    }

    /// The training files of an MNIST-style folder, plain or gzip; torchvision's layout works as it is.
    fn from_dir(dir: &Path) -> Result<Self, DataError> {
        let [images, labels] = folder::training_files(dir)?;
        Self::from_files((&images.name, &images.bytes), (&labels.name, &labels.bytes))
    }

    fn from_files(images: (&str, &[u8]), labels: (&str, &[u8])) -> Result<Self, DataError> {
        let mut content = unpack(images.0, images.1)?;
        Idx::images(&content).map_err(|error| named(images.0, error))?;
        let tail = unpack(labels.0, labels.1)?;
        Idx::labels(&tail).map_err(|error| named(labels.0, error))?;
        content.extend_from_slice(&tail);
        Self::from_content(content)
    }

    /// Images of `shape` (rows and columns, say), one after another, with their labels.
    pub fn of_images(shape: &[u32], pixels: &[u8], labels: &[u32]) -> Result<Self, DataError> {
        Self::of_records(Type::Byte, shape, pixels, labels)
    }

    /// Samples of so many values, one after another, with their labels.
    pub fn of_floats(features: u32, values: &[f32], labels: &[u32]) -> Result<Self, DataError> {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect();
        Self::of_records(Type::Float, &[features], &bytes, labels)
    }

    /// Samples as labels and entries: a place below `features` and a value each, places ascending. Zeros are left out.
    pub fn of_sparse<I>(
        features: u32,
        samples: impl Iterator<Item = (u32, I)>,
    ) -> Result<Self, DataError>
    where
        I: Iterator<Item = (u32, f32)>,
    {
        let (mut rows, mut labels) = (csr::Builder::default(), Vec::new());
        for (label, entries) in samples {
            entries.for_each(|(index, value)| rows.entry(index, value));
            rows.end();
            labels.push(label);
        }
        Self::from_content(rows.content(features, &labels)?)
    }

    fn of_records(
        kind: Type,
        shape: &[u32],
        values: &[u8],
        labels: &[u32],
    ) -> Result<Self, DataError> {
        let sizes = [&[labels.len() as u32], shape].concat();
        let mut content = idx::header(kind, &sizes);
        content.extend_from_slice(values);
        Idx::images(&content).map_err(|error| named("images", error))?;
        content.extend(idx::label_file(labels));
        Self::from_content(content)
    }

    /// Reads the form in which a data set travels and is hashed.
    pub fn from_content(content: Vec<u8>) -> Result<Self, DataError> {
        let parts = match content.starts_with(&csr::MAGIC) {
            true => Parts::Sparse(Csr::parse(&content)?),
            false => dense(&content)?,
        };
        let mut data = Self {
            hash: Hash::of(&content),
            classes: 0,
            parts,
            content,
        };
        data.classes = data.count_classes()?;
        data.check_finite()?;
        Ok(data)
    }

    /// One more than the largest label, and at least two.
    fn count_classes(&self) -> Result<u32, DataError> {
        let mut classes = 2;
        for sample in 0..self.samples() {
            let label = self.label(sample);
            if label >= MAX_CLASSES {
                return Err(DataError::sample(
                    sample,
                    format!("its label is not in 0..{MAX_CLASSES}"),
                ));
            }
            classes = classes.max(label + 1);
        }
        Ok(classes)
    }

    fn check_finite(&self) -> Result<(), DataError> {
        if self.kind() != Kind::Floats {
            return Ok(());
        }
        for sample in 0..self.samples() {
            let mut entries = self.row(sample).entries::<f32>();
            if let Some((index, value)) = entries.find(|(_, value)| !value.is_finite()) {
                let reason = format!("feature {index} is {value}");
                return Err(DataError::sample(sample, reason));
            }
        }
        Ok(())
    }

    /// The form in which it travels: its decompressed content.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// BLAKE3 of [`Dataset::content`].
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How its features are kept.
    pub fn kind(&self) -> Kind {
        match &self.parts {
            Parts::Sparse(_) => Kind::Sparse,
            Parts::Dense { images, .. } => match images.kind {
                Type::Float => Kind::Floats,
                _ => Kind::Bytes,
            },
        }
    }

    /// Number of samples.
    pub fn samples(&self) -> u32 {
        match &self.parts {
            Parts::Dense { images, .. } => images.count,
            Parts::Sparse(csr) => csr.samples,
        }
    }

    /// Values in a sample.
    pub fn features(&self) -> u32 {
        match &self.parts {
            Parts::Dense { images, .. } => (images.item / images.kind.bytes()) as u32,
            Parts::Sparse(csr) => csr.features,
        }
    }

    /// Sizes of a sample, whose product is [`Dataset::features`]: rows and columns of an image.
    pub fn shape(&self) -> Vec<u32> {
        match &self.parts {
            Parts::Dense { images, .. } => images.shape.clone(),
            Parts::Sparse(csr) => vec![csr.features],
        }
    }

    /// Classes of its labels.
    pub fn classes(&self) -> u32 {
        self.classes
    }

    /// The pixels of a sample, as bytes; `None` where features are not bytes.
    pub fn image(&self, sample: u32) -> Option<&[u8]> {
        match (&self.parts, self.kind()) {
            (Parts::Dense { images, .. }, Kind::Bytes) => {
                Some(record(&self.content, images, sample))
            }
            _ => None,
        }
    }

    fn row(&self, sample: u32) -> Row<'_> {
        match &self.parts {
            Parts::Dense { images, .. } => Row {
                scalar: match images.kind {
                    Type::Float => Scalar::BigFloat,
                    _ => Scalar::Byte,
                },
                values: record(&self.content, images, sample),
                indices: None,
            },
            Parts::Sparse(csr) => csr.row(&self.content, sample),
        }
    }

    /// The values of a sample that are not zero, with their places, ascending. Bytes are divided by 255 in `R`.
    pub fn sparse<R: Real>(&self, sample: u32) -> impl Iterator<Item = (u32, R)> + Clone {
        let entries = self.row(sample).entries::<R>();
        entries.filter(|(_, value)| *value != R::ZERO)
    }

    /// All values of a sample, into `out`, which is as long as a sample has features.
    pub fn dense<R: Real>(&self, sample: u32, out: &mut [R]) {
        out.fill(R::ZERO);
        for (index, value) in self.row(sample).entries::<R>() {
            out[index as usize] = value;
        }
    }

    /// The label of a sample, below [`Dataset::classes`].
    pub fn label(&self, sample: u32) -> u32 {
        match &self.parts {
            Parts::Dense { labels, .. } => {
                let bytes = record(&self.content, labels, sample);
                // What is negative comes out large, and is refused.
                let sign = match labels.kind != Type::Byte && bytes[0] >= 0x80 {
                    true => u32::MAX,
                    false => 0,
                };
                bytes
                    .iter()
                    .fold(sign, |label, &byte| label << 8 | u32::from(byte))
            }
            Parts::Sparse(csr) => csr.label(&self.content, sample),
        }
    }
}

fn dense(content: &[u8]) -> Result<Parts, DataError> {
    let images = Idx::prefix(content).map_err(|error| named("images", error))?;
    let tail = &content[images.end..];
    let labels = Idx::labels(tail).map_err(|error| named("labels", error))?;
    let labels = labels.shifted(images.end);
    if images.count != labels.count {
        return Err(DataError::Mismatch {
            images: images.count,
            labels: labels.count,
        });
    }
    let values = images.item / images.kind.bytes();
    if images.count == 0 || values == 0 || values > usize::from(u16::MAX) {
        return Err(DataError::Shape(format!(
            "{} images of {values} pixels: at least one image is needed, of 1 to 65535 pixels",
            images.count
        )));
    }
    Ok(Parts::Dense { images, labels })
}

fn record<'a>(content: &'a [u8], part: &Idx, sample: u32) -> &'a [u8] {
    let first = part.data + sample as usize * part.item;
    &content[first..first + part.item]
}

fn unpack(name: &str, bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    let name = name.to_owned();
    unpack::unpack(bytes).map_err(|error| DataError::Packed { name, error })
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

    #[test]
    fn wide_labels_and_floats_are_read() {
        let data = Dataset::of_images(&[1, 2], &[0, 255, 51, 0], &[1622, 3]).expect("valid");
        assert_eq!((data.kind(), data.shape()), (Kind::Bytes, vec![1, 2]));
        assert_eq!(
            (data.label(0), data.label(1), data.classes()),
            (1622, 3, 1623)
        );
        assert_eq!(data.sparse(0).collect::<Vec<_>>(), [(1, 1.0f32)]);
        assert_eq!(data.sparse(1).collect::<Vec<_>>(), [(0, 0.2f64)]);
        let data = Dataset::of_floats(3, &[0.0, -1.5, 2.0, 3.0, 0.0, 0.0], &[1, 0]).expect("valid");
        assert_eq!(
            (data.kind(), data.features(), data.image(0)),
            (Kind::Floats, 3, None)
        );
        assert_eq!(data.sparse(0).collect::<Vec<_>>(), [(1, -1.5f32), (2, 2.0)]);
        let mut all = [9.0f64; 3];
        data.dense(1, &mut all);
        assert_eq!(all, [3.0, 0.0, 0.0]);
    }

    fn rows() -> Vec<(u32, Vec<(u32, f32)>)> {
        vec![
            (1, vec![(0, 1.0), (4, -2.5)]),
            (0, vec![]),
            (2, vec![(1, 0.0), (3, 0.5)]),
        ]
    }

    fn sparse() -> Dataset {
        let rows = rows()
            .into_iter()
            .map(|(label, row)| (label, row.into_iter()));
        Dataset::of_sparse(5, rows).expect("valid")
    }

    #[test]
    fn sparse_rows_are_read_back() {
        let data = Dataset::from_content(sparse().content().to_vec()).expect("valid");
        assert_eq!(
            (data.kind(), data.samples(), data.features()),
            (Kind::Sparse, 3, 5)
        );
        assert_eq!((data.label(2), data.classes()), (2, 3));
        assert_eq!(data.sparse(0).collect::<Vec<_>>(), [(0, 1.0f32), (4, -2.5)]);
        assert_eq!(data.sparse::<f32>(1).count(), 0);
        assert_eq!(data.sparse(2).collect::<Vec<_>>(), [(3, 0.5f32)]);
        let mut all = [9.0f32; 5];
        data.dense(0, &mut all);
        assert_eq!(all, [1.0, 0.0, 0.0, 0.0, -2.5]);
    }

    /// What is said of `content` with these bytes from `at` on.
    fn damaged(content: &[u8], at: usize, bytes: &[u8]) -> String {
        let mut content = content.to_vec();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        Dataset::from_content(content)
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn sparse_rows_that_are_damaged_are_refused() {
        let content = sparse().content().to_vec();
        let (labels, ends, indices, values) = (24, 36, 48, 60);
        let said = |at, bytes: &[u8]| damaged(&content, at, bytes);
        assert_eq!(
            said(8, &[0; 4]),
            "sparse rows: its header announces 48 bytes, it has 72"
        );
        assert!(said(12, &[0; 4]).contains("3 samples of 0 features"));
        assert!(said(23, &[1]).contains("larger than"));
        assert!(said(labels + 3, &[1]).contains("its label is not in 0..65536"));
        assert!(said(ends, &[3]).contains("its entries end before they begin"));
        assert!(said(ends + 8, &[2]).contains("entries behind the last sample"));
        assert!(said(indices + 4, &[5]).contains("feature 5 is out of order or beyond 5"));
        assert!(said(indices, &[4]).contains("feature 4 is out of order"));
        assert!(said(values, &f32::NAN.to_le_bytes()).contains("feature 0 is NaN"));
        assert!(said(values, &[0; 4]).contains("feature 0 is 0"));
        for end in 0..content.len() {
            assert!(
                Dataset::from_content(content[..end].to_vec()).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn floats_and_labels_that_are_none_are_refused() {
        let error = Dataset::of_floats(1, &[1.0, f32::INFINITY], &[0, 1]).expect_err("refused");
        assert_eq!(error.to_string(), "sample 1: feature 0 is inf");
        for negative in [
            &[0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0xff][..],
            &[0, 0, 0x0c, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe],
        ] {
            let content = [&tiny()[..4], &[0, 0, 0, 1], &tiny()[8..18], negative].concat();
            let error = Dataset::from_content(content).expect_err("refused");
            assert_eq!(error.to_string(), "sample 0: its label is not in 0..65536");
        }
    }

    fn tiny() -> Vec<u8> {
        let mut content = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
        content.extend([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]);
        content
    }

    #[test]
    fn samples_and_labels_are_found() {
        let data = Dataset::from_content(tiny()).expect("valid");
        assert_eq!(data.image(1), Some(&[3, 4][..]));
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
