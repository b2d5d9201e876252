//! What a call from Python can fail with: an error of core, or an exception of Python.
//!
//! The exception's class follows from the error's class, its `code` from core's table. Nothing here
//! decides by a message.

use crate::shutdown::calling;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sandcell::{Class, Error};

pub(crate) type Result<T, E = Fault> = std::result::Result<T, E>;

/// Why a call from Python failed.
pub(crate) enum Fault {
    /// Raised as the class of its code.
    Core(Error),
    /// An argument of the wrong type or with an unknown name: also a `TypeError`.
    Argument(Error),
    /// An exception of Python's.
    Python(PyErr),
}

impl Fault {
    /// An argument that cannot be used, whatever its value.
    pub(crate) fn argument(name: &str, reason: impl Into<String>) -> Fault {
        Fault::Argument(document(name, reason))
    }

    /// An argument whose value cannot be used.
    pub(crate) fn value(name: &str, reason: impl Into<String>) -> Fault {
        Fault::Core(document(name, reason))
    }
}

fn document(name: &str, reason: impl Into<String>) -> Error {
    Error::DocumentInvalid { what: format!("argument `{name}`"), reason: reason.into() }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Core(error)
    }
}

impl From<PyErr> for Fault {
    fn from(error: PyErr) -> Fault {
        Fault::Python(error)
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> PyErr {
        match fault {
            Fault::Python(error) => error,
            Fault::Core(error) => exception(class_name(error.class()), &error),
            Fault::Argument(error) => exception("ConfigTypeError", &error),
        }
    }
}

/// The name of the exception class for a class of errors.
pub(crate) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Usage => "ConfigError",
        Class::Module => "ModuleError",
        Class::Host => "HostError",
        Class::Internal => "InternalError",
    }
}

fn exception(class: &str, error: &Error) -> PyErr {
    let raised = Python::try_attach(|py| {
        let code = error.code();
        let arguments = (error.to_string(), code.as_str(), code.number(), error.hint());
        let make = || py.import("sandcell._errors")?.getattr(class)?.call1(arguments);
        match calling(py, make) {
            Ok(exception) => PyErr::from_value(exception),
            Err(broken) => broken,
        }
    });
    raised.unwrap_or_else(|| PyRuntimeError::new_err("the interpreter is shutting down"))
}
