//! `Snapshot`: the saved state of a session between two runs.

use crate::engine::Engine;
use crate::fault::{Fault, Result};
use crate::image::{Image, image_of};
use crate::json;
use crate::limits::{self, Limits};
use crate::policy::{Grants, Policy, grants};
use crate::quantity;
use crate::sandbox::Sandbox;
use crate::shutdown::detached;
use crate::tools::Handed;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use sandcell::{Error, Limits as CoreLimits, Policy as CorePolicy, Snapshot as Core, SnapshotKey};
use std::path::PathBuf;

/// The arguments of `fork` besides the limits, for messages.
const ARGUMENTS: [&str; 9] = ["policy", "limits", "mounts", "env", "clock", "seed", "tools", "gate", "reseed"];

/// The saved state of a session: variables, imports, heap and files.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Snapshot {
    pub(crate) core: Core,
    pub(crate) engine: Py<Engine>,
    pub(crate) policy: CorePolicy,
    pub(crate) limits: CoreLimits,
}

#[pymethods]
impl Snapshot {
    /// A new sandbox that starts from it, with the policy and the limits of the one it was taken of
    /// unless others are given. It goes on with the session's random numbers unless `reseed`.
    #[pyo3(signature = (*, policy = None, limits = None, mounts = None, env = None, clock = None, seed = None, tools = None, gate = None, reseed = false, **limit))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn fork(
        &self,
        py: Python<'_>,
        policy: Option<&Policy>,
        limits: Option<&Limits>,
        mounts: Option<&Bound<'_, PyAny>>,
        env: Option<&Bound<'_, PyDict>>,
        clock: Option<&Bound<'_, PyAny>>,
        seed: Option<&Bound<'_, PyAny>>,
        tools: Option<&Bound<'_, PyAny>>,
        gate: Option<&Bound<'_, PyAny>>,
        reseed: bool,
        limit: Option<&Bound<'_, PyDict>>,
    ) -> Result<Sandbox> {
        let handed = Handed::of(tools, gate)?;
        let policy = match policy {
            Some(policy) => policy.core.clone(),
            None if tools.is_some() => self.policy.clone().tools(handed.policy()),
            None => self.policy.clone(),
        };
        let policy = grants(policy, Grants { mounts, env, clock, seed })?;
        let mut ceilings = limits.map_or_else(|| self.limits.clone(), |limits| limits.core.clone());
        limits::set_all(&mut ceilings, limit, &ARGUMENTS)?;
        self.here()?;
        let builder = self.core.restore().policy(policy.clone()).limits(ceilings).reseed(reseed);
        let builder = handed.to(builder);
        let sandbox = detached(py, || builder.build())??;
        Ok(Sandbox::of(sandbox, self.engine.clone_ref(py), policy))
    }

    /// Several at once.
    fn fork_many(&self, py: Python<'_>, count: &Bound<'_, PyAny>) -> Result<Vec<Sandbox>> {
        self.here()?;
        let count = quantity::count("count", count)?;
        let forks = detached(py, || self.core.fork_many(count))??;
        Ok(forks.into_iter().map(|fork| Sandbox::of(fork, self.engine.clone_ref(py), self.policy.clone())).collect())
    }

    /// Its byte form, sealed if there is a `key`.
    #[pyo3(signature = (key = None))]
    fn to_bytes<'py>(&self, py: Python<'py>, key: Option<&Bound<'py, PyAny>>) -> Result<Bound<'py, PyBytes>> {
        let key = self::key(key)?;
        let bytes = detached(py, || self.core.to_bytes(key.as_ref()))??;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Reads the byte form of a snapshot of `image`.
    #[staticmethod]
    #[pyo3(signature = (data, *, image = None, key = None, limits = None, engine = None))]
    fn from_bytes(
        py: Python<'_>,
        data: &[u8],
        image: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        limits: Option<&Limits>,
        engine: Option<&Bound<'_, Engine>>,
    ) -> Result<Snapshot> {
        let key = self::key(key)?;
        Snapshot::read(py, image, limits, engine, |image, limits| Core::from_bytes(image, data, key.as_ref(), limits))
    }

    /// Writes the byte form into a file, which is there completely or not at all.
    #[pyo3(signature = (path, key = None))]
    fn save(&self, py: Python<'_>, path: PathBuf, key: Option<&Bound<'_, PyAny>>) -> Result<()> {
        let key = self::key(key)?;
        Ok(detached(py, || self.core.save(&path, key.as_ref()))??)
    }

    /// Reads a file written by `save`.
    #[staticmethod]
    #[pyo3(signature = (path, *, image = None, key = None, limits = None, engine = None))]
    fn load(
        py: Python<'_>,
        path: PathBuf,
        image: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        limits: Option<&Limits>,
        engine: Option<&Bound<'_, Engine>>,
    ) -> Result<Snapshot> {
        let key = self::key(key)?;
        Snapshot::read(py, image, limits, engine, |image, limits| Core::load(image, &path, key.as_ref(), limits))
    }

    /// The image that it is a snapshot of.
    #[getter]
    fn image(&self, py: Python<'_>) -> Image {
        Image { core: self.core.image().clone(), engine: self.engine.clone_ref(py) }
    }

    /// The limits of its forks.
    #[getter]
    fn limits(&self) -> Limits {
        Limits { core: self.limits.clone() }
    }

    fn __repr__(&self) -> String {
        format!("<sandcell.Snapshot of {:?}>", self.core.image().info().name)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let Snapshot { core, policy, limits, .. } = slf.get();
        let bytes = slf.get().to_bytes(py, None)?;
        let name = &core.image().info().name;
        let limits = json::to_python(py, &json::of(limits)?)?;
        let arguments = (name, bytes, json::of(policy)?.to_string(), limits).into_pyobject(py)?;
        Ok((slf.get_type().getattr("_unpickle")?, arguments))
    }

    /// Grants nothing new: the policy is that of the pickle, whose sender chose it.
    #[staticmethod]
    fn _unpickle(
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        data: &[u8],
        policy: &str,
        limits: &Bound<'_, PyDict>,
    ) -> Result<Snapshot> {
        let mut ceilings = CoreLimits::new();
        limits::set_all(&mut ceilings, Some(limits), &[])?;
        let limits = Limits { core: ceilings };
        let snapshot = Snapshot::from_bytes(py, data, Some(image), None, Some(&limits), None)?;
        let policy = serde_json::from_str(policy)
            .map_err(|error| Error::DocumentInvalid { what: "policy".into(), reason: error.to_string() })?;
        Ok(Snapshot { policy, ..snapshot })
    }
}

