//! A run under way: a future that owns the guest until the run ends, so that it can be left alone and
//! taken up again.

use super::cancel::Running;
use super::outcome::Remains;
use crate::error::Result;
use crate::guest::Live;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Event, Stream, ToolRecord};
use crate::store::{Desk, Suspension, block_on, panicked};
use crate::tools::CallResult;
use crate::vfs::Vfs;
use crate::wasi::{Interrupt, Outlet};
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a run comes to: what is left of the guest, and what the caller gets.
pub(super) struct Finished {
    pub(super) body: Returned,
    pub(super) remains: Result<Remains>,
}

/// What is left of a guest after a run.
pub(super) enum Returned {
    /// A session's guest, and why it cannot go on, if it cannot.
    Live(Box<Live>, Option<String>),
    /// The file tree of a command.
    Files(Box<Vfs>),
    /// Nothing that could be trusted.
    Nothing,
}

/// What a run shares with whoever drives it.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) interrupt: Arc<Interrupt>,
    pub(super) desk: Option<Arc<Desk>>,
    pub(super) outlet: Option<Arc<Outlet>>,
    pub(super) record: Option<Arc<Mutex<ToolRecord>>>,
    /// Nobody wants to know any more what the guest would still say.
    pub(super) abandoned: Arc<AtomicBool>,
}

/// One run under way.
pub(super) struct Task {
    /// Behind a lock only so that a sandbox can be shared; it is never waited for.
    future: Mutex<Pin<Box<dyn Future<Output = Finished> + Send>>>,
    pub(super) shared: Shared,
    pub(super) limits: Limits,
    pub(super) suspended: Option<Suspended>,
    /// The end, while there are events to tell before it.
    finished: Option<Box<Finished>>,
    /// It has been taken up and not left alone.
    going: bool,
    _running: Running,
}

/// A task that waits for whoever resumes it.
pub(super) struct Suspended {
    pub(super) token: String,
    pub(super) calls: Vec<u64>,
    since: Instant,
}

/// What came of driving a task.
pub(super) enum Step {
    Event(Event),
    Suspended(Box<Suspension>),
    Finished(Box<Finished>),
}

impl Task {
    pub(super) fn new(
        future: impl Future<Output = Finished> + Send + 'static,
        shared: Shared,
        limits: Limits,
        running: Running,
    ) -> Task {
        let future = Mutex::new(Box::pin(future) as Pin<Box<dyn Future<Output = Finished> + Send>>);
        let (suspended, finished) = (None, None);
        Task { future, shared, limits, suspended, finished, going: true, _running: running }
    }

    /// Drives the run until something is to be told.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if !self.going {
            self.going = true;
            self.shared.interrupt.take_up();
        }
        loop {
            if let Some(event) = self.shared.outlet.as_ref().and_then(|outlet| outlet.pop()) {
                self.leave();
                return Poll::Ready(Step::Event(event));
            }
            if let Some(finished) = self.finished.take() {
                return Poll::Ready(Step::Finished(finished));
            }
            match self.poll_future(context) {
                Poll::Ready(finished) => {
                    self.tell_rest(&finished);
                    self.finished = Some(Box::new(finished));
                }
                Poll::Pending if self.has_events() => {}
                Poll::Pending => {
                    let Some(suspension) = self.shared.desk.as_ref().and_then(|desk| desk.take_suspension()) else {
                        return Poll::Pending;
                    };
                    self.leave();
                    return Poll::Ready(Step::Suspended(suspension));
                }
            }
        }
    }

    /// A defect of ours ends the run, and never unwinds into the caller: who drops what it drove would
    /// poll it once more.
    fn poll_future(&mut self, context: &mut Context<'_>) -> Poll<Finished> {
        let future = self.future.get_mut().as_mut();
        catch_unwind(AssertUnwindSafe(|| future.poll(context))).unwrap_or_else(|panic| {
            Poll::Ready(Finished { body: Returned::Nothing, remains: Err(panicked(panic.as_ref())) })
        })
    }

    fn has_events(&self) -> bool {
        self.shared.outlet.as_ref().is_some_and(|outlet| !outlet.is_empty())
    }

    /// Nobody drives the run for now: its clocks stand still.
    fn leave(&mut self) {
        self.going = false;
        self.shared.interrupt.set_aside();
    }

    /// What the outcome holds and no event has told yet.
    fn tell_rest(&self, finished: &Finished) {
        let (Some(outlet), Ok(remains)) = (&self.shared.outlet, &finished.remains) else { return };
        let streams = &remains.report.streams;
        for (stream, captured) in [(Stream::Stdout, &streams.stdout), (Stream::Stderr, &streams.stderr)] {
            if captured.bytes.len() > captured.head {
                outlet.push(Event::Output { stream, bytes: captured.bytes[captured.head..].to_vec() });
            }
        }
        for artifact in &remains.answer.artifacts {
            outlet.push(Event::Artifact(artifact.clone()));
        }
    }

    /// Whether it has been suspended for longer than it may be.
    pub(super) fn is_overdue(&self) -> bool {
        self.suspended.as_ref().is_some_and(|suspended| suspended.is_overdue(&self.limits))
    }

    pub(super) fn suspend(&mut self, token: String, calls: Vec<u64>) {
        self.suspended = Some(Suspended { token, calls, since: Instant::now() });
    }

    /// Ends the run without letting the guest do anything more.
    pub(super) fn give_up(mut self) -> Finished {
        if let Some(finished) = self.finished.take() {
            return *finished;
        }
        self.shared.abandoned.store(true, Ordering::Relaxed);
        self.shared.interrupt.cancel();
        // The first poll finds it cancelled; what is left to do is ours and short.
        block_on(poll_fn(|context| self.poll_future(context)))
    }
}

impl Suspended {
    pub(super) fn is_overdue(&self, limits: &Limits) -> bool {
        self.since.elapsed() > Duration::from_millis(limits.value(LimitKey::SuspendedMs))
    }

    /// Why it cannot be resumed with this.
    pub(super) fn problem(&self, token: &str, results: &[CallResult]) -> Option<String> {
        if token != self.token {
            return Some("the token is not that of the run that is suspended".to_owned());
        }
        let mut seen = Vec::new();
        for (id, _) in results {
            if !self.calls.contains(id) {
                return Some(format!("no suspended call has the number {id}"));
            }
            if seen.contains(id) {
                return Some(format!("call {id} has two results"));
            }
            seen.push(*id);
        }
        None
    }
}
