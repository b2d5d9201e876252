//! What the owner of a run shares with the host functions its guest calls.
//!
//! The verdict "this run must stop" has one owner, this value: whoever finds the deadline
//! passed or the run cancelled first records it, and everybody else reads that record. The
//! guest's own instructions are interrupted at fuel yields, by the owner; host functions,
//! which use no fuel, call [`Interrupt::check`] themselves.

use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Why a run must stop before its guest ends by itself.
///
/// A host function returns it as the error of its call, which unwinds the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// `deadline_ms` has passed.
    #[error("the deadline has passed")]
    Deadline,
    /// The caller cancelled the run.
    #[error("the run was cancelled")]
    Cancelled,
}

/// Deadline, cancellation and waiting of one run.
#[derive(Debug)]
pub(crate) struct Interrupt {
    started: Instant,
    deadline: Instant,
    cancelled: AtomicBool,
    verdict: AtomicU8,
    wait: Mutex<Wait>,
}

/// What the guest is waiting for, if it waits.
#[derive(Debug, Default)]
struct Wait {
    waker: Option<Waker>,
    waiting: bool,
    until: Option<Instant>,
    waited: Duration,
}

impl Interrupt {
    /// Starts the clock of a run that may take `allowed`.
    pub(crate) fn start(allowed: Duration) -> Interrupt {
        let started = Instant::now();
        // A deadline beyond what the clock can express is centuries away.
        let deadline = started.checked_add(allowed).unwrap_or(started + Duration::from_secs(1 << 32));
        Interrupt {
            started,
            deadline,
            cancelled: AtomicBool::new(false),
            verdict: AtomicU8::new(0),
            wait: Mutex::default(),
        }
    }

    /// Asks the run to stop; wakes it if it waits. Safe from any thread, any number of times.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if let Some(waker) = self.wait.lock().waker.take() {
            waker.wake();
        }
    }

    /// Fails once the run must stop. Costs one clock reading (about 30 ns).
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if let Some(stop) = self.verdict() {
            return Err(stop);
        }
        let stop = if self.cancelled.load(Ordering::Acquire) {
            Stop::Cancelled
        } else if Instant::now() >= self.deadline {
            Stop::Deadline
        } else {
            return Ok(());
        };
        let _ = self.verdict.compare_exchange(0, stop as u8 + 1, Ordering::AcqRel, Ordering::Acquire);
        Err(self.verdict().unwrap_or(stop))
    }

    /// Why the run was stopped, if it was.
    pub(crate) fn verdict(&self) -> Option<Stop> {
        match self.verdict.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Deadline),
            _ => Some(Stop::Cancelled),
        }
    }

    /// When the run started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// How long the guest has waited for the host (sleeping is the guest's own time).
    pub(crate) fn waited(&self) -> Duration {
        self.wait.lock().waited
    }

    /// Waits until `ready` says so, until `until`, or until the run must stop. `None` means that
    /// `until` came first. `ready` registers the context's waker with whatever it waits for.
    pub(crate) async fn wait_for<T>(
        &self,
        until: Option<Instant>,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Option<T>, Stop> {
        let began = Instant::now();
        let mut polled = |context: &mut Context<'_>| {
            self.check()?;
            if let Poll::Ready(value) = ready(context) {
                return Ok(Some(Some(value)));
            }
            Ok(until.is_some_and(|until| Instant::now() >= until).then_some(None))
        };
        let answer = poll_fn(|context| match polled(context).transpose() {
            Some(answer) => Poll::Ready(answer),
            None => {
                let mut wait = self.wait.lock();
                wait.waker = Some(context.waker().clone());
                wait.waiting = true;
                wait.until = until;
                Poll::Pending
            }
        })
        .await;
        let mut wait = self.wait.lock();
        let counts = until.is_none();
        *wait = Wait { waited: wait.waited + if counts { began.elapsed() } else { Duration::ZERO }, ..Wait::default() };
        answer
    }

    /// For the owner, after a poll of the run gave `Pending`: `None` when the guest merely yielded
    /// and can go on at once, else the moment at which to poll again at the latest.
    pub(crate) fn waiting_until(&self) -> Option<Instant> {
        let wait = self.wait.lock();
        wait.waiting.then(|| wait.until.map_or(self.deadline, |until| until.min(self.deadline)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_verdict_stands() {
        let interrupt = Interrupt::start(Duration::ZERO);
        assert_eq!(interrupt.check(), Err(Stop::Deadline));
        interrupt.cancel();
        assert_eq!(interrupt.check(), Err(Stop::Deadline));
    }
}
