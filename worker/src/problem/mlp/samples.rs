//! Dense samples with their labels.

use crate::{
    data::Dataset,
    kernel::{Real, padded},
};

/// Labelled rows, padded.
#[derive(Debug)]
pub struct Samples<R> {
    width: usize,
    values: Vec<R>,
    labels: Vec<u8>,
}

impl<R: Real> Samples<R> {
    /// Some samples of `data`, in [0, 1].
    pub fn new(data: &Dataset, samples: &[u32]) -> Self {
        let width = padded(data.features() as usize);
        let mut values = Vec::with_capacity(width * samples.len());
        for &sample in samples {
            let bytes = data.image(sample).iter();
            values.extend(bytes.map(|&byte| R::from_f64(f64::from(byte)) / R::from_f64(255.0)));
            values.resize(values.len().next_multiple_of(width), R::ZERO);
        }
        Self {
            width,
            values,
            labels: samples.iter().map(|&sample| data.label(sample)).collect(),
        }
    }

    /// Bytes of a sample.
    pub fn bytes(features: usize) -> f64 {
        (padded(features) * size_of::<R>() + size_of::<u8>()) as f64
    }

    /// Copies rows, one after another.
    pub fn gather(&self, rows: &[u32], out: &mut [R]) {
        gather(&self.values, self.width, rows, out);
    }

    /// What a row is called.
    pub fn label(&self, row: u32) -> u8 {
        self.labels[row as usize]
    }

    /// What rows are called, as positions among the outputs.
    pub fn classes(&self, rows: &[u32]) -> impl Iterator<Item = usize> {
        rows.iter().map(|&row| usize::from(self.label(row)))
    }
}

/// Copies rows of `values`, one after another.
pub fn gather<R: Real>(values: &[R], width: usize, rows: &[u32], out: &mut [R]) {
    for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
        out.copy_from_slice(&values[row as usize * width..][..width]);
    }
}
