//! `Policy` and `Mount`: what a guest may touch, as data.

use crate::fault::{Fault, Result};
use crate::json::{self, type_name};
use crate::limits::{equality, hash};
use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString, PyTuple};
use sandcell::{Access, Clock, Error, Mount as CoreMount, Policy as Core, Seed};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A folder that the guest sees.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Mount {
    pub(crate) core: CoreMount,
}

#[pymethods]
impl Mount {
    /// A folder of the host, read-only unless `access` is `"rw"`.
    #[staticmethod]
    #[pyo3(signature = (host, guest, access = "ro", *, symlinks = false))]
    fn host(host: PathBuf, guest: &str, access: &str, symlinks: bool) -> Result<Mount> {
        let mut core = CoreMount::host(host, guest, parse_access(access)?)?;
        if let CoreMount::Host { symlinks: granted, .. } = &mut core {
            *granted = symlinks;
        }
        Ok(Mount { core })
    }

    /// A folder of the host whose changes stay in memory.
    #[staticmethod]
    fn overlay(host: PathBuf, guest: &str) -> Result<Mount> {
        Ok(Mount { core: CoreMount::overlay(host, guest)? })
    }

    /// A folder in memory, empty or with `files` by their path below it.
    #[staticmethod]
    #[pyo3(signature = (guest, files = None, access = "rw"))]
    fn memory(guest: &str, files: Option<&Bound<'_, PyDict>>, access: &str) -> Result<Mount> {
        let mut contents = BTreeMap::new();
        for (path, content) in files.into_iter().flatten() {
            let path = path.extract::<String>().map_err(|_| Fault::argument("files", "a path is no string"))?;
            contents.insert(path, content_bytes("files", &content)?);
        }
        Ok(Mount { core: CoreMount::memory_with(guest, contents, parse_access(access)?)? })
    }

    /// Where the guest sees it.
    #[getter]
    fn guest(&self) -> &str {
        self.core.guest().as_str()
    }

    /// Its JSON form.
    fn to_dict<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(json::to_python(py, &json::of(&self.core)?)?)
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp, py: Python<'_>) -> PyResult<Py<PyAny>> {
        equality(py, op, other.cast::<Mount>().ok().map(|other| other.get().core == self.core))
    }

    fn __hash__(&self) -> u64 {
        hash(&self.core.guest())
    }

    fn __repr__(&self) -> String {
        let guest = self.core.guest();
        match &self.core {
            CoreMount::Host { host, access, .. } => format!("Mount.host({host:?}, \"{guest}\", \"{}\")", word(*access)),
            CoreMount::Overlay { host, .. } => format!("Mount.overlay({host:?}, \"{guest}\")"),
            CoreMount::Memory { files, .. } => format!("Mount.memory(\"{guest}\", <{} files>)", files.len()),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let text = document(&slf.get().core)?;
        Ok((slf.get_type().getattr("_from_json")?, PyTuple::new(slf.py(), [text])?))
    }

    #[staticmethod]
    fn _from_json(text: &str) -> Result<Mount> {
        Ok(Mount { core: parse("mount", text)? })
    }
}

/// What a guest may touch; nothing unless it is given.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Policy {
    pub(crate) core: Core,
}

#[pymethods]
impl Policy {
    #[new]
    #[pyo3(signature = (*, mounts = None, env = None, clock = None, seed = None, tools = None))]
    fn new(
        mounts: Option<&Bound<'_, PyAny>>,
        env: Option<&Bound<'_, PyDict>>,
        clock: Option<&Bound<'_, PyAny>>,
        seed: Option<&Bound<'_, PyAny>>,
        tools: Option<&Bound<'_, PyAny>>,
    ) -> Result<Policy> {
        let mut core = grants(Core::new(), Grants { mounts, env, clock, seed })?;
        if let Some(tools) = tools {
            core.tools = parse("argument `tools`", &json::from_python("tools", tools)?.to_string())?;
        }
        Ok(Policy { core })
    }

    /// Reads the JSON form, as text or as a dict.
    #[staticmethod]
    fn from_json(document: &Bound<'_, PyAny>) -> Result<Policy> {
        let core = match document.cast::<PyString>() {
            Ok(text) => parse("policy", text.to_str()?)?,
            Err(_) => parse("policy", &json::from_python("document", document)?.to_string())?,
        };
        Ok(Policy { core })
    }

