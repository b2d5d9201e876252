//! `box.files` and `workspace.files`: the guest's file tree, looked at from outside between two runs.

use crate::fault::Result;
use crate::policy::content_bytes;
use crate::sandbox::Sandbox;
use crate::shutdown::detached;
use crate::values;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sandcell::{FilesDiff, Listing, Sandbox as CoreSandbox, Workspace as CoreWorkspace};
use std::path::PathBuf;

/// The files of one sandbox, or those that the sandboxes of a workspace share.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Files {
    pub(crate) of: Owner,
}

/// Whose files they are.
pub(crate) enum Owner {
    Sandbox(Py<Sandbox>),
    Workspace(CoreWorkspace),
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
        self.on(py, |sandbox| sandbox.write_file(path, &content), |workspace| workspace.write_file(path, &content))
    }

    /// What is in a folder, and with `recursive` below it, host folders included. Symlinks are listed and
    /// not followed.
    #[pyo3(signature = (path = "/", *, recursive = false))]
    fn list<'py>(&self, py: Python<'py>, path: &str, recursive: bool) -> Result<Bound<'py, PyAny>> {
        let listing = self.on(
            py,
            |sandbox| sandbox.list_files(path, recursive),
            |workspace| workspace.list_files(path, recursive),
        )?;
        listed(py, &listing)
    }

    /// What differs from the start in memory mounts and overlays.
    fn diff<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let diff = self.on(py, CoreSandbox::files, CoreWorkspace::files)?;
        values::make(py, "FilesDiff", &diff)
    }

    /// Writes what differs in the memory mount or overlay at `mount` into a folder of the host.
    fn export<'py>(&self, py: Python<'py>, mount: &str, to: PathBuf) -> Result<Bound<'py, PyAny>> {
        let diff: FilesDiff =
            self.on(py, |sandbox| sandbox.export(mount, &to), |workspace| workspace.export(mount, &to))?;
        values::make(py, "FilesDiff", &diff)
    }

    /// Copies everything below the folder at `path` into a folder of the host, and tells what. Nothing is
    /// written outside of that folder, whatever the guest made.
    fn copy<'py>(&self, py: Python<'py>, path: &str, to: PathBuf) -> Result<Bound<'py, PyAny>> {
        let copied =
            self.on(py, |sandbox| sandbox.copy_files(path, &to), |workspace| workspace.copy_files(path, &to))?;
        listed(py, &copied)
    }

    fn __repr__(&self) -> &'static str {
        "<sandcell.Files>"
    }
}

impl Files {
    fn content(&self, py: Python<'_>, path: &str) -> Result<Vec<u8>> {
        self.on(py, |sandbox| sandbox.read_file(path), |workspace| workspace.read_file(path))
    }

    /// Works on the files while other threads of Python go on.
    fn on<T: Send>(
        &self,
        py: Python<'_>,
        sandbox: impl FnOnce(&mut CoreSandbox) -> sandcell::Result<T> + Send,
        workspace: impl FnOnce(&CoreWorkspace) -> sandcell::Result<T> + Send,
    ) -> Result<T> {
        match &self.of {
            Owner::Sandbox(owner) => {
                let mut taken = owner.get().take()?;
                Ok(detached(py, || sandbox(&mut taken))??)
            }
            Owner::Workspace(owner) => Ok(detached(py, || workspace(owner))??),
        }
    }
}

fn listed<'py>(py: Python<'py>, listing: &Listing) -> Result<Bound<'py, PyAny>> {
    let entries: Result<Vec<_>> = listing.entries.iter().map(|entry| values::make(py, "FileEntry", entry)).collect();
    values::listing(py, entries?, listing.truncated)
}
