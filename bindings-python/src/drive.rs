//! Drives a run from the caller's thread, and lets Python handle signals meanwhile.

use crate::around::Around;
use crate::fault::Result;
use crate::shutdown::{self, Trip, detached, detached_run};
use pyo3::prelude::*;
use sandcell::{CancelHandle, Error};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How often a run under way lets Python handle signals. Runs that end earlier never do.
const SIGNALS: Duration = Duration::from_millis(20);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Comes to the end of a run on this thread, without the interpreter's lock.
///
/// On Python's main thread, a signal handler that raises (Ctrl-C) cancels the run, which still comes
/// to its end; then its exception is the result.
pub(crate) fn run<F>(py: Python<'_>, cancel: &CancelHandle, around: Option<Arc<Around>>, future: F) -> Result<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    let output = detached_run(py, Some(cancel), || Around::during(around.as_ref(), || block_on(future, Some(cancel))))?;
    match around.and_then(|around| around.raised()) {
        Some(error) => Err(error.into()),
        None => output,
    }
}

/// Waits for something that can be given up, without the interpreter's lock. The end of the interpreter
/// gives it up, too.
pub(crate) fn wait<F>(py: Python<'_>, future: F) -> Result<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    let waited = detached(py, || {
        let mut future = pin!(future);
        let given_up = || Err(Error::SandboxUnusable { reason: "the interpreter is shutting down" });
        let unless_over = poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if shutdown::is_ending() => Poll::Ready(given_up()),
            Poll::Pending => Poll::Pending,
        });
        block_on(unless_over, None)
    })??;
    if waited.is_err() {
        shutdown::stay_out_if_not_the_ender(py);
    }
    Ok(waited?)
}

/// Does something long on a thread of its own, so that Ctrl-C is heard here. Given up, it goes on.
pub(crate) fn aside<T: Send + 'static>(py: Python<'_>, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let trip = Trip::begin(None)?;
    let caller = std::thread::current();
    let worker = std::thread::Builder::new().name("sandcell-build".into()).spawn(move || {
        let _trip = trip;
        let done = shutdown::covered(work);
        caller.unpark();
        done
    });
    let worker = worker.map_err(|error| Error::HostExhausted { resource: "threads", reason: error.to_string() })?;
    detached(py, || block_on(poll_fn(|_| if worker.is_finished() { Poll::Ready(()) } else { Poll::Pending }), None))??;
    worker.join().map_err(|_| Error::Internal { reason: "a build panicked".into() }.into())
}

fn block_on<F: Future>(future: F, cancel: Option<&CancelHandle>) -> Result<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut watch = Watch { next: Instant::now() + SIGNALS, off_main: false };
    let mut raised = None;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return raised.map_or(Ok(output), |error: PyErr| Err(error.into()));
        }
        let now = Instant::now();
        if now >= watch.next {
            watch.next = now + SIGNALS;
            if raised.is_none() {
                raised = watch.signals();
            }
            match (raised, cancel) {
                (None, _) => raised = None,
                (Some(error), Some(cancel)) => {
                    cancel.cancel();
                    raised = Some(error);
                }
                (Some(error), None) => return Err(error.into()),
            }
        }
        std::thread::park_timeout(watch.next.saturating_duration_since(now));
    }
}

struct Watch {
    next: Instant,
    /// This is not Python's main thread: signals are handled elsewhere.
    off_main: bool,
}

impl Watch {
    /// What a signal handler raised.
    fn signals(&mut self) -> Option<PyErr> {
        if self.off_main {
            return None;
        }
        Python::try_attach(|py| {
            py.check_signals()?;
            // Runs Python code, which can handle a signal just as well.
            self.off_main = !on_main_thread(py)?;
            Ok(())
        })?
        .err()
    }
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let current = threading.call_method0("get_ident")?;
    threading.call_method0("main_thread")?.getattr("ident")?.eq(current)
}
