//! Calling a tool's function, so that nothing it does reaches further than its call.

use super::call::{ToolCall, ToolError};
use super::threads::Threads;
use super::tool::{Function, Reply, Tool, Work};
use crate::outcome::ToolErrorKind;
use futures_channel::oneshot;
use futures_timer::Delay;
use futures_util::future::{Either, FutureExt as _, select};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A call under way: its place in the request, and what came of it.
pub(super) type Running = Pin<Box<dyn Future<Output = (usize, Reply)> + Send>>;

/// What became of a call at its start.
pub(super) enum Started {
    Replied(Reply),
    Running(Running),
    Suspended,
}

/// Calls `tool`; `place` comes back with the reply.
pub(super) fn start(tool: &Tool, threads: &Threads, call: ToolCall, place: usize) -> Started {
    let name = tool.name().to_owned();
    let work: Work = match &tool.function {
        Function::Suspending => return Started::Suspended,
        Function::Inline(function) => {
            let reply = catch_unwind(AssertUnwindSafe(|| function(call)));
            return Started::Replied(reply.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
        }
        Function::Future(function) => match catch_unwind(AssertUnwindSafe(|| function(call))) {
            Ok(work) => work,
            Err(panic) => return Started::Replied(Err(panicked(panic.as_ref()))),
        },
        Function::Blocking(function) => {
            let Some(thread_place) = threads.take() else {
                return Started::Replied(Err(ToolError::new("too many calls of blocking tools have not returned")));
            };
            let (sender, receiver) = oneshot::channel();
            let function = function.clone();
            let work = move || {
                let _place = thread_place;
                let reply = catch_unwind(AssertUnwindSafe(|| function(call)));
                // Nobody may be waiting any more.
                let _ = sender.send(reply.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
            };
            match std::thread::Builder::new().name("sandcell-tool".to_owned()).spawn(work) {
                Ok(_) => {
                    Box::pin(receiver.map(|reply| reply.unwrap_or_else(|_| Err(ToolError::hidden("its thread ended")))))
                }
                Err(error) => return Started::Replied(Err(ToolError::hidden(format!("no thread: {error}")))),
            }
        }
    };
    let work = Contained(Some(work));
    Started::Running(match tool.timeout_ms {
        None => Box::pin(work.map(move |reply| (place, reply))),
        Some(timeout_ms) => Box::pin(async move {
            let reply = match select(work, Delay::new(Duration::from_millis(timeout_ms))).await {
                Either::Left((reply, _)) => reply,
                Either::Right(_) => {
                    Err(ToolError::of(ToolErrorKind::Timeout, format!("{name} did not answer within {timeout_ms} ms")))
                }
            };
            (place, reply)
        }),
    })
}

/// A tool's future. Neither its polls nor its end unwind into whoever drives the run.
struct Contained(Option<Work>);

impl Contained {
    fn end(&mut self) {
        let work = self.0.take();
        if catch_unwind(AssertUnwindSafe(|| drop(work))).is_err() {
            tracing::warn!("the future of a tool panicked when it was dropped");
        }
    }
}

impl Future for Contained {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let Some(work) = &mut self.0 else { return Poll::Ready(Err(ToolError::hidden("it has ended before"))) };
        let reply = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reply)) => reply,
            Err(panic) => Err(panicked(panic.as_ref())),
        };
        self.end();
        Poll::Ready(reply)
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        self.end();
    }
}

/// A panic stays on the host.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> ToolError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ToolError::hidden(format!("it panicked: {}", text.unwrap_or("no message")))
}
