//! The threads of one sandbox's blocking tools.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many a sandbox may have at once, those of calls that were given up included.
const MOST: usize = 64;

/// A count of threads. A clone is a reference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threads(Arc<AtomicUsize>);

/// Held by a thread as long as it runs.
pub(super) struct ThreadPlace(Threads);

impl Threads {
    /// A place for one more.
    pub(super) fn take(&self) -> Option<ThreadPlace> {
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |threads| {
            Some(threads + 1).filter(|threads| *threads <= MOST)
        });
        taken.is_ok().then(|| ThreadPlace(self.clone()))
    }
}

impl Drop for ThreadPlace {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
