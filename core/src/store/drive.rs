//! Driving a guest to its end, for blocking and async callers alike.
//!
//! A guest is a future that gives `Pending` either because it yielded after a million units of
//! fuel, or because it waits. [`drive`] is the owner of deadline and cancellation: it looks at
//! them each time. A blocking caller polls the same future from [`block_on`](super::block_on).

use super::Desk;
use super::block::wake_at;
use crate::error::Error;
use crate::tools::Broker;
use crate::wasi::{Interrupt, Stop};
use futures_timer::Delay;
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
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
    serve(interrupt, None, guest).await
}

/// What a guest's requests go to: its desk, and the broker of its run.
pub(crate) struct Host<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) broker: &'a mut Broker,
}

/// Requests that are answered before an executor gets its turn.
const REQUESTS_AT_ONCE: u32 = 64;

/// Like [`drive`], and answers what the guest asks, on the stack of whoever polls.
pub(crate) async fn serve<F: Future>(
    interrupt: &Interrupt,
    mut host: Option<Host<'_>>,
    guest: F,
) -> Result<F::Output, Halt> {
    let mut guest = pin!(guest);
    let mut alarm: Option<Delay> = None;
    let relay = Arc::new(Relay::default());
    let waker = Waker::from(relay.clone());
    poll_fn(|context| {
        let mut requests = 0;
        loop {
            if let Some(host) = &mut host
                && host.broker.is_busy()
            {
                match host.work(interrupt, context) {
                    Ok(Work::Done) => {}
                    Ok(Work::Waits(until)) => {
                        if let Some(at) = until {
                            wake_at(&mut alarm, context, at);
                        }
                        return Poll::Pending;
                    }
                    Err(stop) => return Poll::Ready(Err(Halt::Stop(stop))),
                }
            }
            if interrupt.is_stopped()
                && let Err(stop) = interrupt.check()
            {
                return Poll::Ready(Err(Halt::Stop(stop)));
            }
            let polled = relay.around(context, || {
                catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(&mut Context::from_waker(&waker))))
            });
            match polled {
                Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
                Ok(Poll::Pending) => {}
                Err(panic) => return Poll::Ready(Err(Halt::Panic(panicked(panic.as_ref())))),
            }
            if let Some(host) = &mut host {
                if let Some(request) = host.desk.take_request() {
                    host.broker.ask(request);
                    // What is answered without a tool is the guest's own time.
                    if host.broker.calls_tools() {
                        interrupt.begin_host_wait();
                    }
                    requests += 1;
                    // Who follows the run takes what was told of one request before the next.
                    if requests < REQUESTS_AT_ONCE && !host.broker.has_told() {
                        continue;
                    }
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if host.broker.is_busy() {
                    continue;
                }
            }
            if let Err(stop) = interrupt.check() {
                return Poll::Ready(Err(Halt::Stop(stop)));
            }
            if let Some(at) = interrupt.waiting_until() {
                wake_at(&mut alarm, context, at);
            }
            return Poll::Pending;
        }
    })
    .await
}

/// How far the host has come with a request.
enum Work {
    /// The guest can go on: with the answer, or to report.
    Done,
    /// Until then at the latest; a suspended run waits for whoever resumes it.
    Waits(Option<Instant>),
}

impl Host<'_> {
    fn work(&mut self, interrupt: &Interrupt, context: &mut Context<'_>) -> Result<Work, Stop> {
        if interrupt.is_stopped() {
            interrupt.check()?;
        }
        if let Some(results) = self.desk.take_results() {
            self.broker.settle(results);
        }
        match self.broker.poll(interrupt, context) {
            Poll::Ready(answer) => {
                interrupt.end_host_wait();
                self.desk.answer(answer);
                interrupt.check()?;
                Ok(Work::Done)
            }
            Poll::Pending => {
                interrupt.wake_on_cancel(context.waker());
                // Also for who cancelled before the waker was there.
                interrupt.check()?;
                if !self.broker.is_suspended() {
                    return Ok(Work::Waits(Some(interrupt.host_deadline())));
                }
                let newly = self.desk.suspend(|| self.broker.suspended_calls());
                Ok(if newly { Work::Done } else { Work::Waits(None) })
            }
        }
    }
}

/// The waker that a guest's fiber gets to see. The caller's own is code of the caller, which may
/// look at the machine's stack (CPython and V8 do): it is cloned, woken and dropped on the
/// caller's stack only.
#[derive(Default)]
struct Relay {
    state: Mutex<RelayState>,
}

#[derive(Default)]
struct RelayState {
    outer: Option<Waker>,
    polling: bool,
    woken: bool,
}

impl Relay {
    /// Polls; a wake-up meanwhile is passed on afterwards.
    fn around<T>(&self, context: &Context<'_>, poll: impl FnOnce() -> T) -> T {
        let outer = context.waker();
        let stale = {
            let mut state = self.state.lock();
            (state.polling, state.woken) = (true, false);
            match &state.outer {
                Some(known) if known.will_wake(outer) => None,
                _ => state.outer.replace(outer.clone()),
            }
        };
        drop(stale);
        let polled = poll();
        let woken = {
            let mut state = self.state.lock();
            state.polling = false;
            state.woken
        };
        if woken {
            outer.wake_by_ref();
        }
        polled
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let outer = {
            let mut state = self.state.lock();
            if state.polling {
                state.woken = true;
                return;
            }
            state.outer.clone()
        };
        if let Some(outer) = outer {
            outer.wake();
        }
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
    use crate::store::block_on;
    use std::cell::Cell;
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
    fn the_callers_waker_is_only_touched_between_polls_of_the_guest() {
        thread_local! { static ON_THE_GUESTS_SIDE: Cell<bool> = const { Cell::new(false) }; }
        struct Sensitive(std::sync::atomic::AtomicUsize);
        impl Wake for Sensitive {
            fn wake(self: Arc<Self>) {
                assert!(!ON_THE_GUESTS_SIDE.get(), "the caller's waker ran inside the guest's poll");
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let sensitive = Arc::new(Sensitive(Default::default()));
        let waker = Waker::from(sensitive.clone());
        let interrupt = Interrupt::start(Duration::from_secs(60));
        let mut yields = 0;
        let guest = poll_fn(|context| {
            ON_THE_GUESTS_SIDE.set(true);
            yields += 1;
            drop(context.waker().clone());
            context.waker().wake_by_ref();
            ON_THE_GUESTS_SIDE.set(false);
            if yields == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut driven = pin!(drive(&interrupt, guest));
        let mut polls = 1;
        while driven.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            polls += 1;
        }
        assert_eq!((polls, sensitive.0.load(std::sync::atomic::Ordering::Relaxed)), (3, 3));
    }

    #[test]
    fn a_panic_in_a_host_function_becomes_an_error() {
        let interrupt = Interrupt::start(Duration::from_secs(60));
        let ended = block_on(drive(&interrupt, async { panic!("boom") }));
        assert!(matches!(ended, Err(Halt::Panic(Error::Internal { reason })) if reason.contains("boom")));
    }
}
