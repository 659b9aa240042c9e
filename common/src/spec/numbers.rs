//! Ranges of numbers with a fraction, as predicates that have words.

/// A range of finite numbers.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// What is expected, as it follows "expected".
    pub expected: &'static str,
    /// Whether a finite number is in it.
    pub contains: fn(f64) -> bool,
}

impl Numbers {
    /// Whether `value` is a finite number of the range.
    pub fn hold(&self, value: f64) -> bool {
        value.is_finite() && (self.contains)(value)
    }
}

/// All of them.
pub const FINITE: Numbers = Numbers {
    expected: "a number",
    contains: |_| true,
};
/// Above 0.
pub const POSITIVE: Numbers = Numbers {
    expected: "a positive number",
    contains: |value| value > 0.0,
};
/// At least 0.
pub const NOT_NEGATIVE: Numbers = Numbers {
    expected: "a number, at least 0",
    contains: |value| value >= 0.0,
};
/// In (0, 1).
pub const LEVEL: Numbers = Numbers {
    expected: "a number strictly between 0 and 1",
    contains: |value| value > 0.0 && value < 1.0,
};
/// In [0, 1).
pub const DECAY: Numbers = Numbers {
    expected: "a number, at least 0 and below 1",
    contains: |value| (0.0..1.0).contains(&value),
};
/// In [0, 1].
pub const PROBABILITY: Numbers = Numbers {
    expected: "a probability, from 0 to 1",
    contains: |value| (0.0..=1.0).contains(&value),
};
/// At least 1/2.
pub const AT_LEAST_HALF: Numbers = Numbers {
    expected: "a number, at least 0.5",
    contains: |value| value >= 0.5,
};
/// At least 1.
pub const AT_LEAST_ONE: Numbers = Numbers {
    expected: "a number, at least 1",
    contains: |value| value >= 1.0,
};
/// In (0, 1].
pub const RATIO: Numbers = Numbers {
    expected: "a number above 0 and at most 1",
    contains: |value| value > 0.0 && value <= 1.0,
};
