//! Runs that nobody's thread waits for: the asynchronous twins.
//!
//! As many worker threads as there are cores poll all of them. A guest that computes yields every
//! 0.2 ms, so that many share a worker fairly; one that sleeps or waits takes none.

use crate::around::Around;
use crate::fault::Result;
use crate::shutdown::{self, Trip};
use parking_lot::{Condvar, Mutex, MutexGuard};
use pyo3::prelude::*;
use sandcell::{CancelHandle, Error};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Makes the result, once the interpreter can be entered.
pub(crate) type Ending = Box<dyn FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send>;
type Work = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// Something to be done that has not begun.
#[pyclass(module = "sandcell._sandcell", frozen)]
pub(crate) struct Job {
    work: Mutex<Option<Work>>,
    task: Mutex<Option<Arc<Task>>>,
    /// Set for runs, which come to their end when they are cancelled; others are dropped.
    cancel: Option<CancelHandle>,
    around: Option<Arc<Around>>,
}

impl Job {
    /// A run of a guest.
    pub(crate) fn run(
        cancel: CancelHandle,
        around: Arc<Around>,
        work: impl Future<Output = Ending> + Send + 'static,
    ) -> Job {
        let (work, around) = (Mutex::new(Some(Box::pin(work) as Work)), Some(around));
        Job { work, task: Mutex::default(), cancel: Some(cancel), around }
    }

    /// Something that can be dropped at any time.
    pub(crate) fn wait(work: impl Future<Output = Ending> + Send + 'static) -> Job {
        Job { work: Mutex::new(Some(Box::pin(work))), task: Mutex::default(), cancel: None, around: None }
    }

    pub(crate) fn ending(make: impl FnOnce(Python<'_>) -> Result<Py<PyAny>> + Send + 'static) -> Ending {
        Box::new(make)
    }
}

#[pymethods]
impl Job {
    /// Begins it. At its end a worker thread calls `done(result, exception)`.
    fn start(&self, done: Py<PyAny>) -> Result<()> {
        let Some(work) = self.work.lock().take() else {
            return Err(Error::SandboxUnusable { reason: "this was awaited before" }.into());
        };
        let trip = Trip::begin(self.cancel.as_ref())?;
        // The end of the interpreter does not wait for what only waits.
        let trip = self.cancel.is_some().then_some(trip);
        let step = Step { work, done: Some(done), trip };
        *self.task.lock() = Some(Task::begin(step, self.around.clone()));
        Ok(())
    }

    /// Cancels it. Returns whether its end is still to be waited for.
    fn cancel(&self, py: Python<'_>) -> bool {
        match &self.cancel {
            Some(cancel) => {
                cancel.cancel();
                true
            }
            None => {
                let task = self.task.lock().take();
                py.detach(|| task.map(|task| task.step.lock().take()));
                false
            }
        }
    }
}

/// Has the workers do something whose end nobody is told.
pub(crate) fn begin(
    cancel: &CancelHandle,
    around: Option<Arc<Around>>,
    work: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let work = Box::pin(async move {
        work.await;
        Job::ending(|py| Ok(py.None()))
    });
    Task::begin(Step { work, done: None, trip: Some(Trip::begin(Some(cancel))?) }, around);
    Ok(())
}

struct Task {
    /// Gone once it has ended.
    step: Mutex<Option<Step>>,
    around: Option<Arc<Around>>,
    queued: AtomicBool,
    workers: Arc<Workers>,
}

struct Step {
    work: Work,
    done: Option<Py<PyAny>>,
    /// For a run, from its beginning on.
    trip: Option<Trip>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            let workers = Arc::clone(&self.workers);
            workers.queue(self);
        }
    }
}

impl Task {
    fn begin(step: Step, around: Option<Arc<Around>>) -> Arc<Task> {
        let (step, workers) = (Mutex::new(Some(step)), Workers::of_this_process());
        let task = Arc::new(Task { step, around, queued: AtomicBool::new(false), workers });
        Arc::clone(&task).wake();
        task
    }

    fn poll(self: &Arc<Self>) {
        shutdown::covered(|| self.step());
    }

