//! `Limits`: the ceilings of one sandbox, by the names of core's table.

use crate::fault::{Fault, Result};
use crate::json::{self, type_name};
use crate::quantity;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use sandcell::{Error, LimitKey, Limits as Core};

/// Ceilings of a sandbox. What is not given has its default; "unlimited" cannot be expressed.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Limits {
    pub(crate) core: Core,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (**limits))]
    fn new(limits: Option<&Bound<'_, PyDict>>) -> Result<Limits> {
        let mut core = Core::new();
        set_all(&mut core, limits, &[])?;
        Ok(Limits { core })
    }

    /// The same limits with some of them changed.
    #[pyo3(signature = (**limits))]
    fn replace(&self, limits: Option<&Bound<'_, PyDict>>) -> Result<Limits> {
        let mut core = self.core.clone();
        set_all(&mut core, limits, &[])?;
        Ok(Limits { core })
    }

    /// Every limit with its value.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for limit in LimitKey::ALL {
            dict.set_item(limit.as_str(), self.core.value(limit))?;
        }
        Ok(dict)
    }

    /// The table of limits: name, unit, default, minimum, maximum and meaning of each.
    #[staticmethod]
    fn table(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        let rows = PyList::empty(py);
        for limit in LimitKey::ALL {
            let row = PyDict::new(py);
            row.set_item("name", limit.as_str())?;
            row.set_item("unit", limit.unit().as_str())?;
            row.set_item("default", limit.default_value())?;
            row.set_item("minimum", limit.range().start())?;
            row.set_item("maximum", limit.range().end())?;
            row.set_item("doc", limit.doc().trim().replace("\n ", "\n"))?;
            rows.append(row)?;
        }
        Ok(rows)
    }

    fn __getattr__(&self, name: &str) -> PyResult<u64> {
        let limit = LimitKey::parse(name);
        limit.map(|limit| self.core.value(limit)).ok_or_else(|| {
            PyAttributeError::new_err(format!("there is no limit `{name}`; the limits are {}", known(&[])))
        })
    }

    fn __dir__(&self) -> Vec<&'static str> {
        LimitKey::ALL.iter().map(|limit| limit.as_str()).chain(["replace", "table", "to_dict"]).collect()
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp, py: Python<'_>) -> PyResult<Py<PyAny>> {
        equality(py, op, other.cast::<Limits>().ok().map(|other| other.get().core == self.core))
    }

    fn __hash__(&self) -> u64 {
        hash(&LimitKey::ALL.map(|limit| self.core.value(limit)))
    }

    fn __repr__(&self) -> String {
        let changed = LimitKey::ALL.iter().filter(|limit| self.core.value(**limit) != limit.default_value());
        let changed: Vec<_> = changed.map(|limit| format!("{limit}={}", self.core.value(*limit))).collect();
        format!("Limits({})", changed.join(", "))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let values = json::to_python(py, &json::of(&slf.get().core)?)?;
        Ok((slf.get_type().getattr("_from_dict")?, PyTuple::new(py, [values])?))
    }

    #[staticmethod]
    fn _from_dict(limits: &Bound<'_, PyDict>) -> Result<Limits> {
        Limits::new(Some(limits))
    }
}

/// Sets the limits that are given by name. `arguments` are the caller's other names, for the message
/// about an unknown one.
pub(crate) fn set_all(core: &mut Core, given: Option<&Bound<'_, PyDict>>, arguments: &[&str]) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    for (name, value) in given {
        let name = name.extract::<String>()?;
        let Some(limit) = LimitKey::parse(&name) else {
            return Err(unknown(name, arguments));
        };
        core.set(&name, quantity::number(&name, limit.unit(), &value)?)?;
    }
    Ok(())
}

/// The limits of a compiler: its own, where nothing is given.
pub(crate) fn for_compiling(given: Option<&Bound<'_, PyDict>>) -> Result<Core> {
    let mut core = Core::for_compiling();
    for (name, _) in given.into_iter().flatten() {
        if !name.is_instance_of::<PyString>() {
            return Err(Fault::argument(
                "compile_limits",
                format!("expected names of limits, not {}", type_name(&name)),
            ));
        }
    }
    set_all(&mut core, given, &[])?;
    Ok(core)
}

fn unknown(name: String, arguments: &[&str]) -> Fault {
    if arguments.is_empty() {
        return Fault::Argument(Error::LimitUnknown { name });
    }
    Fault::argument(&name, format!("there is no such argument or limit; known are {}", known(arguments)))
}

fn known(arguments: &[&str]) -> String {
    let limits = LimitKey::ALL.iter().map(|limit| limit.as_str());
    arguments.iter().copied().chain(limits).collect::<Vec<_>>().join(", ")
}

/// The answer of `==` and `!=`; `None` for a value of another type.
pub(crate) fn equality(py: Python<'_>, op: CompareOp, equal: Option<bool>) -> PyResult<Py<PyAny>> {
    let answer = match (op, equal) {
        (CompareOp::Eq, Some(equal)) => equal,
        (CompareOp::Ne, Some(equal)) => !equal,
        _ => return Ok(py.NotImplemented()),
    };
    Ok(answer.into_pyobject(py)?.to_owned().into_any().unbind())
}

pub(crate) fn hash<T: std::hash::Hash>(value: &T) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}
