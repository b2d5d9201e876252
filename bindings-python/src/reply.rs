//! What a function of Python answered, on its way to the guest.

use crate::around::Around;
use crate::fault::Fault;
use crate::json;
use parking_lot::Mutex;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use sandcell::{ToolError, ToolReply};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

type Answered = Result<ToolReply, ToolError>;

/// What a call gave, or why it gave nothing. An exception that is no `Exception` ends the run.
pub(crate) fn reply(py: Python<'_>, called: PyResult<Bound<'_, PyAny>>, around: Option<&Around>) -> Answered {
    match called.and_then(|value| value_of(py, &value)) {
        Ok(reply) => Ok(reply),
        Err(error) if !error.is_instance_of::<PyException>(py) => {
            let detail = error.to_string();
            if let Some(around) = around {
                around.end_with(error);
            }
            Err(ToolError::hidden(detail))
        }
        Err(error) => Err(tool_error(py, &error)),
    }
}

fn value_of(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<ToolReply> {
    // Nothing of Python's own says that the answer comes later: one look-up less for most calls.
    if !json::is_builtin(value) && value.is(&py.import("sandcell._tools")?.getattr("PENDING")?) {
        return Ok(ToolReply::Pending);
    }
    match json::of_tool(value) {
        Ok(value) => Ok(ToolReply::Value(value)),
        Err(fault) => Err(fault.into()),
    }
}

/// A `sandcell.ToolError` speaks to the guest; of anything else the guest learns that the tool failed.
pub(crate) fn tool_error(py: Python<'_>, error: &PyErr) -> ToolError {
    spoken(py, error).unwrap_or(None).unwrap_or_else(|| ToolError::hidden(error.to_string()))
}

fn spoken(py: Python<'_>, error: &PyErr) -> PyResult<Option<ToolError>> {
    let value = error.value(py);
    if !value.is_instance(&py.import("sandcell._errors")?.getattr("ToolError")?)? {
        return Ok(None);
    }
    let message: String = value.str()?.to_string();
    let spoken = match value.getattr("code")?.extract::<String>()?.as_str() {
        "denied" => ToolError::denied(message),
        "invalid_arguments" => ToolError::invalid_arguments(message),
        _ => ToolError::new(message),
    };
    match value.getattr("detail")?.extract::<Option<String>>()? {
        Some(detail) => Ok(Some(spoken.detail(detail))),
        None => Ok(Some(spoken)),
    }
}

/// A result that comes later. Dropped before, it cancels who works on it.
pub(crate) struct Answer {
    shared: Arc<Mutex<Shared>>,
    cancel: Option<Py<PyAny>>,
}

#[derive(Default)]
struct Shared {
    answered: Option<Answered>,
    waker: Option<Waker>,
}

pub(crate) struct Sender(Arc<Mutex<Shared>>);

impl Answer {
    pub(crate) fn new() -> (Answer, Sender) {
        let shared = Arc::<Mutex<Shared>>::default();
        (Answer { shared: Arc::clone(&shared), cancel: None }, Sender(shared))
    }

    /// Names the function that ends the work.
    pub(crate) fn cancelled_by(self: Answer, cancel: Py<PyAny>) -> Later {
        Later(Answer { cancel: Some(cancel), ..self })
    }
}

impl Sender {
    pub(crate) fn send(self, answered: Answered) {
        let waker = {
            let mut shared = self.0.lock();
            shared.answered = Some(answered);
            shared.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Answer {
    type Output = Answered;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let mut shared = self.shared.lock();
        match shared.answered.take() {
            Some(answered) => Poll::Ready(answered),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// An answer whose maker is told when nobody waits for it any more.
pub(crate) struct Later(Answer);

impl Future for Later {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let polled = Pin::new(&mut self.0).poll(context);
        if polled.is_ready() {
            self.0.cancel = None;
        }
        polled
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if let Some(cancel) = self.0.cancel.take() {
            Python::try_attach(|py| {
                if let Err(error) = cancel.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        }
    }
}

/// Takes the result of a coroutine.
#[pyclass(module = "sandcell._sandcell", frozen)]
pub(crate) struct Reply {
    sender: Mutex<Option<Sender>>,
    around: Option<Arc<Around>>,
}

impl Reply {
    pub(crate) fn new(sender: Sender, around: Option<Arc<Around>>) -> Reply {
        Reply { sender: Mutex::new(Some(sender)), around }
    }
}

#[pymethods]
impl Reply {
    /// Either a value, or an exception.
    fn __call__(&self, py: Python<'_>, value: Bound<'_, PyAny>, error: Option<Bound<'_, PyAny>>) -> Result<(), Fault> {
        let called = match error {
            Some(error) => Err(PyErr::from_value(error)),
            None => Ok(value),
        };
        let answered = reply(py, called, self.around.as_deref());
        let sender = self.sender.lock().take();
        if let Some(sender) = sender {
            sender.send(answered);
        }
        Ok(())
    }
}
