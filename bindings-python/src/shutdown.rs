//! The end of the interpreter: no thread may come back into it once it is being taken apart.
//!
//! Everything that runs without the interpreter's lock is counted here. When Python exits, runs under
//! way are cancelled and waited for; whatever is still out after that never comes back.

use crate::fault::Result;
use parking_lot::{Condvar, Mutex};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use sandcell::{CancelHandle, Error};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// How long the exit waits for what is out.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it cancels again what may just have begun.
const AGAIN: Duration = Duration::from_millis(5);

static OUT: Mutex<Out> = Mutex::new(Out { process: 0, count: 0, runs: Vec::new() });
static CAME_BACK: Condvar = Condvar::new();
static ENDING: AtomicBool = AtomicBool::new(false);
static OVER: AtomicBool = AtomicBool::new(false);
/// The thread that ends the interpreter.
static ENDER: OnceLock<ThreadId> = OnceLock::new();

thread_local! {
    /// A trip of this thread, or of one that waits for it, is under way.
    static COVERED: Cell<bool> = const { Cell::new(false) };
}

struct Out {
    process: u32,
    count: usize,
    /// The runs among them, by a number of their own.
    runs: Vec<(usize, CancelHandle)>,
}

impl Out {
    /// Forgets what was out in the process that forked this one: those threads are not here.
    fn here(&mut self) -> &mut Out {
        let process = std::process::id();
        if self.process != process {
            (self.process, self.count) = (process, 0);
            self.runs.clear();
        }
        self
    }
}

/// Something that is out; dropped when it has come back.
pub(crate) struct Trip {
    run: Option<usize>,
}

impl Trip {
    /// Counts something that has no lock of the interpreter and will want one.
    pub(crate) fn begin(run: Option<&CancelHandle>) -> Result<Trip, Error> {
        let mut out = OUT.lock();
        if ENDING.load(Ordering::Acquire) {
            return Err(Error::SandboxUnusable { reason: "the interpreter is shutting down" });
        }
        out.here().count += 1;
        let run = run.map(|handle| {
            let number = out.runs.last().map_or(0, |(last, _)| last + 1);
            out.runs.push((number, handle.clone()));
            number
        });
        Ok(Trip { run })
    }
}

impl Drop for Trip {
    fn drop(&mut self) {
        let mut out = OUT.lock();
        out.count = out.here().count.saturating_sub(1);
        if let Some(number) = self.run
            && let Some(at) = out.runs.iter().position(|(known, _)| *known == number)
        {
            out.runs.remove(at);
        }
        if ENDING.load(Ordering::Acquire) {
            CAME_BACK.notify_all();
        }
    }
}

/// Does `work` without the interpreter's lock.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> Result<T> {
    detached_run(py, None, work)
}

/// The same for a run, which the end of the interpreter cancels.
pub(crate) fn detached_run<T: Send>(
    py: Python<'_>,
    run: Option<&CancelHandle>,
    work: impl FnOnce() -> T + Send,
) -> Result<T> {
    let trip = match Trip::begin(run) {
        Ok(trip) => trip,
        // A daemon thread, as all others were joined before: it stays where it is, without a word,
        // as later versions of Python have it.
        Err(_) if has_nothing_to_end() => py.detach(stay_out),
        Err(error) => return Err(error.into()),
    };
    let done = py.detach(|| {
        let done = covered(work);
        stay_out_if_over();
        done
    });
    drop(trip);
    Ok(done)
}

/// Calls code of Python from here. The end of the interpreter waits for it: before CPython 3.14 a daemon thread that is in
/// Python's code by then is ended by unwinding it, and our frames below that code would end the process.
pub(crate) fn calling<T>(py: Python<'_>, call: impl FnOnce() -> T) -> T {
    match Trip::begin(None) {
        Ok(_trip) => covered(call),
        Err(_) if has_nothing_to_end() => py.detach(stay_out),
        Err(_) => call(),
    }
}

/// What a coroutine function of `sandcell._asyncio` gives for this argument.
pub(crate) fn awaitable<'py>(
    py: Python<'py>,
    function: &str,
    argument: impl IntoPyObject<'py>,
) -> Result<Bound<'py, PyAny>> {
    let argument = argument.into_bound_py_any(py)?;
    Ok(calling(py, || py.import("sandcell._asyncio")?.call_method1(function, (argument,)))?)
}

/// Whether the interpreter is ending, so that nothing more is to be waited for.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::Acquire)
}

/// On a daemon thread that gave up because the interpreter ends: it has nothing to come back to.
pub(crate) fn stay_out_if_not_the_ender(py: Python<'_>) {
    if has_nothing_to_end() {
        py.detach(stay_out);
    }
}

/// Does something that a trip is under way for already.
pub(crate) fn covered<T>(work: impl FnOnce() -> T) -> T {
    let before = COVERED.replace(true);
    let done = work();
    COVERED.set(before);
    done
}

/// Whether this is a thread that neither ends the interpreter nor has something going on that the end waits for.
fn has_nothing_to_end() -> bool {
    !COVERED.get() && ENDER.get().is_some_and(|ender| *ender != std::thread::current().id())
}

/// Older interpreters end a thread that comes back too late by unwinding through our frames, which
/// would end the process.
fn stay_out_if_over() {
    if OVER.load(Ordering::Acquire) {
        stay_out();
    }
}

fn stay_out() -> ! {
    loop {
        std::thread::park();
    }
}

/// Called once, by `atexit`.
#[pyfunction]
#[pyo3(name = "_end")]
pub(crate) fn end(py: Python<'_>) {
    let _ = ENDER.set(std::thread::current().id());
    py.detach(|| {
        let give_up = Instant::now() + PATIENCE;
        let mut out = OUT.lock();
        ENDING.store(true, Ordering::Release);
        out.here();
        while out.count > 0 && Instant::now() < give_up {
            for (_, run) in &out.runs {
                run.cancel();
            }
            CAME_BACK.wait_for(&mut out, AGAIN);
        }
        OVER.store(out.count > 0, Ordering::Release);
    });
}
