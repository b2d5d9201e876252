//! What the owner of a run shares with the host functions its guest calls.
//!
//! The verdict "this run must stop" has one owner, this value: whoever finds the deadline
//! passed or the run cancelled first records it, and everybody else reads that record. The
//! guest's own instructions are interrupted at fuel yields, by the owner; host functions,
//! which use no fuel, call [`Interrupt::check`] themselves.

use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
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
    /// `host_wait_ms` has passed while tools worked.
    #[error("the host's tools took too long")]
    HostWait,
}

/// Deadline, cancellation and waiting of one run.
///
/// The deadline is the guest's: it stands still while the host works for the guest (bounded by
/// `host_wait_ms`) and while the run is [set aside](Interrupt::set_aside).
#[derive(Debug)]
pub(crate) struct Interrupt {
    started: Instant,
    /// When the run must stop, in nanoseconds after `started`; `NEVER` while the clock stands still.
    deadline_ns: AtomicU64,
    /// When the host must have answered.
    host_deadline_ns: AtomicU64,
    cancelled: AtomicBool,
    verdict: AtomicU8,
    wait: Mutex<Wait>,
}

const NEVER: u64 = u64::MAX;

/// What the guest is waiting for, if it waits, and how the run's time was spent.
#[derive(Debug)]
struct Wait {
    waker: Option<Waker>,
    waiting: bool,
    until: Option<Instant>,
    /// How long the guest has waited for the host.
    waited: Duration,
    /// How long the run was set aside.
    aside: Duration,
    /// Whose time it is.
    turn: Turn,
    /// Since when it is, or since when the run is set aside.
    since: Instant,
    is_aside: bool,
    guest_left: Duration,
    host_left: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Guest,
    Host,
}

impl Interrupt {
    /// Starts the clock of a run that may take `allowed`.
    pub(crate) fn start(allowed: Duration) -> Interrupt {
        Interrupt::with_host_wait(allowed, allowed)
    }

    /// Starts the clock of a run whose guest may take `allowed`, and the host's tools `host_wait`.
    pub(crate) fn with_host_wait(allowed: Duration, host_wait: Duration) -> Interrupt {
        let started = Instant::now();
        let wait = Wait {
            waker: None,
            waiting: false,
            until: None,
            waited: Duration::ZERO,
            aside: Duration::ZERO,
            turn: Turn::Guest,
            since: started,
            is_aside: false,
            guest_left: allowed,
            host_left: host_wait,
        };
        Interrupt {
            started,
            deadline_ns: AtomicU64::new(nanoseconds(allowed)),
            host_deadline_ns: AtomicU64::new(NEVER),
            cancelled: AtomicBool::new(false),
            verdict: AtomicU8::new(0),
            wait: Mutex::new(wait),
        }
    }

    /// Asks the run to stop; wakes it if it waits. Safe from any thread, any number of times.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        let waker = self.wait.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the run has been cancelled or stopped; costs no clock reading.
    pub(crate) fn is_stopped(&self) -> bool {
        self.cancelled.load(Ordering::Acquire) || self.verdict.load(Ordering::Acquire) != 0
    }

