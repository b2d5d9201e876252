//! `Outcome`: how one run ended. Its parts become Python values when they are asked for.

use crate::fault::{Fault, Result};
use crate::limits::equality;
use crate::{json, values};
use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use sandcell::{Error, Outcome as Core, Status};
use std::borrow::Cow;

/// How one run ended, what it printed and what it cost.
#[pyclass(module = "sandcell", frozen, weakref)]
pub(crate) struct Outcome {
    pub(crate) core: Core,
}

#[pymethods]
impl Outcome {
    /// How it ended.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        if let Status::Suspended { calls, token } = &self.core.status {
            let list = PyList::empty(py);
            let values = py.import("sandcell._values")?;
            for call in calls {
                let arguments = json::arguments(py, &call.arguments)?;
                list.append(values.getattr("SuspendedCall")?.call1((call.id, &call.tool, arguments))?)?;
            }
            return Ok(values.call_method1("_suspended", (list, token))?);
        }
        values::make(py, "Status", &self.core.status)
    }

    /// True when the guest ended by itself with code 0.
    #[getter]
    fn ok(&self) -> bool {
        self.core.is_success()
    }

    /// Standard output as text; bytes that are not UTF-8 become U+FFFD.
    #[getter]
    fn text(&self) -> Cow<'_, str> {
        self.core.stdout_text()
    }

    /// Standard output.
    #[getter]
    fn stdout<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.stdout)
    }

    /// True when part of standard output was dropped.
    #[getter]
    fn stdout_truncated(&self) -> bool {
        self.core.stdout_truncated
    }

    /// Standard error.
    #[getter]
    fn stderr<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.stderr)
    }

    /// True when part of standard error was dropped.
    #[getter]
    fn stderr_truncated(&self) -> bool {
        self.core.stderr_truncated
    }

    /// Standard error as text.
    #[getter]
    fn stderr_text(&self) -> Cow<'_, str> {
        self.core.stderr_text()
    }

    /// The value of the last expression: its JSON form, else its repr; `None` if there is none.
    #[getter]
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, self.core.result.as_ref().unwrap_or(&serde_json::Value::Null))
    }

    /// True when the result was cut or artifacts were left out.
    #[getter]
    fn result_truncated(&self) -> bool {
        self.core.result_truncated
    }

    /// Figures and other rich values.
    #[getter]
    fn artifacts<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for artifact in &self.core.artifacts {
            list.append(values::artifact(py, artifact)?)?;
        }
        Ok(list)
    }

    /// What changed in memory mounts and overlays.
    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        values::make(py, "FilesDiff", &self.core.files)
    }

    /// What was refused.
    #[getter]
    fn denials<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for denial in &self.core.denials {
            list.append(values::make(py, "Denial", denial)?)?;
        }
        Ok(list)
    }

    /// What a compiler or parser found in the program.
    #[getter]
    fn diagnostics<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for diagnostic in &self.core.diagnostics {
            list.append(values::make(py, "Diagnostic", diagnostic)?)?;
        }
        Ok(list)
    }

    /// The calls of tools: the first thousand one by one, all of them counted.
    #[getter]
    fn tool_calls<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let form = json::to_python(py, &json::of(&self.core.tool_calls)?)?;
        Ok(py.import("sandcell._values")?.call_method1("_tool_record", (form,))?)
    }

    /// What it cost.
    #[getter]
    fn usage<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        values::make(py, "Usage", &self.core.usage)
    }

    /// One sentence that a model can act on; empty when there is nothing to say.
    #[getter]
    fn hint(&self) -> &str {
        &self.core.hint
    }

    /// Raises `RunFailed` unless the program succeeded; returns the outcome itself otherwise.
    fn check<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Self>> {
        if slf.get().core.is_success() {
            return Ok(slf.clone());
        }
        let failure = slf.py().import("sandcell._errors")?.call_method1("_failure", (slf,))?;
        Err(Fault::Python(PyErr::from_value(failure)))
    }

    /// The JSON form, the same from every language, as text.
    fn to_json(&self) -> Result<String> {
        Ok(json::of(&self.core)?.to_string())
    }

    /// The JSON form as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(json::to_python(py, &json::of(&self.core)?)?)
    }

    /// Reads the JSON form, as text or as a dict.
    #[staticmethod]
    fn from_json(document: &Bound<'_, PyAny>) -> Result<Outcome> {
        let document = match document.cast::<PyString>() {
            // Not serde_json's reader, which may miss the last bit of a float.
            Ok(text) => text.py().import("json")?.call_method1("loads", (text,))?,
            Err(_) => document.clone(),
        };
        match serde_json::from_value(json::from_python("document", &document)?) {
            Ok(core) => Ok(Outcome { core }),
            Err(error) => Err(Error::DocumentInvalid { what: "outcome".into(), reason: error.to_string() }.into()),
        }
    }

    #[pyo3(signature = (include = None, exclude = None))]
    fn _repr_mimebundle_<'py>(
        slf: &Bound<'py, Self>,
        include: Option<&Bound<'py, PyAny>>,
        exclude: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let _ = (include, exclude);
        Ok(slf.py().import("sandcell._display")?.call_method1("mimebundle", (slf,))?)
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp, py: Python<'_>) -> PyResult<Py<PyAny>> {
        equality(py, op, other.cast::<Outcome>().ok().map(|other| other.get().core == self.core))
    }

    fn __repr__(&self) -> Result<String> {
        let status = json::of(&self.core.status)?;
        let mut text: String = self.core.stdout_text().chars().take(80).collect();
        if text.len() < self.core.stdout_text().len() {
            text.push('…');
        }
        Ok(format!("<sandcell.Outcome {status} text={text:?}>"))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let form = slf.get().to_dict(slf.py())?;
        Ok((slf.get_type().getattr("from_json")?, PyTuple::new(slf.py(), [form])?))
    }
}