    /// The JSON form as text.
    fn to_json(&self) -> Result<String> {
        document(&self.core)
    }

    /// The JSON form as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(json::to_python(py, &json::of(&self.core)?)?)
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp, py: Python<'_>) -> PyResult<Py<PyAny>> {
        equality(py, op, other.cast::<Policy>().ok().map(|other| other.get().core == self.core))
    }

    fn __repr__(&self) -> Result<String> {
        Ok(format!("Policy.from_json({})", document(&self.core)?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let text = document(&slf.get().core)?;
        Ok((slf.get_type().getattr("from_json")?, PyTuple::new(slf.py(), [text])?))
    }
}

/// What of a policy is given as arguments of its own.
pub(crate) struct Grants<'a, 'py> {
    pub(crate) mounts: Option<&'a Bound<'py, PyAny>>,
    pub(crate) env: Option<&'a Bound<'py, PyDict>>,
    pub(crate) clock: Option<&'a Bound<'py, PyAny>>,
    pub(crate) seed: Option<&'a Bound<'py, PyAny>>,
}

/// Lays arguments over a policy: mounts are added, the others replace.
pub(crate) fn grants(mut core: Core, given: Grants<'_, '_>) -> Result<Core> {
    if let Some(mounts) = given.mounts {
        for mount in mounts.try_iter().map_err(|_| Fault::argument("mounts", "expected a list of Mount"))? {
            let mount = mount?;
            let mount = mount
                .cast::<Mount>()
                .map_err(|_| Fault::argument("mounts", format!("expected Mount, not {}", type_name(&mount))))?;
            core = core.mount(mount.get().core.clone());
        }
    }
    for (name, value) in given.env.into_iter().flatten() {
        let text = |value: &Bound<'_, PyAny>| {
            let text = value.extract::<String>();
            text.map_err(|_| Fault::argument("env", format!("expected strings, not {}", type_name(value))))
        };
        core = core.env(text(&name)?, text(&value)?);
    }
    if let Some(clock) = given.clock {
        core = core.clock(parse_clock(clock)?);
    }
    if let Some(seed) = given.seed {
        if seed.is_instance_of::<PyBool>() {
            return Err(Fault::argument("seed", "expected an int, not bool"));
        }
        let seed = seed.extract().map_err(|_| Fault::argument("seed", "expected an int of 64 bits, not negative"))?;
        core.seed = Some(Seed(seed));
    }
    Ok(core)
}

fn parse_clock(clock: &Bound<'_, PyAny>) -> Result<Clock> {
    const SHAPE: &str = "expected \"real\", \"frozen\", or the nanoseconds since 1970 at which time stands still";
    if let Ok(text) = clock.cast::<PyString>() {
        return match text.to_str()? {
            "real" => Ok(Clock::Real),
            "frozen" => Ok(Clock::frozen()),
            _ => Err(Fault::value("clock", SHAPE)),
        };
    }
    match clock.extract() {
        Ok(realtime_ns) if !clock.is_instance_of::<PyBool>() => Ok(Clock::Frozen { realtime_ns }),
        _ => Err(Fault::argument("clock", SHAPE)),
    }
}

fn parse_access(access: &str) -> Result<Access> {
    serde_json::from_value(serde_json::Value::String(access.to_owned()))
        .map_err(|_| Fault::value("access", format!("`{access}` is none; there are ro and rw")))
}

fn word(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "ro",
        Access::ReadWrite => "rw",
    }
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::DocumentInvalid { what: what.to_owned(), reason: error.to_string() }.into())
}

fn document<T: serde::Serialize>(what: &T) -> Result<String> {
    Ok(json::of(what)?.to_string())
}

/// Bytes, or text as UTF-8.
pub(crate) fn content_bytes(name: &str, content: &Bound<'_, PyAny>) -> Result<Vec<u8>> {
    if let Ok(bytes) = content.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    if let Ok(text) = content.cast::<PyString>() {
        return Ok(text.to_str()?.as_bytes().to_vec());
    }
    let bytes = content.extract::<Vec<u8>>();
    match bytes {
        Ok(bytes) if content.hasattr("__buffer__")? || content.get_type().name()? == "bytearray" => Ok(bytes),
        _ => Err(Fault::argument(name, format!("expected bytes or str, not {}", type_name(content)))),
    }
}
