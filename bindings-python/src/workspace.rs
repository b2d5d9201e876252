//! `Workspace`: files that sandboxes of several languages have in turn.

use crate::engine::{Engine, refuse_pickling};
use crate::fault::Result;
use crate::files::{Files, Owner};
use crate::image::image_of;
use crate::limits::{self, Limits};
use crate::outcome::Outcome;
use crate::policy::{Grants, Policy, grants};
use crate::sandbox::Sandbox;
use crate::shutdown::detached;
use crate::tools::Handed;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sandcell::{Limits as CoreLimits, Policy as CorePolicy, Workspace as Core};
use std::collections::BTreeMap;

/// The arguments of `Workspace` besides the limits, for messages.
const ARGUMENTS: [&str; 7] = ["engine", "policy", "limits", "mounts", "env", "clock", "seed"];

/// One policy, one set of limits and one file tree for sandboxes of several languages, which run in turn.
#[pyclass(module = "sandcell", frozen, weakref)]
pub(crate) struct Workspace {
    core: Core,
    engine: Option<Py<Engine>>,
    /// By the names of their images.
    sessions: Mutex<BTreeMap<String, Py<Sandbox>>>,
}

#[pymethods]
impl Workspace {
    #[new]
    #[pyo3(signature = (*, engine = None, policy = None, limits = None, mounts = None, env = None, clock = None, seed = None, **limit))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new<'py>(
        py: Python<'py>,
        engine: Option<&Bound<'py, Engine>>,
        policy: Option<&Policy>,
        limits: Option<&Limits>,
        mounts: Option<&Bound<'py, PyAny>>,
        env: Option<&Bound<'py, PyDict>>,
        clock: Option<&Bound<'py, PyAny>>,
        seed: Option<&Bound<'py, PyAny>>,
        limit: Option<&Bound<'py, PyDict>>,
    ) -> Result<Workspace> {
        let mut ceilings = limits.map_or_else(CoreLimits::new, |limits| limits.core.clone());
        limits::set_all(&mut ceilings, limit, &ARGUMENTS)?;
        let policy = policy.map_or_else(CorePolicy::new, |policy| policy.core.clone());
        let policy = grants(policy, Grants { mounts, env, clock, seed })?;
        let core = detached(py, || Core::new(policy, ceilings))??;
        Ok(Workspace::of(core, engine.map(|engine| engine.clone().unbind())))
    }

    /// A new sandbox that shares the workspace's files.
    #[pyo3(signature = (image = None, *, tools = None, gate = None))]
    fn sandbox<'py>(
        &self,
        py: Python<'py>,
        image: Option<&Bound<'py, PyAny>>,
        tools: Option<&Bound<'py, PyAny>>,
        gate: Option<&Bound<'py, PyAny>>,
    ) -> Result<Sandbox> {
        let handed = Handed::of(tools, gate)?;
        let mut policy = self.core.policy().clone();
        if tools.is_some() {
            policy = policy.tools(handed.policy());
        }
        let own = self.engine.as_ref().map(|engine| engine.bind(py));
        let (image, engine) = match image {
            Some(image) => image_of(image, own)?,
            None => image_of(pyo3::intern!(py, "python").as_any(), own)?,
        };
        let builder = handed.to(self.core.sandbox(&image).policy(policy.clone()));
        let core = detached(py, || builder.build())??;
        Ok(Sandbox::of(core, engine.unbind(), policy))
    }

    /// The sandbox in which `run` runs programs of this image: made when it is first asked for, and anew
    /// after it was closed.
    #[pyo3(signature = (image = None))]
    fn session<'py>(&self, py: Python<'py>, image: Option<&str>) -> Result<Py<Sandbox>> {
        let name = image.unwrap_or("python");
        let known = self.sessions.lock().get(name).map(|session| session.clone_ref(py));
        if let Some(session) = known.filter(|session| !session.get().closed()) {
            return Ok(session);
        }
        let given = pyo3::types::PyString::new(py, name).into_any();
        let session = Py::new(py, self.sandbox(py, Some(&given), None, None)?)?;
        let replaced = self.sessions.lock().insert(name.to_owned(), session.clone_ref(py));
        drop(replaced);
        Ok(session)
    }

    /// Runs one program of this image; what it defines is there for its next one.
    #[pyo3(signature = (image, code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn run(
        &self,
        py: Python<'_>,
        image: &str,
        code: Option<&Bound<'_, PyAny>>,
        files: Option<&Bound<'_, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'_, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
    ) -> Result<Outcome> {
        self.session(py, Some(image))?.get().run(py, code, files, entry, args, name, stdin, flags)
    }

    /// The same while the event loop goes on.
    #[pyo3(signature = (image, code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn run_async<'py>(
        &self,
        py: Python<'py>,
        image: &str,
        code: Option<&Bound<'py, PyAny>>,
        files: Option<&Bound<'py, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'py, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'py, PyAny>>,
        flags: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let session = self.session(py, Some(image))?.into_bound(py);
        Sandbox::run_async(&session, code, files, entry, args, name, stdin, flags)
    }

    /// Another workspace that starts with the files of this one, and has none of its sandboxes.
    fn fork(&self, py: Python<'_>) -> Result<Workspace> {
        let core = detached(py, || self.core.fork())??;
        Ok(Workspace::of(core, self.engine.as_ref().map(|engine| engine.clone_ref(py))))
    }

    /// The files that the sandboxes share, from outside.
    #[getter]
    fn files(&self) -> Files {
        Files { of: Owner::Workspace(self.core.clone()) }
    }

    /// The limits in force.
    #[getter]
    fn limits(&self) -> Limits {
        Limits { core: self.core.limits().clone() }
    }

    /// What its sandboxes may touch.
    #[getter]
    fn policy(&self) -> Policy {
        Policy { core: self.core.policy().clone() }
    }

    fn __repr__(&self) -> &'static str {
        "<sandcell.Workspace>"
    }

    fn __reduce__(&self) -> Result<()> {
        Err(refuse_pickling("Workspace"))
    }
}

impl Workspace {
    fn of(core: Core, engine: Option<Py<Engine>>) -> Workspace {
        Workspace { core, engine, sessions: Mutex::default() }
    }
}