    /// Fails once the run must stop. Costs one clock reading (about 30 ns).
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if let Some(stop) = self.verdict() {
            return Err(stop);
        }
        let stop = if self.cancelled.load(Ordering::Acquire) {
            Stop::Cancelled
        } else {
            let now = nanoseconds(self.started.elapsed());
            if now >= self.deadline_ns.load(Ordering::Relaxed) {
                Stop::Deadline
            } else if now >= self.host_deadline_ns.load(Ordering::Relaxed) {
                Stop::HostWait
            } else {
                return Ok(());
            }
        };
        let _ = self.verdict.compare_exchange(0, stop as u8 + 1, Ordering::AcqRel, Ordering::Acquire);
        Err(self.verdict().unwrap_or(stop))
    }

    /// The host works for the guest from here on: the guest's deadline stands still.
    pub(crate) fn begin_host_wait(&self) {
        self.change(|wait| wait.turn = Turn::Host);
    }

    /// The guest goes on. Not for the guest's own stack: there the waker of
    /// [`wake_on_cancel`](Interrupt::wake_on_cancel) must not be dropped.
    pub(crate) fn end_host_wait(&self) {
        let mut waker = None;
        self.change(|wait| {
            wait.turn = Turn::Guest;
            waker = wait.waker.take();
        });
        drop(waker);
    }

    /// The run waits for whoever drives it, for as long as that takes: all its clocks stand still.
    pub(crate) fn set_aside(&self) {
        self.change(|wait| wait.is_aside = true);
    }

    /// The run that was set aside goes on.
    pub(crate) fn take_up(&self) {
        self.change(|wait| wait.is_aside = false);
    }

    /// Books the time since the last change, makes the next one, and says when to stop from now on.
    fn change(&self, make: impl FnOnce(&mut Wait)) {
        let mut wait = self.wait.lock();
        let now = Instant::now();
        let spent = now.saturating_duration_since(wait.since);
        match (wait.is_aside, wait.turn) {
            (true, _) => wait.aside += spent,
            (false, Turn::Guest) => wait.guest_left = wait.guest_left.saturating_sub(spent),
            (false, Turn::Host) => {
                wait.host_left = wait.host_left.saturating_sub(spent);
                wait.waited += spent;
            }
        }
        wait.since = now;
        make(&mut wait);
        let at = |left: Duration| nanoseconds(now.saturating_duration_since(self.started).saturating_add(left));
        let (guest, host) = match (wait.is_aside, wait.turn) {
            (true, _) => (NEVER, NEVER),
            (false, Turn::Guest) => (at(wait.guest_left), NEVER),
            (false, Turn::Host) => (NEVER, at(wait.host_left)),
        };
        self.deadline_ns.store(guest, Ordering::Relaxed);
        self.host_deadline_ns.store(host, Ordering::Relaxed);
    }

    /// Whom to wake when the run is cancelled while its host works.
    pub(crate) fn wake_on_cancel(&self, waker: &Waker) {
        let mut wait = self.wait.lock();
        let stale = match &wait.waker {
            Some(known) if known.will_wake(waker) => None,
            _ => wait.waker.replace(waker.clone()),
        };
        drop(wait);
        drop(stale);
    }

    /// Why the run was stopped, if it was.
    pub(crate) fn verdict(&self) -> Option<Stop> {
        match self.verdict.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Deadline),
            2 => Some(Stop::Cancelled),
            _ => Some(Stop::HostWait),
        }
    }

    /// How long the run has taken, without the time that it was set aside.
    pub(crate) fn elapsed(&self) -> Duration {
        let wait = self.wait.lock();
        let aside = if wait.is_aside { wait.aside + wait.since.elapsed() } else { wait.aside };
        self.started.elapsed().saturating_sub(aside)
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
        let began = self.elapsed();
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
        let waited = self.elapsed().saturating_sub(began);
        let mut wait = self.wait.lock();
        (wait.waker, wait.waiting) = (None, false);
        if until.is_none() {
            wait.waited += waited;
        }
        answer
    }

    /// For the owner, after a poll of the run gave `Pending`: `None` when the guest merely yielded
    /// and can go on at once, else the moment at which to poll again at the latest.
    pub(crate) fn waiting_until(&self) -> Option<Instant> {
        let wait = self.wait.lock();
        wait.waiting.then(|| {
            let deadline = self.moment(&self.deadline_ns);
            wait.until.map_or(deadline, |until| until.min(deadline))
        })
    }

    /// When the host must have answered.
    pub(crate) fn host_deadline(&self) -> Instant {
        self.moment(&self.host_deadline_ns)
    }

    fn moment(&self, ns: &AtomicU64) -> Instant {
        let after = Duration::from_nanos(ns.load(Ordering::Relaxed));
        // Beyond what the clock can express is centuries away.
        self.started.checked_add(after).unwrap_or(self.started + FAR)
    }
}

const FAR: Duration = Duration::from_secs(1 << 32);

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1)
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

    #[test]
    fn the_deadline_stands_still_while_the_host_works_and_that_has_a_deadline_of_its_own() {
        let interrupt = Interrupt::with_host_wait(Duration::from_millis(40), Duration::from_millis(500));
        interrupt.begin_host_wait();
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(interrupt.check(), Ok(()));
        interrupt.end_host_wait();
        assert_eq!(interrupt.check(), Ok(()));
        assert!(interrupt.waited() >= Duration::from_millis(60));
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(interrupt.check(), Err(Stop::Deadline));

        let interrupt = Interrupt::with_host_wait(Duration::from_secs(60), Duration::from_millis(20));
        interrupt.begin_host_wait();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(interrupt.check(), Err(Stop::HostWait));
    }

    #[test]
    fn the_callers_waker_is_gone_before_the_guest_goes_on() {
        struct Nothing;
        impl std::task::Wake for Nothing {
            fn wake(self: std::sync::Arc<Self>) {}
        }
        let nothing = std::sync::Arc::new(Nothing);
        let interrupt = Interrupt::start(Duration::from_secs(60));
        interrupt.begin_host_wait();
        interrupt.wake_on_cancel(&Waker::from(std::sync::Arc::clone(&nothing)));
        assert_eq!(std::sync::Arc::strong_count(&nothing), 2);
        interrupt.end_host_wait();
        assert_eq!(std::sync::Arc::strong_count(&nothing), 1);
    }

    #[test]
    fn a_run_that_is_set_aside_uses_up_no_time() {
        let interrupt = Interrupt::start(Duration::from_millis(40));
        interrupt.set_aside();
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(interrupt.check(), Ok(()));
        interrupt.take_up();
        assert_eq!(interrupt.check(), Ok(()));
        assert!(interrupt.elapsed() < Duration::from_millis(40));
    }
}
