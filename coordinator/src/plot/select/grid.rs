//! The axes along which figures are cut.

use std::collections::BTreeMap;

use bistable_common::wire::v1::Estimate;

/// An axis of the grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dimension {
    /// For file names.
    pub slug: &'static str,
    /// For legends.
    pub symbol: &'static str,
    /// For axes.
    pub title: &'static str,
    /// Its value, unless it is grouped away.
    pub get: fn(&Estimate) -> Option<u64>,
}

/// Validation samples.
pub(super) const M1: Dimension = Dimension {
    slug: "m1",
    symbol: "m₁",
    title: "validation samples m₁",
    get: |e| e.m1,
};
/// Outer iterations.
pub(super) const K: Dimension = Dimension {
    slug: "k",
    symbol: "K",
    title: "outer iterations K",
    get: |e| e.k,
};
/// Inner iterations.
pub(super) const T: Dimension = Dimension {
    slug: "t",
    symbol: "T",
    title: "inner iterations T",
    get: |e| e.t,
};

/// The values of an axis that occur, ascending.
pub(super) fn values(estimates: &[&Estimate], dimension: Dimension) -> Vec<u64> {
    split(estimates, dimension).into_keys().flatten().collect()
}

/// Estimates by their value of an axis, ascending; those that have none come first.
pub(super) fn split<'a>(
    estimates: &[&'a Estimate],
    dimension: Dimension,
) -> BTreeMap<Option<u64>, Vec<&'a Estimate>> {
    let mut parts: BTreeMap<Option<u64>, Vec<&Estimate>> = BTreeMap::new();
    for estimate in estimates {
        let value = (dimension.get)(estimate);
        parts.entry(value).or_default().push(estimate);
    }
    parts
}
