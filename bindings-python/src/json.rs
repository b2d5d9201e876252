//! Values between JSON and Python, both ways.
//!
//! Where a value passes between a tool and a guest, bytes are `{"$bytes": "<base64>"}`.

use crate::fault::{Fault, Result};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// How deeply values may be nested: what serde_json reads.
const MAX_DEPTH: usize = 128;
/// The one key of an object that stands for bytes.
const BYTES: &str = "$bytes";

/// A JSON value as a value of Python.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Number(number) => number_to_python(py, number)?,
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(fields) => object_to_python(py, fields)?.into_any(),
    })
}

/// The arguments of a tool as keyword arguments.
pub(crate) fn arguments<'py>(py: Python<'py>, fields: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in fields {
        dict.set_item(name, with_bytes(py, value)?)?;
    }
    Ok(dict)
}

fn with_bytes<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Object(fields) => match fields.get(BYTES) {
            // Core has checked it.
            Some(Value::String(data)) if fields.len() == 1 => {
                Ok(PyBytes::new(py, &BASE64_STANDARD.decode(data).unwrap_or_default()).into_any())
            }
            _ => Ok(arguments(py, fields)?.into_any()),
        },
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(with_bytes(py, item)?)?;
            }
            Ok(list.into_any())
        }
        plain => to_python(py, plain),
    }
}

/// A JSON object as a dict.
pub(crate) fn object_to_python<'py>(py: Python<'py>, fields: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in fields {
        dict.set_item(name, to_python(py, value)?)?;
    }
    Ok(dict)
}

fn number_to_python<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(number) = number.as_u64() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    if let Some(number) = number.as_i64() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    Ok(PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any())
}

/// Anything of core's that has a JSON form, as a JSON value.
pub(crate) fn of<T: Serialize>(what: &T) -> Result<Value> {
    serde_json::to_value(what).map_err(|error| sandcell::Error::Internal { reason: error.to_string() }.into())
}

/// A value of Python as JSON; `name` is the argument's, for messages.
///
/// `None`, booleans, integers of 64 bits, finite floats, strings, lists, tuples and dicts with string
/// keys have a JSON form.
pub(crate) fn from_python(name: &str, value: &Bound<'_, PyAny>) -> Result<Value> {
    convert(value, 0, false).map_err(|reason| match reason {
        Refusal::Type(reason) => Fault::argument(name, reason),
        Refusal::Raised(error) => Fault::Python(error),
    })
}

/// What a tool gives: also bytes, and what `sandcell._tools.plain` knows a JSON form of.
pub(crate) fn of_tool(value: &Bound<'_, PyAny>) -> Result<Value> {
    convert(value, 0, true).map_err(|reason| match reason {
        Refusal::Type(reason) => Fault::Python(PyTypeError::new_err(reason)),
        Refusal::Raised(error) => Fault::Python(error),
    })
}

/// Whether it is of one of the types that need no help of Python's to become JSON.
pub(crate) fn is_builtin(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
}

enum Refusal {
    Type(String),
    Raised(PyErr),
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Refusal {
        Refusal::Raised(error)
    }
}

fn convert(value: &Bound<'_, PyAny>, depth: usize, tool: bool) -> Result<Value, Refusal> {
    if depth > MAX_DEPTH {
        return Err(Refusal::Type(format!("it is nested more than {MAX_DEPTH} levels deep")));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.to_str()?.to_owned()));
    }
    if value.is_instance_of::<PyInt>() {
        let number = value.extract::<i64>().map(Number::from).or_else(|_| value.extract::<u64>().map(Number::from));
        return number.map(Value::Number).map_err(|_| Refusal::Type("an integer does not fit 64 bits".into()));
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        let number = Number::from_f64(number.value());
        return number.map(Value::Number).ok_or_else(|| Refusal::Type("NaN and infinity have no JSON form".into()));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut fields = Map::new();
        for (key, item) in dict {
            let key = key.cast::<PyString>().map_err(|_| Refusal::Type("a dict has a key that is no string".into()))?;
            fields.insert(key.to_str()?.to_owned(), convert(&item, depth + 1, tool)?);
        }
        return Ok(Value::Object(fields));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.map(|item| convert(&item?, depth + 1, tool));
        return Ok(Value::Array(items.collect::<Result<_, Refusal>>()?));
    }
    if tool {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            let data = Value::String(BASE64_STANDARD.encode(bytes.as_bytes()));
            return Ok(Value::Object([(BYTES.to_owned(), data)].into_iter().collect()));
        }
        let plain = value.py().import("sandcell._tools")?.call_method1("plain", (value,))?;
        return convert(&plain, depth + 1, tool);
    }
    Err(Refusal::Type(format!("a value of type {} has no JSON form", type_name(value))))
}

/// The name of a value's type, for messages.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}
