//! The samples of a replicate, as sparse rows with labels.

use bistable_common::{
    ids::Replicate,
    spec::LabelNoise,
    sweep::{Cell, Facts},
};

use crate::{
    data::{Dataset, deal},
    kernel::{Layout, Real, Rows},
    problem::Table,
};

/// Rows and what they are called.
#[derive(Debug)]
pub(super) struct Samples<R> {
    pub rows: Rows<R>,
    labels: Vec<u32>,
}

impl<R: Real> Samples<R> {
    fn new(data: &Dataset, samples: &[u32], labels: Vec<u32>) -> Self {
        let columns = data.features() as usize;
        let images = samples.iter().map(|&sample| data.sparse(sample));
        let rows = Rows::with_layout(columns, images, Layout::Sparse);
        Self { rows, labels }
    }

    fn clean(data: &Dataset, samples: &[u32]) -> Self {
        let labels = samples.iter().map(|&sample| data.label(sample)).collect();
        Self::new(data, samples, labels)
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

/// Who is who in a replicate.
#[derive(Debug)]
pub(super) struct Dealt<R> {
    /// S.
    pub training: Samples<R>,
    /// D, then D~.
    validation: Samples<R>,
    test: Samples<R>,
}

impl<R: Real> Dealt<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(
        facts: &Facts,
        cell: &Cell,
        replicate: Replicate,
        data: &Dataset,
        noise: LabelNoise,
    ) -> Option<Self> {
        let deal = deal(facts, cell, replicate, data, noise)?;
        let validation = [deal.validation, deal.replacement].concat();
        Some(Self {
            training: Samples::new(data, &deal.training, deal.training_labels),
            validation: Samples::clean(data, &validation),
            test: Samples::clean(data, &deal.test),
        })
    }

    /// Outer samples.
    pub fn table(&self, table: Table) -> &Samples<R> {
        match table {
            Table::Validation => &self.validation,
            Table::Test => &self.test,
        }
    }
}

/// Bytes of a sample with so many values that are not zero.
pub(super) fn sample_bytes<R>(nonzero: f64) -> f64 {
    nonzero * (size_of::<R>() + size_of::<u16>()) as f64 + 5.0
}
