//! Samples as sparse rows with any number of features.

use bistable_common::spec::LabelNoise;

use super::dealt::Dealt;
use crate::{data::Dataset, kernel::Real, setting::Setting};

/// Sparse rows and their labels.
#[derive(Debug)]
pub(super) struct Samples<R> {
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<R>,
    labels: Vec<u32>,
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a, R> {
    pub label: u32,
    indices: &'a [u32],
    values: &'a [R],
}

impl<R: Real> Samples<R> {
    /// Those of one replicate, all with their own labels; `None` if the data set is too small.
    pub fn deal(setting: Setting<'_>, data: &Dataset) -> Option<Dealt<Self>> {
        let make = |samples: &[u32], labels| Self::new(data, samples, labels);
        Dealt::new(setting, data, LabelNoise::Share(0.0), make)
    }

    /// All of a data set.
    pub fn all(data: &Dataset) -> Self {
        let samples: Vec<_> = (0..data.samples()).collect();
        let labels = samples.iter().map(|&sample| data.label(sample)).collect();
        Self::new(data, &samples, labels)
    }

    fn new(data: &Dataset, samples: &[u32], labels: Vec<u32>) -> Self {
        let mut all = Self {
            starts: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
            labels,
        };
        for &sample in samples {
            for (index, value) in data.sparse(sample) {
                all.indices.push(index);
                all.values.push(value);
            }
            all.starts.push(all.indices.len());
        }
        all
    }

    pub fn row(&self, row: u32) -> Sample<'_, R> {
        let range = self.starts[row as usize]..self.starts[row as usize + 1];
        Sample {
            label: self.labels[row as usize],
            indices: &self.indices[range.clone()],
            values: &self.values[range],
        }
    }

    /// What rows are called.
    pub fn labels(&self, rows: &[u32]) -> impl Iterator<Item = u32> {
        rows.iter().map(|&row| self.labels[row as usize])
    }

    /// Copies rows, one after another; each becomes `width` values, zeros where it has none.
    pub fn gather(&self, rows: &[u32], width: usize, out: &mut [R]) {
        out.fill(R::ZERO);
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
            for (feature, value) in self.row(row).entries() {
                out[feature] = value;
            }
        }
    }

    /// Bytes of a sample with so many values.
    pub fn bytes(values: f64) -> f64 {
        let entry = size_of::<u32>() + size_of::<R>();
        values * entry as f64 + (size_of::<usize>() + size_of::<u32>()) as f64
    }
}

impl<R: Real> Sample<'_, R> {
    /// Features that are not zero, ascending, and their values.
    pub fn entries(&self) -> impl Iterator<Item = (usize, R)> {
        let indices = self.indices.iter().map(|&index| index as usize);
        indices.zip(self.values.iter().copied())
    }
}
