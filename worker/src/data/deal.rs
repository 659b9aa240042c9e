//! Who is D, D~, S and test in a replicate.

use bistable_common::{
    draw::{Purpose, Stream},
    spec::LabelNoise,
    sweep::Replace,
};

use super::Dataset;
use crate::setting::Setting;

/// A replicate's samples, as rows of the pool; the four are disjoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// D, the validation samples.
    pub validation: Vec<u32>,
    /// D~, their replacements, if validation samples are replaced.
    pub replacement: Vec<u32>,
    /// S, the training samples; then their replacements, if it is those that are replaced.
    pub training: Vec<u32>,
    /// Test samples.
    pub test: Vec<u32>,
    /// The labels of `training`, some of them redrawn, once.
    pub training_labels: Vec<u32>,
}

/// Deals the pool out for one replicate of a cell: one permutation; the test set and then S from the front, D from the
/// back; who replaces them interleaved with D, or with S. So a smaller m1 or m2 is a prefix of a larger one, and all are
/// disjoint whenever `test + m2 + 2 m1` (or `test + 2 m2 + m1`) is at most the pool; `None` if it is more.
pub fn deal(setting: Setting<'_>, data: &Dataset, noise: LabelNoise) -> Option<Deal> {
    let (facts, cell) = (setting.facts, setting.cell());
    let needed = facts.replace.pool(facts.test, cell.m1, cell.m2);
    if needed > u64::from(data.samples()) {
        return None;
    }
    let mut order = Vec::new();
    let mut key = setting.key(Purpose::Pool);
    (key.stream(0, 0)).permutation(data.samples(), &mut order);
    let (test, rest) = order.split_at(facts.test as usize);
    let (validation, replacement) = halves(
        rest.iter().rev(),
        cell.m1,
        facts.replace == Replace::Validation,
    );
    let (mut training, copies) = halves(rest.iter(), cell.m2, facts.replace == Replace::Training);
    training.extend(copies);
    Some(Deal {
        validation,
        replacement,
        test: test.to_vec(),
        training_labels: noisy_labels(setting, data, &training, noise),
        training,
    })
}

/// The first `count` samples; if they are to be replaced, each followed by its replacement.
fn halves<'a>(
    samples: impl Iterator<Item = &'a u32>,
    count: u32,
    replaced: bool,
) -> (Vec<u32>, Vec<u32>) {
    let count = count as usize;
    let samples = samples.copied();
    if !replaced {
        return (samples.take(count).collect(), Vec::new());
    }
    let both: Vec<u32> = samples.take(2 * count).collect();
    let every_other = |first: usize| both.iter().copied().skip(first).step_by(2).collect();
    (every_other(0), every_other(1))
}

fn noisy_labels(
    setting: Setting<'_>,
    data: &Dataset,
    training: &[u32],
    noise: LabelNoise,
) -> Vec<u32> {
    let (mut key, m2) = (setting.key(Purpose::LabelNoise), setting.cell().m2);
    let mut labels: Vec<u32> = training.iter().map(|&row| data.label(row)).collect();
    let redraw = |label: &mut u32, stream: &mut Stream<'_>| {
        *label = stream.below(data.classes());
    };
    // S, then its replacements: of one distribution, place by place.
    for (number, labels) in labels.chunks_mut(m2 as usize).enumerate() {
        let mut stream = key.stream(0, number as u64);
        match noise {
            LabelNoise::Half => {
                let odd = labels.iter_mut().skip(1).step_by(2);
                odd.for_each(|label| redraw(label, &mut stream));
            }
            LabelNoise::Share(share) => {
                for label in labels {
                    if stream.unit() < share {
                        redraw(label, &mut stream);
                    }
                }
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use bistable_common::{ids::Replicate, sweep::Facts};

    use super::*;
    use crate::testing;

    #[test]
    fn the_four_are_disjoint_and_smaller_sets_are_prefixes() {
        let data = Dataset::bundled();
        let (small, large) = (
            testing::facts_with(200, 1000),
            testing::facts_with(1500, 1000),
        );
        let deal_of = |facts: &Facts, r| {
            let setting = Setting {
                replicate: Replicate(r),
                ..testing::setting(facts)
            };
            deal(setting, &data, LabelNoise::Half).expect("fits")
        };
        let (a, b) = (deal_of(&small, 0), deal_of(&large, 0));
        assert_eq!(a.validation, b.validation[..200]);
        assert_eq!(a.replacement, b.replacement[..200]);
        assert_eq!((&a.training, &a.test), (&b.training, &b.test));
        let mut all = [b.validation, b.replacement, b.training, b.test].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((count, all.len()), (5000, 5000));
        assert_ne!(a.validation, deal_of(&small, 1).validation);
        assert_eq!(
            deal(
                testing::setting(&testing::facts_with(1501, 1000)),
                &data,
                LabelNoise::Half
            ),
            None
        );
    }

    #[test]
    fn who_replaces_training_samples_is_like_them() {
        let data = Dataset::bundled();
        let deal_of = |m2| {
            let mut facts = testing::facts_with(500, m2);
            facts.replace = Replace::Training;
            deal(testing::setting(&facts), &data, LabelNoise::Half)
        };
        let (small, large) = (deal_of(300).expect("fits"), deal_of(1750).expect("fits"));
        assert_eq!(deal_of(1751), None);
        assert_eq!((large.training.len(), large.replacement.len()), (3500, 0));
        let halves = |deal: &Deal, m2: usize| {
            let half = |from| [&deal.training[from..][..300], &[]].concat();
            (half(0), half(m2))
        };
        assert_eq!(halves(&small, 300), halves(&large, 1750));
        let mut all = [large.validation, large.training.clone(), large.test].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((count, all.len()), (5000, 5000));
        for (place, &sample) in large.training.iter().enumerate() {
            let clean = large.training_labels[place] == data.label(sample);
            assert!(clean || (place % 1750) % 2 == 1, "{place}");
        }
    }

    #[test]
    fn about_nine_tenths_of_the_odd_labels_and_no_even_one_change() {
        let data = Dataset::bundled();
        let facts = testing::facts_with(100, 2000);
        let deal = deal(testing::setting(&facts), &data, LabelNoise::Half).expect("fits");
        let changed = |parity: usize| {
            let positions = (parity..2000).step_by(2);
            positions
                .filter(|&j| deal.training_labels[j] != data.label(deal.training[j]))
                .count()
        };
        assert_eq!(changed(0), 0);
        assert!((860..940).contains(&changed(1)), "{}", changed(1));
    }
}
