//! Who is D, D~, S and test in a replicate.

use bistable_common::{
    draw::{Key, Purpose, Stream},
    ids::Replicate,
    spec::LabelNoise,
    sweep::{Cell, Facts},
};

use super::Dataset;

/// A replicate's samples, as rows of the pool; the four are disjoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// D, the validation samples.
    pub validation: Vec<u32>,
    /// D~, their replacements.
    pub replacement: Vec<u32>,
    /// S, the training samples.
    pub training: Vec<u32>,
    /// Test samples.
    pub test: Vec<u32>,
    /// The labels of S, some of them redrawn, once.
    pub training_labels: Vec<u32>,
}

/// Deals the pool out for one replicate of a cell: one permutation; the test set and then S from the front; D and D~
/// interleaved from the back. So a smaller m1 or m2 is a prefix of a larger one, and all four are disjoint whenever
/// `test + m2 + 2 m1` is at most the pool; `None` if it is more.
pub fn deal(
    facts: &Facts,
    cell: &Cell,
    replicate: Replicate,
    data: &Dataset,
    noise: LabelNoise,
) -> Option<Deal> {
    let needed = u64::from(facts.test) + u64::from(cell.m2) + 2 * u64::from(cell.m1);
    if needed > u64::from(data.samples()) {
        return None;
    }
    let mut order = Vec::new();
    Key::new(facts.seed, replicate, Purpose::Pool)
        .stream(0, 0)
        .permutation(data.samples(), &mut order);
    let (test, rest) = order.split_at(facts.test as usize);
    let training = rest[..cell.m2 as usize].to_vec();
    let back = order.iter().rev().copied().take(2 * cell.m1 as usize);
    Some(Deal {
        validation: back.clone().step_by(2).collect(),
        replacement: back.skip(1).step_by(2).collect(),
        test: test.to_vec(),
        training_labels: noisy_labels(facts, replicate, data, &training, noise),
        training,
    })
}

fn noisy_labels(
    facts: &Facts,
    replicate: Replicate,
    data: &Dataset,
    training: &[u32],
    noise: LabelNoise,
) -> Vec<u32> {
    let mut key = Key::new(facts.seed, replicate, Purpose::LabelNoise);
    let mut stream = key.stream(0, 0);
    let mut labels: Vec<u32> = training.iter().map(|&row| data.label(row)).collect();
    let redraw = |label: &mut u32, stream: &mut Stream<'_>| {
        *label = stream.below(data.classes());
    };
    match noise {
        LabelNoise::Half => {
            let odd = labels.iter_mut().skip(1).step_by(2);
            odd.for_each(|label| redraw(label, &mut stream));
        }
        LabelNoise::Share(share) => {
            for label in &mut labels {
                if stream.unit() < share {
                    redraw(label, &mut stream);
                }
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
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
            deal(
                facts,
                &facts.cells[0],
                Replicate(r),
                &data,
                LabelNoise::Half,
            )
            .expect("fits")
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
                &testing::facts_with(1501, 1000),
                &testing::facts_with(1501, 1000).cells[0],
                Replicate(0),
                &data,
                LabelNoise::Half,
            ),
            None
        );
    }

    #[test]
    fn about_nine_tenths_of_the_odd_labels_and_no_even_one_change() {
        let data = Dataset::bundled();
        let facts = testing::facts_with(100, 2000);
        let deal = deal(
            &facts,
            &facts.cells[0],
            Replicate(0),
            &data,
            LabelNoise::Half,
        )
        .expect("fits");
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
