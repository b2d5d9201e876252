//! A counter with a ceiling: reserve first, allocate after.

use std::sync::atomic::{AtomicU64, Ordering};

/// How much of one limit is in use. Shared by everything that spends it.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
}

/// The reservation would have passed the limit; nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded;

impl Budget {
    /// An unused budget.
    pub(crate) fn new(limit: u64) -> Budget {
        Budget { limit, used: AtomicU64::new(0) }
    }

    /// Takes `amount`, or nothing.
    pub(crate) fn reserve(&self, amount: u64) -> Result<(), Exceeded> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(amount).filter(|sum| *sum <= self.limit)
            })
            .map(drop)
            .map_err(|_| Exceeded)
    }

    /// Gives `amount` back. Giving back more than was taken leaves zero in use.
    pub(crate) fn release(&self, amount: u64) {
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(amount)));
    }

    /// What is in use.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What may be in use at most.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// What could still be reserved.
    pub(crate) fn left(&self) -> u64 {
        self.limit - self.used()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_reservation_takes_nothing() {
        let budget = Budget::new(10);
        assert_eq!(budget.reserve(8), Ok(()));
        assert_eq!(budget.reserve(3), Err(Exceeded));
        assert_eq!(budget.reserve(u64::MAX), Err(Exceeded));
        assert_eq!((budget.used(), budget.left()), (8, 2));
        budget.release(100);
        assert_eq!(budget.used(), 0);
    }
}
