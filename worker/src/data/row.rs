//! A sample's features, however they are kept.

use crate::kernel::Real;

/// How a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A byte, which stands for itself over 255.
    Byte,
    /// A float, first byte first (IDX).
    BigFloat,
    /// A float, last byte first (the sparse form).
    LittleFloat,
}

impl Scalar {
    pub fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::BigFloat | Self::LittleFloat => 4,
        }
    }
}

/// A sample's values, all of them or those that are not zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub scalar: Scalar,
    pub values: &'a [u8],
    /// Their places, ascending, last byte first; `None` if all values are there.
    pub indices: Option<&'a [u8]>,
}

impl<'a> Row<'a> {
    /// Every value, with its place, in ascending order of places.
    pub fn entries<R: Real>(self) -> impl Iterator<Item = (u32, R)> + Clone + 'a {
        let count = self.values.len() / self.scalar.bytes();
        (0..count).map(move |k| (self.index(k), self.value(k)))
    }

    fn index(self, k: usize) -> u32 {
        match self.indices {
            None => k as u32,
            Some(indices) => u32::from_le_bytes(four(indices, k)),
        }
    }

    fn value<R: Real>(self, k: usize) -> R {
        match self.scalar {
            Scalar::Byte => R::from_f64(f64::from(self.values[k])) / R::from_f64(255.0),
            Scalar::BigFloat => wide(f32::from_be_bytes(four(self.values, k))),
            Scalar::LittleFloat => wide(f32::from_le_bytes(four(self.values, k))),
        }
    }
}

fn wide<R: Real>(value: f32) -> R {
    R::from_f64(f64::from(value))
}

/// The `k`-th word of four bytes.
pub(super) fn four(bytes: &[u8], k: usize) -> [u8; 4] {
    let at = 4 * k;
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
}
