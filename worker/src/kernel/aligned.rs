//! Parameters on cache-line boundaries: a load of 64 bytes that crosses one costs two.

use std::ops::{Deref, DerefMut};

use super::Real;

const LINE_BYTES: usize = 64;

/// A fixed-length vector whose first element is 64-byte aligned.
pub struct Aligned<R> {
    /// The values, with room for shifting them to a boundary.
    room: Vec<R>,
    first: usize,
    len: usize,
}

impl<R: Real> Aligned<R> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let room = vec![R::ZERO; len + LINE_BYTES / size_of::<R>()];
        // The heap block does not move with the vector, so the offset stays right.
        let first = room.as_ptr().align_offset(LINE_BYTES).min(room.len() - len);
        Self { room, first, len }
    }

    /// A copy of `values`.
    pub fn from_slice(values: &[R]) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

impl<R: Real> Clone for Aligned<R> {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl<R> Deref for Aligned<R> {
    type Target = [R];

    #[inline(always)]
    fn deref(&self) -> &[R] {
        &self.room[self.first..self.first + self.len]
    }
}

impl<R> DerefMut for Aligned<R> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.room[self.first..self.first + self.len]
    }
}

impl<R: PartialEq> PartialEq for Aligned<R> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<R: std::fmt::Debug> std::fmt::Debug for Aligned<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_moves_stay_on_the_boundary() {
        for len in [0, 1, 17, 1000] {
            let values: Vec<f32> = (0..len).map(|v| v as f32).collect();
            let aligned = Box::new(Aligned::from_slice(&values));
            let moved = *aligned;
            for vector in [moved.clone(), moved] {
                assert_eq!(*vector, values[..]);
                assert_eq!(vector.as_ptr().align_offset(LINE_BYTES), 0);
            }
        }
    }
}
