//! The samples of a replicate, as sparse rows with labels.

use bistable_common::spec::LabelNoise;

use crate::{
    data::Dataset,
    kernel::{Layout, Real, Rows},
    problem::dealt::Dealt,
    setting::Setting,
};

/// Rows and what they are called.
#[derive(Debug)]
pub(super) struct Samples<R> {
    pub rows: Rows<R>,
    labels: Vec<u32>,
}

impl<R: Real> Samples<R> {
    /// Those of one replicate; `None` if the data set is too small.
    pub fn deal(setting: Setting<'_>, data: &Dataset, noise: LabelNoise) -> Option<Dealt<Self>> {
        let columns = data.features() as usize;
        let make = |samples: &[u32], labels| {
            let rows = samples.iter().map(|&sample| data.sparse(sample));
            let rows = Rows::with_layout(columns, rows, Layout::Sparse);
            Self { rows, labels }
        };
        Dealt::new(setting, data, noise, make)
    }

    /// The class of a row.
    pub fn class(&self, row: u32) -> usize {
        self.labels[row as usize] as usize
    }

    /// The classes of all rows.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = usize> {
        self.labels.iter().map(|&label| label as usize)
    }
}

/// Bytes of a sample with so many values that are not zero.
pub(super) fn sample_bytes<R>(nonzero: f64) -> f64 {
    nonzero * (size_of::<R>() + size_of::<u16>()) as f64 + 5.0
}
