//! The samples of a replicate, in the form that a problem computes on.

use bistable_common::spec::LabelNoise;

use super::Table;
use crate::{
    data::{Dataset, deal},
    setting::Setting,
};

/// S, D and the test set, each followed by those who replace it, if any do.
#[derive(Debug)]
pub(super) struct Dealt<S> {
    pub training: S,
    pub validation: S,
    pub test: S,
}

impl<S> Dealt<S> {
    /// Deals out the data of one replicate of a cell, each table made of samples and their labels by `make`; `None` if the
    /// data set is too small.
    pub fn new(
        setting: Setting<'_>,
        data: &Dataset,
        noise: LabelNoise,
        make: impl Fn(&[u32], Vec<u32>) -> S,
    ) -> Option<Self> {
        let deal = deal(setting, data, noise)?;
        let clean = |samples: &[u32]| {
            let labels = samples.iter().map(|&sample| data.label(sample));
            make(samples, labels.collect())
        };
        Some(Self {
            training: make(&deal.training, deal.training_labels),
            validation: clean(&[deal.validation, deal.replacement].concat()),
            test: clean(&deal.test),
        })
    }

    /// Outer samples.
    pub fn table(&self, table: Table) -> &S {
        match table {
            Table::Validation => &self.validation,
            Table::Test => &self.test,
        }
    }
}
