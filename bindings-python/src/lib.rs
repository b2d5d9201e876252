//! The native half of the Python package `sandcell`: it translates between Python and core.
//!
//! What a sandbox does is decided in core, never here. No lock of the interpreter is held while a
//! guest runs, and no thread comes back into an interpreter that is ending.

mod around;
mod command;
mod drive;
mod engine;
mod fault;
mod files;
mod follow;
mod held;
mod image;
mod json;
mod limits;
mod outcome;
mod policy;
mod pool;
mod program;
mod quantity;
mod reply;
mod resume;
mod sandbox;
mod shutdown;
mod snapshot;
mod tasks;
mod tools;
mod values;

#[pyo3::pymodule]
mod _sandcell {
    use crate::fault::class_name;
    use pyo3::prelude::*;
    use pyo3::types::{PyDict, PyList};
    use sandcell::{Code, Language};

    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::files::Files;
    #[pymodule_export]
    use crate::follow::Events;
    #[pymodule_export]
    use crate::image::Image;
    #[pymodule_export]
    use crate::limits::Limits;
    #[pymodule_export]
    use crate::outcome::Outcome;
    #[pymodule_export]
    use crate::policy::{Mount, Policy};
    #[pymodule_export]
    use crate::pool::Pool;
    #[pymodule_export]
    use crate::sandbox::Sandbox;
    #[pymodule_export]
    use crate::shutdown::end;
    #[pymodule_export]
    use crate::snapshot::Snapshot;
    #[pymodule_export]
    use crate::tasks::Job;
    #[pymodule_export]
    use crate::tools::Tool;

    /// The version of the library.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// The table of languages.
    #[pyfunction]
    fn languages(py: Python<'_>) -> crate::fault::Result<Bound<'_, PyList>> {
        let rows = PyList::empty(py);
        for language in Language::ALL.iter().copied() {
            rows.append(crate::values::language(py, language)?)?;
        }
        Ok(rows)
    }

    /// The language of a file, by what its name ends in.
    #[pyfunction]
    fn language_of(py: Python<'_>, path: std::path::PathBuf) -> crate::fault::Result<Option<Bound<'_, PyAny>>> {
        let language = path.to_str().and_then(Language::of_file);
        language.map(|language| crate::values::language(py, language)).transpose()
    }

    /// The table of error codes: code, number, class, exception, meaning and remedy of each.
    #[pyfunction]
    fn error_codes(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        let rows = PyList::empty(py);
        for code in Code::ALL {
            let row = PyDict::new(py);
            row.set_item("code", code.as_str())?;
            row.set_item("number", code.number())?;
            row.set_item("class", code.class().as_str())?;
            row.set_item("exception", class_name(code.class()))?;
            row.set_item("doc", code.doc().trim())?;
            row.set_item("hint", code.hint())?;
            rows.append(row)?;
        }
        Ok(rows)
    }
}
