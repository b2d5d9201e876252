//! Driving a future on the thread of a caller that blocks.

use futures_timer::Delay;
use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// What the innermost blocking caller on a thread goes by.
#[derive(Clone, Copy)]
struct Blocking {
    /// The data of its waker, which tells futures that it polls itself from those that some executor
    /// inside it polls: a tool may bring its own.
    waker: *const (),
    /// When it must poll again at the latest.
    until: Option<Instant>,
}

thread_local! {
    static BLOCKING: Cell<Option<Blocking>> = const { Cell::new(None) };
}

/// Runs a future to its end on this thread. Timers of the guest cost no timer thread here: the
/// caller parks no longer than until the next of them.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { thread: std::thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    loop {
        let (polled, until) = poll_blocking(future.as_mut(), &mut context);
        if let Poll::Ready(output) = polled {
            return output;
        }
        // The thread's own token may have gone to a blocking caller inside this one.
        while !unpark.woken.swap(false, Ordering::AcqRel) {
            match until.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => break,
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
    }
}

/// Polls, and says when to poll again at the latest.
fn poll_blocking<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> (Poll<F::Output>, Option<Instant>) {
    /// Restores what an outer caller goes by, also when the poll panics.
    struct Restore(Option<Blocking>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BLOCKING.set(self.0);
        }
    }
    let _restore = Restore(BLOCKING.replace(Some(Blocking { waker: context.waker().data(), until: None })));
    let polled = future.poll(context);
    (polled, BLOCKING.get().and_then(|blocking| blocking.until))
}

/// Makes sure that the future is polled again at `at`.
pub(super) fn wake_at(alarm: &mut Option<Delay>, context: &mut Context<'_>, at: Instant) {
    if let Some(blocking) = BLOCKING.get()
        && std::ptr::eq(blocking.waker, context.waker().data())
    {
        let until = blocking.until.map_or(at, |until| until.min(at));
        BLOCKING.set(Some(Blocking { until: Some(until), ..blocking }));
        return;
    }
    let left = at.saturating_duration_since(Instant::now());
    let alarm = alarm.get_or_insert_with(|| Delay::new(left));
    alarm.reset(left);
    if Pin::new(alarm).poll(context).is_ready() {
        context.waker().wake_by_ref();
    }
}

struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::drive;
    use crate::wasi::Interrupt;
    use std::future::poll_fn;

    /// A guest that sleeps for 20 ms, in a run that may take a minute.
    async fn sleeps() {
        let interrupt = Interrupt::start(Duration::from_secs(60));
        let until = Instant::now() + Duration::from_millis(20);
        let slept = drive(&interrupt, interrupt.wait_for::<()>(Some(until), |_| Poll::Pending)).await;
        assert!(matches!(slept, Ok(Ok(None))));
    }

    /// The least that an executor is, on this thread.
    fn own_executor<F: Future>(future: F) -> F::Output {
        struct Token(Thread);
        impl Wake for Token {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Token(std::thread::current())));
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    #[test]
    fn a_run_inside_another_executor_inside_a_blocking_run_wakes_by_itself() {
        let began = Instant::now();
        // As a tool does that waits for a run with an executor of its own.
        block_on(async { own_executor(sleeps()) });
        // As one of many futures, which is polled again only when its own waker is woken.
        block_on(async {
            let mut many: futures_util::stream::FuturesUnordered<_> = [Box::pin(sleeps())].into_iter().collect();
            futures_util::StreamExt::next(&mut many).await
        });
        // Beside one that has more time, which also makes itself known.
        let interrupt = Interrupt::start(Duration::from_secs(30));
        let mut longer = Box::pin(drive(&interrupt, interrupt.wait_for::<()>(None, |_| Poll::Pending)));
        let mut shorter = Box::pin(sleeps());
        block_on(poll_fn(|context| {
            let done = shorter.as_mut().poll(context);
            let _ = longer.as_mut().poll(context);
            done
        }));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn a_blocking_run_inside_a_blocking_run_does_not_take_its_wake_up() {
        let mut woken = false;
        block_on(poll_fn(|context| {
            if std::mem::replace(&mut woken, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            block_on(sleeps());
            Poll::Pending
        }));
    }
}
