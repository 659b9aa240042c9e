//! Sets of integers that mostly come in runs.

use std::{collections::BTreeMap, ops::Range};

/// A set of integers, kept as disjoint ranges that do not touch: small however many integers it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet(BTreeMap<u64, u64>);

impl From<Range<u64>> for RangeSet {
    fn from(range: Range<u64>) -> Self {
        let mut set = Self::default();
        set.insert(range);
        set
    }
}

impl RangeSet {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, value: u64) -> bool {
        self.at_or_before(value)
            .is_some_and(|range| range.contains(&value))
    }

    /// The runs, lowest first.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().map(|(&start, &end)| start..end)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.ranges().map(|range| range.end - range.start).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(&start, &end)| start..end)
    }

    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        if let Some(before) = self.at_or_before(start)
            && before.end >= start
        {
            start = before.start;
            end = end.max(before.end);
        }
        while let Some((&next, &next_end)) = self.0.range(start..=end).next() {
            self.0.remove(&next);
            end = end.max(next_end);
        }
        self.0.insert(start, end);
    }

    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if let Some(before) = self.at_or_before(range.start) {
            self.cut(before, &range);
        }
        while let Some((&start, &end)) = self.0.range(range.clone()).next() {
            self.cut(start..end, &range);
        }
    }

    /// Takes `hole` out of `range`, which is one of the set's.
    fn cut(&mut self, range: Range<u64>, hole: &Range<u64>) {
        self.0.remove(&range.start);
        if range.start < hole.start {
            self.0.insert(range.start, range.end.min(hole.start));
        }
        if hole.end < range.end {
            self.0.insert(hole.end.max(range.start), range.end);
        }
    }

    fn at_or_before(&self, value: u64) -> Option<Range<u64>> {
        self.0
            .range(..=value)
            .next_back()
            .map(|(&start, &end)| start..end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bistable_common::ids::Hash;

    use super::*;

    #[test]
    fn agrees_with_a_plain_set() {
        let (mut set, mut plain) = (RangeSet::default(), BTreeSet::new());
        for step in 0..2_000_u64 {
            let random = Hash::of(&step.to_le_bytes()).0;
            let start = u64::from(random[0] % 40);
            let range = start..start + u64::from(random[1] % 8);
            if random[2] < 128 {
                plain.extend(range.clone());
                set.insert(range);
            } else {
                plain.retain(|value| !range.contains(value));
                set.remove(range);
            }
            assert!(set.iter().eq(plain.iter().copied()), "step {step}");
            assert!((0..50).all(|value| set.contains(value) == plain.contains(&value)));
            let ends: Vec<_> = set.0.iter().collect();
            assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