impl Snapshot {
    fn read(
        py: Python<'_>,
        image: Option<&Bound<'_, PyAny>>,
        limits: Option<&Limits>,
        engine: Option<&Bound<'_, Engine>>,
        read: impl FnOnce(&sandcell::Image, &CoreLimits) -> Result<Core, Error> + Send,
    ) -> Result<Snapshot> {
        let python = pyo3::types::PyString::new(py, "python").into_any();
        let (image, engine) = image_of(image.unwrap_or(&python), engine)?;
        let limits = limits.map_or_else(CoreLimits::new, |limits| limits.core.clone());
        let core = detached(py, || read(&image, &limits))??;
        Ok(Snapshot { core, engine: engine.unbind(), policy: CorePolicy::new(), limits })
    }

    fn here(&self) -> Result<()> {
        self.engine.get().core()?;
        Ok(())
    }
}

/// A secret of 16 to 1024 bytes.
pub(crate) fn key(secret: Option<&Bound<'_, PyAny>>) -> Result<Option<SnapshotKey>> {
    let Some(secret) = secret else { return Ok(None) };
    match secret.cast::<PyBytes>() {
        Ok(bytes) => Ok(Some(SnapshotKey::new(bytes.as_bytes())?)),
        Err(_) => Err(Fault::argument("key", "expected bytes")),
    }
}
