//! What can be said of a problem's parameters without knowing the problem: their keys, values and ranges, told once to
//! whoever reads, writes or checks them.

use std::ops::RangeInclusive;

use crate::spec::numbers::Numbers;

/// The largest width of a layer or dimension of a generated problem.
pub const MAX_WIDTH: u32 = 1 << 14;
/// The most hidden layers of a network.
pub const MAX_LAYERS: usize = 16;
/// The most weights between the hidden layers of a network.
pub const MAX_WEIGHTS: u64 = 1 << 26;

/// Is told every parameter of a problem, in the order in which they are written, and may change its value.
pub trait Visitor {
    /// A count.
    fn integer(&mut self, key: &'static str, value: &mut u32, range: RangeInclusive<u32>);
    /// A seed.
    fn seed(&mut self, key: &'static str, value: &mut u64);
    /// A number with a fraction.
    fn number(&mut self, key: &'static str, value: &mut f64, range: Numbers);
    /// A number with a fraction, or `word` for none.
    fn number_or(
        &mut self,
        key: &'static str,
        word: &'static str,
        value: &mut Option<f64>,
        range: Numbers,
    );
    /// A number with a fraction that may be left out.
    fn optional(&mut self, key: &'static str, value: &mut Option<f64>, range: Numbers);
    /// Two keys that are not written together: the first is another way to say the second.
    fn exclude(&mut self, _key: &'static str, _other: &'static str) {}
    /// One of `words`, by its position.
    fn word(&mut self, key: &'static str, words: &[&'static str], chosen: &mut usize);
    /// The widths of a network's hidden layers, at most [`MAX_LAYERS`], each at most [`MAX_WIDTH`].
    fn widths(&mut self, key: &'static str, widths: &mut Vec<u32>);
}

/// Tells `visitor` a parameter that is one of `words`, for what it stands for.
pub fn choice<T: Copy + PartialEq>(
    visitor: &mut dyn Visitor,
    key: &'static str,
    words: &[(&'static str, T)],
    value: &mut T,
) {
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    let position = words.iter().position(|(_, meant)| meant == value);
    let mut chosen = position.expect("every value has its word");
    visitor.word(key, &names, &mut chosen);
    *value = words[chosen].1;
}

/// Parameters that are right one by one, and not together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What is wrong.
    pub message: String,
    /// The keys, each with a few words about its value.
    pub keys: Vec<(&'static str, &'static str)>,
    /// What would be right.
    pub help: Option<String>,
}

impl Conflict {
    /// One that no key is to blame for.
    pub fn new(message: String) -> Self {
        Self {
            message,
            keys: Vec::new(),
            help: None,
        }
    }

    /// Strong convexity cannot exceed smoothness.
    pub fn unordered(mu: (&'static str, f64), l: (&'static str, f64)) -> Result<(), Self> {
        if mu.1 <= l.1 {
            return Ok(());
        }
        Err(Self {
            message: format!("{} = {} is above {} = {}", mu.0, mu.1, l.0, l.1),
            keys: vec![(mu.0, "smallest eigenvalue"), (l.0, "largest eigenvalue")],
            help: Some(format!("expected 0 < {} <= {}", mu.0, l.0)),
        })
    }

    /// An embedding has parameters.
    pub fn no_layers(key: &'static str, widths: &[u32]) -> Result<(), Self> {
        if !widths.is_empty() {
            return Ok(());
        }
        Err(Self {
            message: format!("{key} = [] leaves x without a component"),
            keys: vec![(key, "no layer")],
            help: Some("expected the width of at least one layer".to_owned()),
        })
    }

    /// Weights between hidden layers fill memory as the product of widths.
    pub fn weights(key: &'static str, widths: &[u32]) -> Result<(), Self> {
        let pairs = widths.windows(2);
        let weights: u64 = pairs
            .map(|pair| u64::from(pair[0]) * u64::from(pair[1]))
            .sum();
        if weights <= MAX_WEIGHTS {
            return Ok(());
        }
        Err(Self {
            message: format!("{key} = {widths:?} has {weights} weights between hidden layers"),
            keys: vec![(key, "these layers")],
            help: Some("expected at most 2^26".to_owned()),
        })
    }
}
