//! `box.files`: the guest's file tree, looked at from outside between two runs.

use crate::fault::Result;
use crate::policy::content_bytes;
use crate::sandbox::Sandbox;
use crate::shutdown::detached;
use crate::values;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;

/// The files of one sandbox.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Files {
    pub(crate) sandbox: Py<Sandbox>,
}

#[pymethods]
impl Files {
    /// The content of a file.
    fn read<'py>(&self, py: Python<'py>, path: &str) -> Result<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.content(py, path)?))
    }

    /// The content of a file as text; bytes that are not UTF-8 become U+FFFD.
    fn read_text(&self, py: Python<'_>, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.content(py, path)?).into_owned())
    }

    /// Creates or replaces a file, with the folders it needs. Quotas apply.
    fn write(&self, py: Python<'_>, path: &str, content: &Bound<'_, PyAny>) -> Result<()> {
        let content = content_bytes("content", content)?;
        let mut taken = self.sandbox.get().take()?;
        Ok(detached(py, || taken.write_file(path, &content))??)
    }

    /// The paths of files in memory and overlays that were not there at the start or have changed.
    fn list(&self, py: Python<'_>) -> Result<Vec<String>> {
        let mut taken = self.sandbox.get().take()?;
        let diff = detached(py, || taken.files())??;
        let mut paths: Vec<_> = diff.added.into_iter().chain(diff.changed).collect();
        paths.sort();
        Ok(paths)
    }

    /// What differs from the start in memory mounts and overlays.
    fn diff<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let mut taken = self.sandbox.get().take()?;
        let diff = detached(py, || taken.files())??;
        values::make(py, "FilesDiff", &diff)
    }

    /// Writes what differs in the memory mount or overlay at `mount` into a folder of the host.
    fn export<'py>(&self, py: Python<'py>, mount: &str, to: PathBuf) -> Result<Bound<'py, PyAny>> {
        let mut taken = self.sandbox.get().take()?;
        let diff = detached(py, || taken.export(mount, &to))??;
        values::make(py, "FilesDiff", &diff)
    }

    fn __repr__(&self) -> &'static str {
        "<sandcell.Files>"
    }
}

impl Files {
    fn content(&self, py: Python<'_>, path: &str) -> Result<Vec<u8>> {
        let mut taken = self.sandbox.get().take()?;
        Ok(detached(py, || taken.read_file(path))??)
    }
}