    fn step(self: &Arc<Self>) {
        self.queued.store(false, Ordering::Release);
        let mut step = self.step.lock();
        let Some(Step { work, .. }) = &mut *step else { return };
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Around::during(self.around.as_ref(), || work.as_mut().poll(&mut context))
        }));
        let ending = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(ending)) => ending,
            Err(_) => Job::ending(|_| Err(Error::Internal { reason: "a run panicked".into() }.into())),
        };
        let ended = step.take();
        drop(step);
        if let Some(Step { work, done, trip }) = ended {
            drop(work);
            let Ok(_trip) = trip.map_or_else(|| Trip::begin(None), Ok) else { return };
            let raised = self.around.as_ref().and_then(|around| around.raised());
            let ending = match raised {
                Some(error) => Job::ending(move |_| Err(error.into())),
                None => ending,
            };
            if let Some(done) = done {
                Python::try_attach(|py| tell(py, ending, &done));
            }
        }
    }
}

fn tell(py: Python<'_>, ending: Ending, done: &Py<PyAny>) {
    let told = match ending(py) {
        Ok(result) => done.call1(py, (result, py.None())),
        Err(fault) => done.call1(py, (py.None(), PyErr::from(fault).into_value(py))),
    };
    if let Err(error) = told {
        // The event loop was closed meanwhile: nobody waits any more.
        error.write_unraisable(py, Some(done.bind(py)));
    }
}

/// Threads that poll, as many at once as there are cores; more exist while some of them are held up by
/// functions of the host.
struct Workers {
    state: Mutex<State>,
    more: Condvar,
    /// How many may poll at once.
    cores: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Task>>,
    threads: usize,
    idle: usize,
    polling: usize,
}

/// The most threads; past it, functions that are held up hold up other runs.
const MAX_THREADS: usize = 256;

static WORKERS: Mutex<Option<(u32, Arc<Workers>)>> = Mutex::new(None);

thread_local! {
    /// The workers that this thread is one of.
    static OURS: RefCell<Option<Arc<Workers>>> = const { RefCell::new(None) };
}

/// Does something that may hold this thread up. If it is a worker, another one may poll meanwhile.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> T {
    let Some(workers) = OURS.with_borrow(Clone::clone) else { return work() };
    workers.leave();
    let done = work();
    // More than there are cores poll for a moment: waiting for a place could wait for each other.
    workers.state.lock().polling += 1;
    done
}

impl Workers {
    /// The workers of this process, also after a fork.
    fn of_this_process() -> Arc<Workers> {
        let process = std::process::id();
        let mut known = WORKERS.lock();
        if let Some((owner, workers)) = &*known
            && *owner == process
        {
            return Arc::clone(workers);
        }
        let cores = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
        let workers = Arc::new(Workers { state: Mutex::default(), more: Condvar::new(), cores });
        std::mem::forget(known.replace((process, Arc::clone(&workers))));
        workers
    }

    fn queue(self: &Arc<Workers>, task: Arc<Task>) {
        let mut state = self.state.lock();
        state.queue.push_back(task);
        self.rouse(state);
    }

    /// This thread polls no more.
    fn leave(self: &Arc<Workers>) {
        let mut state = self.state.lock();
        state.polling -= 1;
        self.rouse(state);
    }

    /// Has another thread poll if there is something to be polled and a core to do it.
    fn rouse(self: &Arc<Workers>, mut state: MutexGuard<'_, State>) {
        if state.queue.is_empty() || state.polling >= self.cores {
            return;
        }
        if state.idle > 0 {
            self.more.notify_one();
        } else if state.threads < MAX_THREADS {
            state.threads += 1;
            drop(state);
            let workers = Arc::clone(self);
            let spawned = std::thread::Builder::new().name("sandcell-async".into()).spawn(move || workers.work());
            if spawned.is_err() {
                self.state.lock().threads -= 1;
            }
        }
    }

    fn work(self: Arc<Workers>) {
        OURS.set(Some(Arc::clone(&self)));
        loop {
            let mut state = self.state.lock();
            let task = loop {
                if state.polling < self.cores
                    && let Some(task) = state.queue.pop_front()
                {
                    break task;
                }
                state.idle += 1;
                self.more.wait(&mut state);
                state.idle -= 1;
            };
            state.polling += 1;
            drop(state);
            task.poll();
            self.leave();
        }
    }
}
