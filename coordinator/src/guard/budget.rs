//! Memory for messages that have not arrived as a whole: so much over all calls, for each may be long and take its time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What all calls share.
#[derive(Clone)]
pub(super) struct Budget(Arc<Inner>);

struct Inner {
    most: usize,
    used: AtomicUsize,
}

/// One call's part, until it is dropped.
pub(super) struct Held {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub fn new(most: usize) -> Self {
        let used = AtomicUsize::new(0);
        Self(Arc::new(Inner { most, used }))
    }

    /// A part of it, empty so far.
    pub fn part(&self) -> Held {
        Held {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Held {
    /// Takes so many bytes more; false if that is more than there are.
    pub fn take(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let before = self.budget.0.used.fetch_add(bytes, Ordering::Relaxed);
        before + bytes <= self.budget.0.most
    }

    /// Gives all of it back.
    pub fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.budget.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_there_for_others() {
        let budget = Budget::new(10);
        let (mut one, mut two) = (budget.part(), budget.part());
        assert!(one.take(4) && two.take(6) && !one.take(1));
        drop(two);
        assert!(one.take(5));
        one.give_back();
        assert!(budget.part().take(10));
        assert_eq!(budget.0.used.load(Ordering::Relaxed), 0);
    }
}
