//! `Events`: a run that is followed while it goes on. The guest goes on only while somebody asks for the
//! next event, from a thread or from an event loop.

use crate::around::Around;
use crate::drive;
use crate::fault::{Fault, Result};
use crate::held::Taken;
use crate::outcome::Outcome;
use crate::shutdown;
use crate::tasks::{self, Job};
use crate::values;
use parking_lot::Mutex;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use sandcell::{CancelHandle, Error, Event, Following, Sandbox};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Next = Result<Event, Error>;

/// The events of one run, in their order; an iterator for threads and for event loops.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Events {
    shared: Arc<Shared>,
    /// Polled by whoever asks from a thread; given to the workers by the first who asks from a loop.
    work: Mutex<Option<Work>>,
    cancel: CancelHandle,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: bool,
    next: Option<Next>,
    /// Nothing more comes.
    over: bool,
    /// Nobody asks any more.
    left: bool,
    producer: Option<Waker>,
    consumer: Option<Waker>,
}

impl Events {
    /// The events of what `begin` begins, once somebody asks for the first.
    pub(crate) fn of(
        mut taken: Taken,
        cancel: CancelHandle,
        begin: impl for<'a> FnOnce(&'a mut Sandbox) -> Result<Following<'a>, Error> + Send + 'static,
    ) -> Events {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let work = Box::pin(async move {
            match begin(&mut taken) {
                Err(error) => theirs.put(Err(error)),
                Ok(mut following) => {
                    while theirs.asked().await {
                        match following.event().await {
                            Some(next) => {
                                // Given back with the last event, not when somebody asks once more.
                                let last = matches!(next, Ok(Event::Ended(_)) | Err(_));
                                theirs.put(next);
                                if last {
                                    break;
                                }
                            }
                            None => break,
                        }
                    }
                }
            }
            drop(taken);
            theirs.end();
        });
        Events { shared, work: Mutex::new(Some(work)), cancel }
    }
}

#[pymethods]
impl Events {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>> {
        let Some(mut work) = self.work.lock().take() else {
            return match self.shared.state.lock().over {
                true => Ok(None),
                false => Err(in_use()),
            };
        };
        self.shared.ask();
        let around = Around::thread(&self.cancel);
        let next = drive::run(
            py,
            &self.cancel,
            Some(around),
            poll_fn(|context| {
                let done = work.as_mut().poll(context).is_ready();
                match self.shared.take(context) {
                    Poll::Pending if done => Poll::Ready(None),
                    other => other,
                }
            }),
        );
        if !self.shared.state.lock().over {
            *self.work.lock() = Some(work);
        }
        next?.map(|next| event(py, next?)).transpose()
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let work = this.work.lock().take();
        if let Some(work) = work {
            tasks::begin(&this.cancel, Some(Around::task(py, &this.cancel)?), work)?;
        }
        shutdown::awaitable(py, "next_of", slf)
    }

    /// Waits until there is something to be taken. What nobody takes, as whoever waited was cancelled, stays.
    fn _ready(&self) -> Job {
        let shared = Arc::clone(&self.shared);
        Job::wait(async move {
            shared.ask();
            poll_fn(|context| shared.ready(context)).await;
            Job::ending(|py| Ok(py.None()))
        })
    }

    /// The next event, if it is there.
    fn _take<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>> {
        match self.shared.take_now() {
            Poll::Ready(Some(next)) => Ok(Some(event(py, next?)?)),
            Poll::Ready(None) => Err(Fault::Python(PyStopAsyncIteration::new_err(()))),
            Poll::Pending => Ok(None),
        }
    }

    /// Ends the run, unless it has ended.
    fn close(&self, py: Python<'_>) {
        let work = self.work.lock().take();
        py.detach(|| drop(work));
        self.leave();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, py: Python<'_>, exception: &Bound<'_, pyo3::types::PyTuple>) {
        let _ = exception;
        self.close(py);
    }
}

impl Events {
    /// Nobody asks any more. A guest that computes towards its next event ends too.
    fn leave(&self) {
        if self.shared.leave() {
            self.cancel.cancel();
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    /// Waits until somebody asks; false when nobody will.
    async fn asked(&self) -> bool {
        poll_fn(|context| {
            let mut state = self.state.lock();
            if state.left {
                return Poll::Ready(false);
            }
            if state.wanted {
                state.wanted = false;
                return Poll::Ready(true);
            }
            state.producer = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn ask(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.wanted = state.next.is_none();
            state.producer.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn put(&self, next: Next) {
        let waker = {
            let mut state = self.state.lock();
            state.next = Some(next);
            // Who was cancelled has asked as well: one event is enough for both, and the next one would replace it.
            state.wanted = false;
            state.consumer.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn take(&self, context: &Context<'_>) -> Poll<Option<Next>> {
        loop {
            match self.ready(context) {
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
            // Unless somebody else was faster.
            if let Poll::Ready(next) = self.take_now() {
                return Poll::Ready(next);
            }
        }
    }

    fn take_now(&self) -> Poll<Option<Next>> {
        let mut state = self.state.lock();
        match state.next.take() {
            Some(next) => Poll::Ready(Some(next)),
            None if state.over => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn ready(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.next.is_some() || state.over {
            return Poll::Ready(());
        }
        state.consumer = Some(context.waker().clone());
        Poll::Pending
    }

    fn end(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.over = true;
            state.consumer.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Returns whether the run may still be under way.
    fn leave(&self) -> bool {
        let (waker, over) = {
            let mut state = self.state.lock();
            state.left = true;
            (state.producer.take(), state.over)
        };
        waker.into_iter().for_each(Waker::wake);
        !over
    }
}

fn event<'py>(py: Python<'py>, event: Event) -> Result<Bound<'py, PyAny>> {
    match event {
        Event::Ended(outcome) => {
            let outcome = Bound::new(py, Outcome { core: *outcome })?;
            values::of(py, "Ended", (outcome,))
        }
        Event::Artifact(artifact) => {
            let artifact = values::artifact(py, &artifact)?;
            values::of(py, "ArtifactMade", (artifact,))
        }
        Event::Output { stream, bytes } => {
            let stream = crate::json::to_python(py, &crate::json::of(&stream)?)?;
            let bytes = pyo3::types::PyBytes::new(py, &bytes);
            values::of(py, "Output", (stream, bytes))
        }
        other => values::event(py, &other),
    }
}

fn in_use() -> Fault {
    Error::SandboxUnusable { reason: "these events are being read from another thread or an event loop" }.into()
}
