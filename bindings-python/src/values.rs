//! Plain values of core as the dataclasses of `sandcell._values`.
//!
//! They are made from the JSON form, so that a field that core gains and Python lacks is an error at
//! once instead of being dropped.

use crate::fault::Result;
use crate::json;
use crate::shutdown::calling;
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use sandcell::{Artifact, Language, Progress};
use serde::Serialize;
use serde_json::Value;

/// The dataclass `name` with the fields of `what`.
pub(crate) fn make<'py, T: Serialize>(py: Python<'py>, name: &str, what: &T) -> Result<Bound<'py, PyAny>> {
    let fields = match json::of(what)? {
        Value::Object(fields) => json::object_to_python(py, &fields)?,
        _ => PyDict::new(py),
    };
    Ok(calling(py, || class(py, name)?.call((), Some(&fields)))?)
}

/// A listing with these entries.
pub(crate) fn listing<'py>(
    py: Python<'py>,
    entries: Vec<Bound<'py, PyAny>>,
    truncated: bool,
) -> Result<Bound<'py, PyAny>> {
    of(py, "Listing", (entries, truncated))
}

/// Its content is bytes, which JSON has not.
pub(crate) fn artifact<'py>(py: Python<'py>, artifact: &Artifact) -> Result<Bound<'py, PyAny>> {
    let Artifact { mime, name, bytes } = artifact;
    of(py, "Artifact", (mime, name, PyBytes::new(py, bytes)))
}

/// A row of the table of languages.
pub(crate) fn language<'py>(py: Python<'py>, language: Language) -> Result<Bound<'py, PyAny>> {
    let extensions = PyTuple::new(py, language.extensions())?;
    let (name, title, image) = (language.as_str(), language.title(), language.image());
    of(py, "Language", (name, title, extensions, image, language.how().as_str()))
}

/// An event as the dataclass of its kind.
pub(crate) fn event<'py, T: Serialize>(py: Python<'py>, event: &T) -> Result<Bound<'py, PyAny>> {
    let mut fields = match json::of(event)? {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    let kind = fields.remove("event").unwrap_or_default();
    let fields = json::object_to_python(py, &fields)?;
    let kind = kind.as_str().unwrap_or_default();
    Ok(calling(py, || class(py, "EVENTS")?.get_item(kind)?.call((), Some(&fields)))?)
}

/// Tells a function of Python how far a build has come. What it raises ends nothing: the first
/// exception is kept for the caller.
pub(crate) struct Report {
    function: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl Report {
    pub(crate) fn to(function: Option<Py<PyAny>>) -> Report {
        Report { function, raised: None }
    }

    pub(crate) fn tell(&mut self, progress: Progress) {
        let (Some(function), None) = (&self.function, &self.raised) else { return };
        let told = Python::try_attach(|py| -> Result<()> {
            function.call1(py, (make(py, "Progress", &progress)?,))?;
            Ok(())
        });
        if let Some(Err(fault)) = told {
            self.raised = Some(fault.into());
        }
    }

    /// What came of it, unless the function raised.
    pub(crate) fn end<T>(self, done: Result<T, sandcell::Error>) -> Result<T> {
        match self.raised {
            Some(error) => Err(error.into()),
            None => Ok(done?),
        }
    }
}

/// An instance of the dataclass `name` with these values.
pub(crate) fn of<'py>(py: Python<'py>, name: &str, values: impl PyCallArgs<'py>) -> Result<Bound<'py, PyAny>> {
    Ok(calling(py, || class(py, name)?.call1(values))?)
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("sandcell._values")?.getattr(name)
}
