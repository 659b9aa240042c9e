//! All randomness, as a function: nothing here remembers anything that a caller could advance.
//!
//! The key of a stream is `BLAKE3(master seed, replicate, purpose)`; within it ChaCha8's stream number is the round and
//! the word position names the sub-step. Keys do not contain the cell, so the cells of one replicate share their draws,
//! and nothing depends on the data, so replacing a sample cannot shift a draw. An index below n is the high word of
//! `u64 * n`; floats come from the top 53 bits. See the README's "one answer" for what rests on this.

mod reads;
mod sampler;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

pub use reads::{first_draws, first_draws_while, measured_order, truncation};
pub use sampler::{Level, Sampler};

use crate::ids::Replicate;

/// What a stream is for. Two purposes never share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The permutation that deals the pool out to D, D~, S and the test set.
    Pool,
    /// The redrawn labels of S.
    LabelNoise,
    /// The initial point.
    Init,
    /// Inner batches.
    Inner,
    /// Outer batches.
    Outer,
    /// Batches of products with `d_yy g`.
    Curvature,
    /// Batches of products with `d_x d_y g`.
    Cross,
    /// Lengths of truncated series.
    Truncation,
    /// The order in which indices are replaced.
    IndexOrder,
    /// Generated samples: validation, D.
    Validation,
    /// Generated samples: replacements, D~.
    Replacement,
    /// Generated samples: training, S.
    Training,
    /// Generated samples: the copy of S.
    TrainingReplacement,
    /// Generated samples: test.
    Test,
    /// A problem's own constants, shared by all replicates.
    Constants,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::LabelNoise => "label-noise",
            Self::Init => "init",
            Self::Inner => "inner",
            Self::Outer => "outer",
            Self::Curvature => "curvature",
            Self::Cross => "cross",
            Self::Truncation => "truncation",
            Self::IndexOrder => "index-order",
            Self::Validation => "validation",
            Self::Replacement => "replacement",
            Self::Training => "training",
            Self::TrainingReplacement => "training-replacement",
            Self::Test => "test",
            Self::Constants => "constants",
        }
    }
}

/// The key of a family of streams.
#[derive(Clone)]
pub struct Key(ChaCha8Rng);

impl Key {
    /// The key of `purpose` in `replicate` of a sweep with `master_seed`.
    pub fn new(master_seed: u64, replicate: Replicate, purpose: Purpose) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("bistable v1 draw");
        hasher.update(&master_seed.to_le_bytes());
        hasher.update(&replicate.0.to_le_bytes());
        hasher.update(purpose.name().as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// The numbers of sub-step `sub_step` in round `round`: the same at every call.
    pub fn stream(&mut self, round: u64, sub_step: u64) -> Stream<'_> {
        self.0.set_stream(round);
        self.0.set_word_pos(u128::from(sub_step) << 32);
        Stream(&mut self.0)
    }
}

/// The numbers of one (key, round, sub-step).
pub struct Stream<'a>(&'a mut ChaCha8Rng);

impl Stream<'_> {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next index below `n`.
    pub fn below(&mut self, n: u32) -> u32 {
        // The product's high word is below n, so the cast cannot lose anything.
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u32
    }

    /// The next float in [0, 1), a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Permutes `0..n` (Fisher-Yates from the back).
    pub fn permutation(&mut self, n: u32, out: &mut Vec<u32>) {
        out.clear();
        out.extend(0..n);
        for last in (1..n).rev() {
            let other = self.below(last + 1);
            out.swap(last as usize, other as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(seed: u64, replicate: u32, purpose: Purpose, round: u64, sub_step: u64) -> [u64; 2] {
        let mut key = Key::new(seed, Replicate(replicate), purpose);
        let mut stream = key.stream(round, sub_step);
        [stream.next_u64(), stream.next_u64()]
    }

    #[test]
    fn golden_values_never_change() {
        assert_eq!(words(1, 0, Purpose::Inner, 0, 0), GOLDEN[0]);
        assert_eq!(words(1, 0, Purpose::Outer, 7, 3), GOLDEN[1]);
        assert_eq!(words(2, 5, Purpose::Pool, 0, 0), GOLDEN[2]);
    }

    const GOLDEN: [[u64; 2]; 3] = [
        [12853015785948872994, 15714828123470515819],
        [5003581570725589172, 3063239968085489652],
        [1630513733983426201, 10936867035476275630],
    ];

    #[test]
    fn every_argument_matters_and_order_of_calls_does_not() {
        let base = words(1, 0, Purpose::Inner, 0, 0);
        for other in [
            words(2, 0, Purpose::Inner, 0, 0),
            words(1, 1, Purpose::Inner, 0, 0),
            words(1, 0, Purpose::Outer, 0, 0),
            words(1, 0, Purpose::Inner, 1, 0),
            words(1, 0, Purpose::Inner, 0, 1),
        ] {
            assert_ne!(base, other);
        }
        let mut key = Key::new(1, Replicate(0), Purpose::Inner);
        key.stream(9, 9).next_u64();
        assert_eq!(key.stream(0, 0).next_u64(), base[0]);
    }

    #[test]
    fn sub_steps_and_rounds_never_repeat() {
        let mut seen = std::collections::HashSet::new();
        let mut key = Key::new(1, Replicate(0), Purpose::Inner);
        let far = (0..40).map(|bit| 1u64 << bit);
        for round in far.clone().chain([0, 3]) {
            for sub_step in (0..100).chain(far.clone().filter(|step| (128..1 << 24).contains(step)))
            {
                let first = key.stream(round, sub_step).next_u64();
                assert!(seen.insert(first), "round {round}, sub-step {sub_step}");
            }
        }
    }

    #[test]
    fn indices_are_uniform_and_in_range() {
        let mut key = Key::new(3, Replicate(0), Purpose::Outer);
        let mut counts = [0u32; 10];
        let mut stream = key.stream(0, 0);
        for _ in 0..100_000 {
            counts[stream.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)));
    }

    #[test]
    fn permutations_hold_every_index_once() {
        let mut key = Key::new(3, Replicate(0), Purpose::Pool);
        let mut order = Vec::new();
        key.stream(0, 0).permutation(1000, &mut order);
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
    }
}
