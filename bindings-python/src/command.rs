//! The `sandcell` command inside the module.

use crate::fault::Result;
use crate::shutdown::detached;
use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs one command line, program name first, and returns its exit status.
#[pyfunction]
#[pyo3(name = "_command")]
pub(crate) fn command(py: Python<'_>, args: Vec<OsString>) -> Result<u8> {
    detached(py, || sandcell_cli::main(args))
}
