//! `Pool`: ready sandboxes of one kind.

use crate::drive;
use crate::engine::{Engine, refuse_pickling};
use crate::fault::{Fault, Result};
use crate::held::{Held, same_process};
use crate::limits::Limits;
use crate::policy::{Grants, Policy};
use crate::quantity;
use crate::sandbox::{Given, Plan, Sandbox};
use crate::shutdown::{self, detached};
use crate::tasks::Job;
use crate::tools::Handed;
use crate::values;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use sandcell::{Error, Policy as CorePolicy, Pool as Core, Pooled, Unit};
use std::time::Duration;

/// The arguments of `Pool` besides the limits, for messages.
const ARGUMENTS: [&str; 14] = [
    "image",
    "engine",
    "policy",
    "limits",
    "mounts",
    "env",
    "clock",
    "seed",
    "max_sandboxes",
    "max_host_bytes",
    "max_ready",
    "tools",
    "gate",
    "compile_limits",
];

/// Sandboxes of one kind, made before they are asked for. A used one is never handed out again.
#[pyclass(module = "sandcell", frozen, weakref)]
pub(crate) struct Pool {
    core: Mutex<Option<Core>>,
    engine: Py<Engine>,
    policy: CorePolicy,
    process: u32,
}

#[pymethods]
impl Pool {
    #[new]
    #[pyo3(signature = (image = None, *, engine = None, policy = None, limits = None, mounts = None, env = None, clock = None, seed = None, tools = None, gate = None, compile_limits = None, max_sandboxes = None, max_host_bytes = None, max_ready = None, **limit))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new<'py>(
        py: Python<'py>,
        image: Option<&Bound<'py, PyAny>>,
        engine: Option<&Bound<'py, Engine>>,
        policy: Option<&Policy>,
        limits: Option<&Limits>,
        mounts: Option<&Bound<'py, PyAny>>,
        env: Option<&Bound<'py, PyDict>>,
        clock: Option<&Bound<'py, PyAny>>,
        seed: Option<&Bound<'py, PyAny>>,
        tools: Option<&Bound<'py, PyAny>>,
        gate: Option<&Bound<'py, PyAny>>,
        compile_limits: Option<&Bound<'py, PyDict>>,
        max_sandboxes: Option<&Bound<'py, PyAny>>,
        max_host_bytes: Option<&Bound<'py, PyAny>>,
        max_ready: Option<&Bound<'py, PyAny>>,
        limit: Option<&Bound<'py, PyDict>>,
    ) -> Result<Pool> {
        let handed = Handed::of(tools, gate)?;
        let given = Given {
            image,
            engine,
            policy,
            limits,
            grants: Grants { mounts, env, clock, seed },
            handed,
            compile_limits,
            limit,
        };
        let Plan { builder, engine, policy } = Plan::of(py, given, &ARGUMENTS)?;
        let mut pool = Core::builder(builder);
        if let Some(count) = max_sandboxes {
            pool = pool.max_sandboxes(quantity::count("max_sandboxes", count)?);
        }
        if let Some(bytes) = max_host_bytes {
            pool = pool.max_host_bytes(quantity::number("max_host_bytes", Unit::Bytes, bytes)?);
        }
        if let Some(count) = max_ready {
            pool = pool.max_ready(quantity::count("max_ready", count)?);
        }
        let core = detached(py, || pool.build())??;
        let process = std::process::id();
        Ok(Pool { core: Mutex::new(Some(core)), engine: engine.unbind(), policy, process })
    }

    /// A sandbox that nobody had before. Where a cap is reached, the thread waits up to `within`.
    #[pyo3(signature = (within = None))]
    fn acquire(&self, py: Python<'_>, within: Option<&Bound<'_, PyAny>>) -> Result<Sandbox> {
        let (core, within) = (self.core()?, duration(within)?);
        let pooled = match within {
            None => detached(py, || core.acquire())??,
            Some(within) => drive::wait(py, core.acquire_async(within))??,
        };
        Ok(self.sandbox(py, pooled))
    }

    /// The same while the event loop goes on.
    #[pyo3(signature = (within = None))]
    fn acquire_async<'py>(slf: &Bound<'py, Self>, within: Option<&Bound<'py, PyAny>>) -> Result<Bound<'py, PyAny>> {
        let (core, within) = (slf.get().core()?, duration(within)?.unwrap_or_default());
        let pool = slf.clone().unbind();
        let job = Job::wait(async move {
            let pooled = core.acquire_async(within).await;
            Job::ending(move |py| Ok(Py::new(py, pool.get().sandbox(py, pooled?))?.into_any()))
        });
        shutdown::awaitable(slf.py(), "result_of", job)
    }

    /// What the pool holds, and what it has done so far.
    fn metrics<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        values::make(py, "PoolMetrics", &self.core()?.metrics())
    }

    /// Drops ready sandboxes that are no longer in demand and makes those that are missing.
    fn tend(&self, py: Python<'_>) -> Result<()> {
        let core = self.core()?;
        detached(py, || core.tend())
    }

    /// Drops the ready sandboxes. Those in use live on until they are closed.
    fn close(&self) {
        let core = self.core.lock().take();
        let _ = Python::try_attach(|py| detached(py, move || drop(core)));
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, exception: &Bound<'_, PyTuple>) {
        let _ = exception;
        self.close();
    }

    fn __repr__(&self) -> String {
        match &*self.core.lock() {
            Some(core) => format!("<sandcell.Pool {:?}>", core.metrics()),
            None => "<sandcell.Pool (closed)>".to_owned(),
        }
    }

    fn __reduce__(&self) -> Result<()> {
        Err(refuse_pickling("Pool"))
    }
}

impl Pool {
    fn core(&self) -> Result<Core> {
        same_process(self.process)?;
        let core = self.core.lock().clone();
        Ok(core.ok_or(Error::SandboxUnusable { reason: "the pool was closed" })?)
    }

    fn sandbox(&self, py: Python<'_>, pooled: Pooled) -> Sandbox {
        Sandbox::holding(Held::Pooled(Box::new(pooled)), self.engine.clone_ref(py), self.policy.clone())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

fn duration(within: Option<&Bound<'_, PyAny>>) -> Result<Option<Duration>, Fault> {
    let Some(within) = within else { return Ok(None) };
    Ok(Some(Duration::from_millis(quantity::number("within", Unit::Milliseconds, within)?)))
}
