//! Which data a run reads.

use bistable_common::sweep::Replace;

use crate::setting::Setting;

/// Which data a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// D and S.
    Base,
    /// With sample `i` of one of them replaced by its counterpart.
    Replaced(u32),
}

/// Where the counterparts stand: in the table of the samples that are replaced, behind all of them.
#[derive(Debug, Clone, Copy)]
pub struct Counterparts {
    replace: Replace,
    samples: u32,
}

impl Counterparts {
    /// Of a cell's samples.
    pub fn new(setting: Setting<'_>) -> Self {
        let replace = setting.facts.replace;
        Self {
            replace,
            samples: replace.samples(setting.cell()),
        }
    }

    /// The row of the counterpart of a sample of that kind, where `twin` reads it instead.
    pub fn of(&self, kind: Replace, twin: Twin, row: u32) -> Option<u32> {
        (kind == self.replace && twin == Twin::Replaced(row)).then(|| row + self.samples)
    }

    /// Makes a batch of samples of that kind the batch that `twin` reads.
    pub fn put(&self, kind: Replace, twin: Twin, batch: &mut [u32]) {
        if kind != self.replace || twin == Twin::Base {
            return;
        }
        for row in batch {
            *row = self.of(kind, twin, *row).unwrap_or(*row);
        }
    }
}
