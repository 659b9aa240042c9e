//! What is measured, as a list, so that each fold over it is written once.

/// A quantity of an estimate; see [`super::Estimate`] for what each one means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Beta1,
    Beta1X,
    Beta1Y,
    Beta1Z,
    Beta2Sq,
    Beta2SqX,
    Beta2SqY,
    Beta2SqZ,
    ValLoss,
    TestLoss,
    ValError,
    TestError,
    HoldoutLoss,
    HoldoutError,
    ReplaceOneLoss,
    ReplaceOneError,
    PlainLoss,
    PlainError,
}

const COUNT: usize = Quantity::PlainError as usize + 1;

/// A value for each quantity, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Values([Option<f64>; COUNT]);

impl Values {
    /// Sets a quantity. What overflowed is not a number to report.
    pub fn set(&mut self, quantity: Quantity, value: Option<f64>) {
        self.0[quantity as usize] = value.filter(|value| value.is_finite());
    }

    /// A quantity's value.
    pub fn get(&self, quantity: Quantity) -> Option<f64> {
        self.0[quantity as usize]
    }

    /// The mean of each quantity over `all`, in their order; `None` where any of them has none, since the rest would
    /// be a selection.
    pub fn mean(all: &[Self]) -> Self {
        let mut mean = Self::default();
        for (at, slot) in mean.0.iter_mut().enumerate() {
            let sum = all
                .iter()
                .try_fold(0.0, |sum, values| Some(sum + values.0[at]?));
            *slot = sum
                .map(|sum| sum / all.len() as f64)
                .filter(|mean| mean.is_finite());
        }
        mean
    }
}
