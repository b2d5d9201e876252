//! What a run of Python's has around it: the event loop that waits for it, the caller's context
//! variables, and the exception that a function of the host ended it with.
//!
//! Functions of the host are called while the run is polled; a thread-local says for whom.

use crate::shutdown::calling;
use parking_lot::Mutex;
use pyo3::prelude::*;
use sandcell::CancelHandle;
use std::cell::RefCell;
use std::sync::Arc;

/// The surroundings of one run.
pub(crate) struct Around {
    /// Set while nobody's thread waits: the loop that asynchronous tools run on, and the variables.
    pub(crate) task: Option<Task>,
    raised: Mutex<Option<PyErr>>,
    cancel: CancelHandle,
}

/// The task that awaits a run.
pub(crate) struct Task {
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) context: Py<PyAny>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Around>>> = const { RefCell::new(None) };
}

impl Around {
    /// A run that this thread waits for.
    pub(crate) fn thread(cancel: &CancelHandle) -> Arc<Around> {
        Arc::new(Around { task: None, raised: Mutex::default(), cancel: cancel.clone() })
    }

    /// A run that the current task of asyncio is going to await.
    pub(crate) fn task(py: Python<'_>, cancel: &CancelHandle) -> PyResult<Arc<Around>> {
        let (event_loop, context) = calling(py, || -> PyResult<_> {
            let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?.unbind();
            Ok((event_loop, py.import("contextvars")?.call_method0("copy_context")?.unbind()))
        })?;
        let task = Some(Task { event_loop, context });
        Ok(Arc::new(Around { task, raised: Mutex::default(), cancel: cancel.clone() }))
    }

    /// That of the run which is polled on this thread.
    pub(crate) fn current() -> Option<Arc<Around>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Polls with these surroundings.
    pub(crate) fn during<T>(around: Option<&Arc<Around>>, poll: impl FnOnce() -> T) -> T {
        /// Also when the poll panics.
        struct Restore(Option<Arc<Around>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.replace(self.0.take());
            }
        }
        let Some(around) = around else { return poll() };
        let _restore = Restore(CURRENT.replace(Some(Arc::clone(around))));
        poll()
    }

    /// Ends the run with an exception that is no error of a tool: `KeyboardInterrupt`, `SystemExit`.
    pub(crate) fn end_with(&self, error: PyErr) {
        self.raised.lock().get_or_insert(error);
        self.cancel.cancel();
    }

    pub(crate) fn raised(&self) -> Option<PyErr> {
        self.raised.lock().take()
    }
}
