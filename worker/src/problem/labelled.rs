//! Samples with their labels.

use crate::{
    data::Dataset,
    kernel::{Layout, Real, Rows},
};

/// Samples and what they are called.
#[derive(Debug)]
pub struct Labelled<R> {
    /// The samples.
    pub rows: Rows<R>,
    /// Their labels.
    pub labels: Vec<u32>,
}

impl<R: Real> Labelled<R> {
    /// In the layout that suits them, or in a given one.
    pub fn new(data: &Dataset, samples: &[u32], labels: Vec<u32>, layout: Option<Layout>) -> Self {
        let columns = data.features() as usize;
        let samples = samples.iter().map(|&sample| data.sparse(sample));
        let rows = match layout {
            None => Rows::new(columns, samples),
            Some(layout) => Rows::with_layout(columns, samples, layout),
        };
        Self { rows, labels }
    }

    /// With their own labels.
    pub fn clean(data: &Dataset, samples: &[u32], layout: Option<Layout>) -> Self {
        let labels = samples.iter().map(|&sample| data.label(sample)).collect();
        Self::new(data, samples, labels, layout)
    }

    /// Bytes of a sample with so many values that are not zero.
    pub fn bytes(nonzero: f64) -> f64 {
        nonzero * (size_of::<R>() + size_of::<u16>()) as f64 + 8.0
    }

    /// Copies rows, one after another; each becomes `width` values, zeros behind its own.
    pub fn gather(&self, rows: &[u32], width: usize, out: &mut [R]) {
        out.fill(R::ZERO);
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
            let (columns, values) = self.rows.row(row);
            for (&column, &value) in columns.iter().zip(values) {
                out[usize::from(column)] = value;
            }
        }
    }

    /// What rows are called.
    pub fn of(&self, rows: &[u32]) -> impl Iterator<Item = u32> {
        rows.iter().map(|&row| self.labels[row as usize])
    }
}
