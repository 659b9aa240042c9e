//! What can be wrong with a data set.

use super::{IdxError, UnpackError};

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
    /// A file cannot be unpacked.
    #[error("{name}: {error}")]
    Packed {
        /// Which file.
        name: String,
        /// What is wrong with it.
        error: UnpackError,
    },
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
    /// A label or feature that nothing here computes on.
    #[error("sample {sample}: {reason}")]
    Sample {
        /// Which, from 0.
        sample: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a text file.
    #[error("{name}, {error}")]
    Line {
        /// Which file.
        name: String,
        /// Where, and what is wrong there.
        error: LineError,
    },
    /// A file whose format nobody told.
    #[error("{0}")]
    Format(String),
    /// Rows in the sparse form that are not in it.
    #[error("sparse rows: {0}")]
    Sparse(String),
}

/// A line of a text file that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Which, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl DataError {
    pub(super) fn sample(sample: u32, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Sample { sample, reason }
    }
}
