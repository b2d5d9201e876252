//! `Tool`: a function of Python that guests can call.
//!
//! A plain function is called on the thread that polls the run: the caller's own, or a worker, for which
//! another one steps in. Coroutines run on the caller's event loop. Where a task awaits the run, both see
//! its context variables.

use crate::around::Around;
use crate::fault::{Fault, Result};
use crate::json;
use crate::quantity;
use crate::reply::{Answer, Reply, reply};
use crate::shutdown::{self, Trip};
use crate::tasks;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use sandcell::{
    Decision, DeclarationLanguage, SandboxBuilder, Tool as Core, ToolCall, ToolError, ToolPolicy, ToolReply, Unit,
};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

type Work = Pin<Box<dyn Future<Output = Result<ToolReply, ToolError>> + Send>>;

/// A function of the host that guests can call by its name.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Tool {
    core: Core,
}

/// A function and the name it is called by.
struct Function {
    name: String,
    call: Py<PyAny>,
}

#[pymethods]
impl Tool {
    /// Made by `sandcell.tool`.
    #[staticmethod]
    #[pyo3(signature = (name, call, *, is_async, blocking, description, input_schema, output_schema, hints, timeout_ms))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn _of(
        name: String,
        call: Option<Py<PyAny>>,
        is_async: bool,
        blocking: bool,
        description: &str,
        input_schema: &Bound<'_, PyAny>,
        output_schema: Option<&Bound<'_, PyAny>>,
        hints: &Bound<'_, PyDict>,
        timeout_ms: Option<&Bound<'_, PyAny>>,
    ) -> Result<Tool> {
        let mut core = match call {
            Some(call) => {
                let function = Arc::new(Function { name: name.clone(), call });
                match (is_async, blocking) {
                    (true, _) => Core::asynchronous(name, move |call| function.on_a_loop(call)),
                    (false, true) => Core::asynchronous(name, move |call| function.on_a_thread(call)),
                    (false, false) => Core::new(name, move |call| function.now(call)),
                }
            }
            None => Core::suspending(name),
        };
        core = core.description(description).input_schema(json::from_python("input_schema", input_schema)?);
        if let Some(schema) = output_schema {
            core = core.output_schema(json::from_python("output_schema", schema)?);
        }
        for (hint, value) in hints {
            let value = value.extract::<bool>()?;
            core = match hint.extract::<&str>()? {
                "read_only" => core.read_only(value),
                "destructive" => core.destructive(value),
                "idempotent" => core.idempotent(value),
                "open_world" => core.open_world(value),
                other => return Err(Fault::argument(other, "there is no such hint")),
            };
        }
        if let Some(timeout) = timeout_ms {
            core = core.timeout_ms(quantity::number("timeout", Unit::Milliseconds, timeout)?);
        }
        Ok(Tool { core })
    }

    /// The name that guests call it by.
    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    /// How a program would see it declared: `"python"` or `"typescript"`.
    #[pyo3(signature = (language = "python"))]
    fn declaration(&self, language: &str) -> Result<String> {
        let language = match language {
            "python" => DeclarationLanguage::Python,
            "typescript" => DeclarationLanguage::TypeScript,
            other => {
                return Err(Fault::value("language", format!("`{other}` is none; there are python and typescript")));
            }
        };
        Ok(sandcell::declarations(std::slice::from_ref(&self.core), language))
    }

    fn __repr__(&self) -> String {
        format!("<sandcell.Tool {:?}>", self.core.name())
    }

    fn __reduce__(&self) -> Result<()> {
        Err(crate::engine::refuse_pickling("Tool"))
    }
}

impl Function {
    /// On the thread that polls the run. A worker lets another one take its place meanwhile.
    fn now(&self, call: ToolCall) -> Result<ToolReply, ToolError> {
        let around = Around::current();
        let called = || Python::try_attach(|py| self.in_context(py, &call, around.as_deref()));
        let is_task = around.as_ref().is_some_and(|around| around.task.is_some());
        let called = if is_task { tasks::aside(called) } else { called() };
        called.unwrap_or_else(gone)
    }

    fn on_a_thread(self: &Arc<Function>, call: ToolCall) -> Work {
        let around = Around::current();
        let (answer, sender) = Answer::new();
        let function = Arc::clone(self);
        let spawned = Trip::begin(None).map_err(|error| error.to_string()).and_then(|trip| {
            let thread = std::thread::Builder::new().name(format!("sandcell-tool-{}", self.name));
            let work = move || {
                let called = || Python::try_attach(|py| function.in_context(py, &call, around.as_deref()));
                let done = shutdown::covered(called);
                drop(around);
                sender.send(done.unwrap_or_else(gone));
                drop(trip);
            };
            thread.spawn(work).map_err(|error| error.to_string())
        });
        match spawned {
            Ok(_) => Box::pin(answer),
            Err(reason) => Box::pin(ready(Err(ToolError::hidden(reason)))),
        }
    }

