//! Driving a guest to its end, for blocking and async callers alike.
//!
//! A guest is a future that gives `Pending` either because it yielded after a million units of
//! fuel, or because it waits. [`drive`] is the owner of deadline and cancellation: it looks at
//! them each time. A blocking caller polls the same future from [`block_on`].

use crate::error::Error;
use crate::wasi::{Interrupt, Stop};
use futures_timer::Delay;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

/// Why a guest was not driven to its own end.
pub(crate) enum Halt {
    /// Deadline or cancellation.
    Stop(Stop),
    /// A host function panicked; a defect of ours, which must not unwind into the caller.
    Panic(Error),
}

/// Polls `guest` until it ends or must stop. Dropping it unwinds the guest's fiber.
pub(crate) async fn drive<F: Future>(interrupt: &Interrupt, guest: F) -> Result<F::Output, Halt> {
    let mut guest = pin!(guest);
    let mut alarm: Option<Delay> = None;
    poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(Halt::Panic(panicked(panic.as_ref())))),
        }
        if let Err(stop) = interrupt.check() {
            return Poll::Ready(Err(Halt::Stop(stop)));
        }
        if let Some(at) = interrupt.waiting_until() {
            wake_at(&mut alarm, context, at);
        }
        Poll::Pending
    })
    .await
}

thread_local! {
    /// When the blocking caller on this thread must poll again at the latest.
    static PARK_UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether a blocking caller drives the future that is being polled on this thread.
    static BLOCKING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a future to its end on this thread. Timers of the guest cost no timer thread here: the
/// caller parks no longer than until the next of them.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match poll_blocking(future.as_mut(), &mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => match PARK_UNTIL.take() {
                Some(at) => std::thread::park_timeout(at.saturating_duration_since(Instant::now())),
                None => std::thread::park(),
            },
        }
    }
}

fn poll_blocking<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    /// Restores the flag also when the poll panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            BLOCKING.set(self.0);
        }
    }
    let _restore = Restore(BLOCKING.replace(true));
    future.poll(context)
}

/// Makes sure that the future is polled again at `at`.
fn wake_at(alarm: &mut Option<Delay>, context: &mut Context<'_>, at: Instant) {
    if BLOCKING.get() {
        PARK_UNTIL.set(Some(at));
        return;
    }
    let left = at.saturating_duration_since(Instant::now());
    let alarm = alarm.get_or_insert_with(|| Delay::new(left));
    alarm.reset(left);
    if Pin::new(alarm).poll(context).is_ready() {
        context.waker().wake_by_ref();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The error for a panic that was caught.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::Internal { reason: format!("a host function panicked: {}", text.unwrap_or("no message")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_waiting_guest_ends_at_the_deadline_and_a_sleeping_one_wakes_by_itself() {
        let interrupt = Interrupt::start(Duration::from_millis(20));
        let asleep = block_on(drive(&interrupt, interrupt.wait_for::<()>(None, |_| Poll::Pending)));
        assert!(matches!(asleep, Ok(Err(Stop::Deadline)) | Err(Halt::Stop(Stop::Deadline))));

        let interrupt = Interrupt::start(Duration::from_secs(60));
        let until = Instant::now() + Duration::from_millis(5);
        let slept = block_on(drive(&interrupt, interrupt.wait_for::<()>(Some(until), |_| Poll::Pending)));
        assert!(matches!(slept, Ok(Ok(None))) && Instant::now() >= until);
    }

    #[test]
    fn cancelling_from_another_thread_wakes_a_waiting_guest() {
        let interrupt = Arc::new(Interrupt::start(Duration::from_secs(60)));
        let other = Arc::clone(&interrupt);
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            other.cancel();
        });
        let ended = block_on(drive(&interrupt, interrupt.wait_for::<()>(None, |_| Poll::Pending)));
        assert!(matches!(ended, Ok(Err(Stop::Cancelled)) | Err(Halt::Stop(Stop::Cancelled))));
        assert!(canceller.join().is_ok());
    }

    #[test]
    fn a_panic_in_a_host_function_becomes_an_error() {
        let interrupt = Interrupt::start(Duration::from_secs(60));
        let ended = block_on(drive(&interrupt, async { panic!("boom") }));
        assert!(matches!(ended, Err(Halt::Panic(Error::Internal { reason })) if reason.contains("boom")));
    }
}
