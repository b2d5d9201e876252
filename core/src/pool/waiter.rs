//! Waiting in line, as a parked thread or as a future.

use super::pooled::Granted;
use super::queue::Left;
use super::shared::Shared;
use crate::error::Result;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Nobody waits longer. It keeps sums with the time of day within their range.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time to wait, as it can be reckoned with.
pub(super) fn bounded(within: Duration) -> Duration {
    within.min(LONGEST)
}

/// Somebody who wants a place; dropped, it leaves the line.
pub(super) struct Waiter<'a> {
    shared: &'a Arc<Shared>,
    ticket: Option<u64>,
    since: Instant,
}

impl<'a> Waiter<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Waiter<'a> {
        Waiter { shared, ticket: None, since: Instant::now() }
    }

    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// The place, if one is free now or has been given meanwhile; otherwise `waker` will be woken.
    pub(super) fn poll(&mut self, waker: &Waker) -> Option<Granted> {
        // Wakers are code of the caller's: cloned and dropped where no lock is held.
        let mut waker = Some(waker.clone());
        let given = {
            let mut state = self.shared.state.lock();
            let given = match self.ticket {
                Some(ticket) => state.queue.claim(ticket),
                None => state.take(),
            };
            match (given, self.ticket) {
                (Some(given), _) => {
                    self.ticket = None;
                    Some(given)
                }
                (None, Some(ticket)) => {
                    waker = waker.and_then(|waker| state.queue.renew(ticket, waker));
                    None
                }
                (None, None) => {
                    self.ticket = waker.take().map(|waker| state.queue.join(waker));
                    state.counts.waits += 1;
                    None
                }
            }
        };
        drop(waker);
        given.map(|given| Granted::new(self.shared, given))
    }

    /// Parks this thread until its turn.
    ///
    /// # Errors
    /// `pool_busy` after `within`.
    pub(super) fn wait(mut self, within: Duration) -> Result<Granted> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            if let Some(granted) = self.poll(&waker) {
                return Ok(granted);
            }
            let left = within.saturating_sub(self.waited());
            if left.is_zero() {
                return Err(self.shared.busy(self.waited()));
            }
            std::thread::park_timeout(left);
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let (left, served) = {
            let mut state = self.shared.state.lock();
            match state.queue.leave(ticket) {
                Left::Waiting(waker) => (waker, None),
                Left::Granted(given) => (None, state.give_back(given)),
            }
        };
        drop(left);
        if let Some(waker) = served {
            waker.wake();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
