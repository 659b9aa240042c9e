//! What is asked of a network's outputs: values, derivatives and second derivatives.

use crate::kernel::{Real, Simd, ops};

/// A loss of outputs `z` and a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of `softmax(z)`.
    CrossEntropy,
    /// `|z - e|^2`, `e` being the label's unit vector.
    Squared,
}

impl Loss {
    /// Leaves `share` times the derivatives in the outputs in `delta`; outputs become probabilities under cross-entropy.
    /// Rows have `width` values, `classes` of which are not padding.
    pub fn differentiate<R: Real>(
        self,
        simd: Simd,
        labels: impl Iterator<Item = u32>,
        (classes, width): (usize, usize),
        share: R,
        (z, delta): (&mut [R], &mut [R]),
    ) {
        let factor = match self {
            Self::CrossEntropy => {
                ops::softmax(simd, z, classes, width);
                share
            }
            Self::Squared => share + share,
        };
        delta.copy_from_slice(z);
        for (row, label) in delta.chunks_exact_mut(width).zip(labels) {
            let z = &mut row[label as usize];
            *z = *z - R::ONE;
        }
        ops::scale(simd, factor, delta);
    }

    /// The change of what [`Loss::differentiate`] left, given that of the outputs, `change`; `z` is what it made of them.
    pub fn bend<R: Real>(
        self,
        simd: Simd,
        width: usize,
        share: R,
        z: &[R],
        (change, delta): (&mut [R], &mut [R]),
    ) {
        delta.copy_from_slice(change);
        match self {
            Self::CrossEntropy => {
                ops::softmax_along(simd, z, width, delta);
                ops::scale(simd, share, delta);
            }
            Self::Squared => ops::scale(simd, share + share, delta),
        }
    }

    /// Loss and 0-1 error of one sample's outputs; of equal outputs the first counts as the largest.
    pub fn judge<R: Real>(self, simd: Simd, z: &[R], label: u32) -> [f64; 2] {
        let [cross_entropy, error] = ops::judge(simd, z, label);
        match self {
            Self::CrossEntropy => [cross_entropy, error],
            Self::Squared => [squared(z, label as usize), error],
        }
    }
}

/// `|z - e|^2` in f64.
fn squared<R: Real>(z: &[R], label: usize) -> f64 {
    let term = |(class, z): (usize, &R)| {
        let away = z.to_f64() - f64::from(u8::from(class == label));
        away * away
    };
    z.iter().enumerate().map(term).sum()
}
