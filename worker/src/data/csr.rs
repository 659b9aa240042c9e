//! The sparse form of a data set, in which it travels and is hashed.
//!
//! Little-endian: the magic number `bistcsr1` (8 bytes); samples, features (u32 each) and entries (u64); a label a sample
//! (u32); where each sample's entries end (u32, not falling, the last is the number of entries); every entry's feature
//! (u32, ascending within a sample, below the number of features); every entry's value (f32, finite, not zero). Nothing
//! follows. So a data set has one such form.

use super::{
    DataError, MAX_CONTENT_BYTES, MAX_FEATURES,
    row::{Row, Scalar, four},
};

/// What it begins with; IDX begins with two zeros.
pub(super) const MAGIC: [u8; 8] = *b"bistcsr1";
const HEADER: usize = 24;

/// Where the parts are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Csr {
    pub samples: u32,
    pub features: u32,
    entries: usize,
}

impl Csr {
    /// Finds the parts and checks every row.
    pub fn parse(bytes: &[u8]) -> Result<Self, DataError> {
        if bytes.len() < HEADER {
            return Err(length(HEADER as u64, bytes));
        }
        let [samples, features] = [2, 3].map(|k| u32::from_le_bytes(four(bytes, k)));
        let [low, high] = [4, 5].map(|k| u64::from(u32::from_le_bytes(four(bytes, k))));
        let entries = low | high << 32;
        let expected = entries
            .checked_mul(8)
            .and_then(|bytes| bytes.checked_add(8 * u64::from(samples) + HEADER as u64))
            .filter(|&expected| expected <= MAX_CONTENT_BYTES)
            .ok_or_else(too_large)?;
        if bytes.len() as u64 != expected {
            return Err(length(expected, bytes));
        }
        if samples == 0 || !(1..=MAX_FEATURES).contains(&features) {
            return Err(DataError::Shape(format!(
                "{samples} samples of {features} features: at least one sample is needed, of 1 to {MAX_FEATURES} features"
            )));
        }
        let csr = Self {
            samples,
            features,
            entries: entries as usize,
        };
        csr.check_ends(bytes)?;
        (0..samples).try_for_each(|sample| csr.check_row(bytes, sample))?;
        Ok(csr)
    }

    fn check_ends(&self, bytes: &[u8]) -> Result<(), DataError> {
        let mut before = 0;
        for sample in 0..self.samples {
            let end = self.end(bytes, sample);
            if end < before || end > self.entries {
                return Err(DataError::sample(
                    sample,
                    "its entries end before they begin",
                ));
            }
            before = end;
        }
        match before == self.entries {
            true => Ok(()),
            false => Err(DataError::Sparse("entries behind the last sample".into())),
        }
    }

    fn check_row(&self, bytes: &[u8], sample: u32) -> Result<(), DataError> {
        let mut least = 0;
        for (index, value) in self.row(bytes, sample).entries::<f32>() {
            if index < least || index >= self.features {
                return Err(DataError::sample(
                    sample,
                    format!(
                        "feature {index} is out of order or beyond {}",
                        self.features
                    ),
                ));
            }
            if !value.is_finite() || value == 0.0 {
                return Err(DataError::sample(
                    sample,
                    format!("feature {index} is {value}: finite values that are not zero are kept"),
                ));
            }
            least = index + 1;
        }
        Ok(())
    }

    pub fn label(&self, bytes: &[u8], sample: u32) -> u32 {
        u32::from_le_bytes(four(&bytes[HEADER..], sample as usize))
    }

    fn end(&self, bytes: &[u8], sample: u32) -> usize {
        let place = self.samples as usize + sample as usize;
        u32::from_le_bytes(four(&bytes[HEADER..], place)) as usize
    }

    pub fn row<'a>(&self, bytes: &'a [u8], sample: u32) -> Row<'a> {
        let first = sample
            .checked_sub(1)
            .map_or(0, |before| self.end(bytes, before));
        let range = 4 * first..4 * self.end(bytes, sample);
        let entries = &bytes[HEADER + 8 * self.samples as usize..];
        let (indices, values) = entries.split_at(4 * self.entries);
        Row {
            scalar: Scalar::LittleFloat,
            values: &values[range.clone()],
            indices: Some(&indices[range]),
        }
    }
}

fn too_large() -> DataError {
    DataError::Sparse(format!("larger than {MAX_CONTENT_BYTES} bytes"))
}

fn length(expected: u64, bytes: &[u8]) -> DataError {
    DataError::Sparse(format!(
        "its header announces {expected} bytes, it has {}",
        bytes.len()
    ))
}

/// Rows that are being collected, in the order of samples.
#[derive(Debug, Default)]
pub(super) struct Builder {
    ends: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Builder {
    /// Adds an entry of the sample that comes next; zeros are left out.
    pub fn entry(&mut self, index: u32, value: f32) {
        if value != 0.0 {
            self.indices.push(index);
            self.values.push(value);
        }
    }

    /// Ends a sample.
    pub fn end(&mut self) {
        self.ends.push(self.indices.len() as u32);
    }

    /// The form, which reading it back checks.
    pub fn content(&self, features: u32, labels: &[u32]) -> Result<Vec<u8>, DataError> {
        assert_eq!(labels.len(), self.ends.len());
        let length = HEADER + 8 * (labels.len() + self.indices.len());
        if length as u64 > MAX_CONTENT_BYTES {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(MAGIC);
        bytes.extend((labels.len() as u32).to_le_bytes());
        bytes.extend(features.to_le_bytes());
        bytes.extend((self.indices.len() as u64).to_le_bytes());
        let words = labels.iter().chain(&self.ends).chain(&self.indices);
        bytes.extend(words.flat_map(|word| word.to_le_bytes()));
        bytes.extend(self.values.iter().flat_map(|value| value.to_le_bytes()));
        Ok(bytes)
    }
}