    fn in_context(&self, py: Python<'_>, call: &ToolCall, around: Option<&Around>) -> Result<ToolReply, ToolError> {
        let called = json::arguments(py, &call.arguments).and_then(|arguments| {
            match around.and_then(|around| around.task.as_ref()) {
                // A context can be entered once at a time, and calls can be many.
                Some(task) => {
                    let context = task.context.bind(py).call_method0("copy")?;
                    context.call_method("run", (&self.call,), Some(&arguments))
                }
                None => self.call.bind(py).call((), Some(&arguments)),
            }
        });
        reply(py, called, around)
    }

    fn on_a_loop(&self, call: ToolCall) -> Work {
        let around = Around::current();
        let begun = Python::try_attach(|py| {
            let (answer, sender) = Answer::new();
            let arguments = json::arguments(py, &call.arguments)?;
            let task = around.as_ref().and_then(|around| around.task.as_ref());
            let (event_loop, context) = match task {
                Some(task) => (Some(task.event_loop.bind(py)), Some(task.context.bind(py))),
                None => (None, None),
            };
            let done = Bound::new(py, Reply::new(sender, around.clone()))?;
            let helper = py.import("sandcell._asyncio")?;
            let cancel = helper.call_method1("call_on", (event_loop, context, &self.call, arguments, done))?;
            Ok::<_, PyErr>(answer.cancelled_by(cancel.unbind()))
        });
        match begun {
            Some(Ok(answer)) => Box::pin(answer),
            Some(Err(error)) => Box::pin(ready(Err(ToolError::hidden(error.to_string())))),
            None => Box::pin(ready(gone())),
        }
    }
}

fn gone() -> Result<ToolReply, ToolError> {
    Err(ToolError::hidden("the interpreter is shutting down"))
}

/// What is handed over to a sandbox: functions and tools, and the gate before them.
#[derive(Default)]
pub(crate) struct Handed {
    tools: Vec<Core>,
    gate: Option<Arc<Py<PyAny>>>,
}

impl Handed {
    pub(crate) fn of(tools: Option<&Bound<'_, PyAny>>, gate: Option<&Bound<'_, PyAny>>) -> Result<Handed> {
        let mut handed = Handed::default();
        if let Some(tools) = tools {
            let items = tools.try_iter().map_err(|_| Fault::argument("tools", "expected a list of functions"))?;
            for item in items {
                let item = item?;
                let tool = match item.cast::<Tool>() {
                    Ok(tool) => tool.clone(),
                    Err(_) => item
                        .py()
                        .import("sandcell._tools")?
                        .call_method1("tool", (item,))?
                        .cast_into::<Tool>()
                        .map_err(PyErr::from)?,
                };
                handed.tools.push(tool.get().core.clone());
            }
        }
        if let Some(gate) = gate {
            if !gate.is_callable() {
                return Err(Fault::argument("gate", "expected a function"));
            }
            handed.gate = Some(Arc::new(gate.clone().unbind()));
        }
        Ok(handed)
    }

    /// Functions are plain globals of the guest too, unless a policy says otherwise.
    pub(crate) fn policy(&self) -> ToolPolicy {
        ToolPolicy::new().globals(!self.tools.is_empty())
    }

    pub(crate) fn to(self, mut builder: SandboxBuilder) -> SandboxBuilder {
        builder = builder.tools(self.tools);
        match self.gate {
            Some(gate) => builder.gate(move |call| decide(&gate, call)),
            None => builder,
        }
    }
}

/// Asks the gate. `None` and `True` let the call go on, `False` and a text deny it, a dict replaces its
/// arguments, `PENDING` suspends the run.
fn decide(gate: &Py<PyAny>, call: &ToolCall) -> Decision {
    const DENIED: &str = "denied";
    let decided = Python::try_attach(|py| -> Result<Decision> {
        let tools = py.import("sandcell._tools")?;
        let call = tools.call_method1("ToolCall", (call.id, &call.tool, json::arguments(py, &call.arguments)?))?;
        let said = gate.bind(py).call1((call,))?;
        if said.is(&tools.getattr("PENDING")?) {
            return Ok(Decision::Suspend);
        }
        if let Ok(reason) = said.cast::<PyString>() {
            return Ok(Decision::Deny(reason.to_str()?.to_owned()));
        }
        if let Ok(arguments) = said.cast::<PyDict>() {
            return match json::of_tool(arguments.as_any())? {
                serde_json::Value::Object(arguments) => Ok(Decision::Replace(arguments)),
                _ => Ok(Decision::Deny(DENIED.into())),
            };
        }
        match said.is_none() || said.extract::<bool>().unwrap_or(false) {
            true => Ok(Decision::Allow),
            false => Ok(Decision::Deny(DENIED.into())),
        }
    });
    match decided {
        Some(Ok(decision)) => decision,
        Some(Err(fault)) => {
            let error = PyErr::from(fault);
            Python::try_attach(|py| match Around::current() {
                Some(around) if !error.is_instance_of::<pyo3::exceptions::PyException>(py) => around.end_with(error),
                _ => error.write_unraisable(py, Some(gate.bind(py))),
            });
            Decision::Deny(DENIED.into())
        }
        None => Decision::Deny(DENIED.into()),
    }
}
