//! `Sandbox`: one live guest with its limits and policy, and the runs in it.

use crate::around::Around;
use crate::drive;
use crate::engine::{Engine, refuse_pickling};
use crate::fault::Result;
use crate::files::{Files, Owner};
use crate::follow::Events;
use crate::held::{Held, Place, Taken};
use crate::image::{Image, image_of};
use crate::limits::{self, Limits};
use crate::outcome::Outcome;
use crate::policy::{Grants, Policy, grants};
use crate::program::Source;
use crate::resume::{results, token};
use crate::shutdown::{self, detached};
use crate::snapshot::Snapshot;
use crate::tasks::Job;
use crate::tools::Handed;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use sandcell::{Image as CoreImage, Limits as CoreLimits, Policy as CorePolicy, Sandbox as Core, SandboxBuilder};
use std::sync::Arc;

/// The arguments of `Sandbox` besides the limits, for messages.
const ARGUMENTS: [&str; 11] =
    ["image", "engine", "policy", "limits", "mounts", "env", "clock", "seed", "tools", "gate", "compile_limits"];

/// An isolated place to run programs in.
#[pyclass(module = "sandcell", frozen, weakref)]
pub(crate) struct Sandbox {
    place: Arc<Place>,
    image: CoreImage,
    limits: CoreLimits,
    policy: CorePolicy,
    engine: Py<Engine>,
}

impl Sandbox {
    pub(crate) fn of(core: Core, engine: Py<Engine>, policy: CorePolicy) -> Sandbox {
        Sandbox::holding(Held::Own(Box::new(core)), engine, policy)
    }

    pub(crate) fn holding(held: Held, engine: Py<Engine>, policy: CorePolicy) -> Sandbox {
        let (image, limits) = (held.image().clone(), held.limits().clone());
        Sandbox { place: Place::new(held), image, limits, policy, engine }
    }

    fn around(&self) -> Arc<Around> {
        Around::thread(self.place.cancel_handle())
    }

    pub(crate) fn take(&self) -> Result<Taken> {
        Ok(self.place.take()?)
    }
}

#[pymethods]
impl Sandbox {
    #[new]
    #[pyo3(signature = (image = None, *, engine = None, policy = None, limits = None, mounts = None, env = None, clock = None, seed = None, tools = None, gate = None, compile_limits = None, **limit))]
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
        limit: Option<&Bound<'py, PyDict>>,
    ) -> Result<Sandbox> {
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
        let plan = Plan::of(py, given, &ARGUMENTS)?;
        let core = detached(py, || plan.builder.build())??;
        Ok(Sandbox::of(core, plan.engine.unbind(), plan.policy))
    }

    /// Runs one program and returns how it ended. A script's failure is an outcome, not an exception.
    #[pyo3(signature = (code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    pub(crate) fn run(
        &self,
        py: Python<'_>,
        code: Option<&Bound<'_, PyAny>>,
        files: Option<&Bound<'_, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'_, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
    ) -> Result<Outcome> {
        let program = Source { code, files, entry, name, flags }.program(args, stdin)?;
        let mut taken = self.take()?;
        let core = drive::run(py, self.place.cancel_handle(), Some(self.around()), taken.run_async(program))??;
        Ok(Outcome { core })
    }

    /// Runs one program up to its very end, exit handlers included, and then ends the session.
    #[pyo3(signature = (code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn run_to_end(
        &self,
        py: Python<'_>,
        code: Option<&Bound<'_, PyAny>>,
        files: Option<&Bound<'_, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'_, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
    ) -> Result<Outcome> {
        let program = Source { code, files, entry, name, flags }.program(args, stdin)?;
        let mut taken = self.take()?;
        let core = drive::run(py, self.place.cancel_handle(), Some(self.around()), taken.run_to_end_async(program))??;
        Ok(Outcome { core })
    }

    /// Runs one program while the event loop goes on. When the task is cancelled, so is the guest.
    #[pyo3(signature = (code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    pub(crate) fn run_async<'py>(
        slf: &Bound<'py, Self>,
        code: Option<&Bound<'py, PyAny>>,
        files: Option<&Bound<'py, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'py, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let program = Source { code, files, entry, name, flags }.program(args, stdin)?;
        let this = slf.get();
        let mut taken = this.take()?;
        let cancel = this.place.cancel_handle().clone();
        let around = Around::task(slf.py(), &cancel)?;
        let keep = slf.clone().unbind();
        let job = Job::run(cancel, around, async move {
            let outcome = taken.run_async(program).await;
            drop(taken);
            Job::ending(move |py| {
                drop(keep);
                Ok(Py::new(py, Outcome { core: outcome? })?.into_any())
            })
        });
        shutdown::awaitable(slf.py(), "result_of", job)
    }

    /// Starts a program whose output, calls of tools, files and artifacts are told while it runs.
    #[pyo3(signature = (code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn follow(
        &self,
        code: Option<&Bound<'_, PyAny>>,
        files: Option<&Bound<'_, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'_, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
    ) -> Result<Events> {
        let program = Source { code, files, entry, name, flags }.program(args, stdin)?;
        let cancel = self.place.cancel_handle().clone();
        Ok(Events::of(self.take()?, cancel, move |sandbox| sandbox.follow(program)))
    }

    /// The same up to the program's very end, as `run_to_end`.
    #[pyo3(signature = (code = None, *, files = None, entry = None, args = None, name = None, stdin = None, flags = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn follow_to_end(
        &self,
        code: Option<&Bound<'_, PyAny>>,
        files: Option<&Bound<'_, PyAny>>,
        entry: Option<&str>,
        args: Option<&Bound<'_, PyAny>>,
        name: Option<String>,
        stdin: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
    ) -> Result<Events> {
        let program = Source { code, files, entry, name, flags }.program(args, stdin)?;
        let cancel = self.place.cancel_handle().clone();
        Ok(Events::of(self.take()?, cancel, move |sandbox| sandbox.follow_to_end(program)))
    }

    /// Goes on with a run that is suspended: `results` are those of its calls, by their numbers; an
    /// exception among them fails its call as if the tool had raised it.
    fn resume(&self, py: Python<'_>, run: &Bound<'_, PyAny>, results: &Bound<'_, PyDict>) -> Result<Outcome> {
        let (token, results) = (token(run)?, self::results(results)?);
        let mut taken = self.take()?;
        let resumed = taken.resume_async(&token, results);
        let core = drive::run(py, self.place.cancel_handle(), Some(self.around()), resumed)??;
        Ok(Outcome { core })
    }

    /// The same while the event loop goes on.
    fn resume_async<'py>(
        slf: &Bound<'py, Self>,
        run: &Bound<'py, PyAny>,
        results: &Bound<'py, PyDict>,
    ) -> Result<Bound<'py, PyAny>> {
        let (token, results) = (token(run)?, self::results(results)?);
        let this = slf.get();
        let mut taken = this.take()?;
        let cancel = this.place.cancel_handle().clone();
        let around = Around::task(slf.py(), &cancel)?;
        let keep = slf.clone().unbind();
        let job = Job::run(cancel, around, async move {
            let outcome = taken.resume_async(&token, results).await;
            drop(taken);
            Job::ending(move |py| {
                drop(keep);
                Ok(Py::new(py, Outcome { core: outcome? })?.into_any())
            })
        });
        shutdown::awaitable(slf.py(), "result_of", job)
    }

    /// Follows a run that was followed before it was suspended: the events since then.
    fn resume_following(&self, run: &Bound<'_, PyAny>, results: &Bound<'_, PyDict>) -> Result<Events> {
        let (token, results) = (token(run)?, self::results(results)?);
        let cancel = self.place.cancel_handle().clone();
        Ok(Events::of(self.take()?, cancel, move |sandbox| sandbox.resume_following(&token, results)))
    }

    /// Ends the run that is suspended, if there is one, and with it a session.
    fn discard(&self, py: Python<'_>) -> Result<()> {
        let mut taken = self.take()?;
        detached(py, || taken.discard())
    }

    /// Ends the run under way, from any thread. Returns whether there was one.
    fn cancel(&self) -> bool {
        self.place.cancel_handle().cancel()
    }

    /// Ends the session as its interpreter would: exit handlers run, open files are written out.
    fn finish(&self, py: Python<'_>) -> Result<Outcome> {
        let mut taken = self.take()?;
        let core = drive::run(py, self.place.cancel_handle(), Some(self.around()), taken.close_async())??;
        Ok(Outcome { core })
    }

    /// Gives everything back at once; a run under way is cancelled. Closing twice is fine.
    fn close(&self) {
        release(self.place.close());
    }

    /// True after `close`.
    #[getter]
    pub(crate) fn closed(&self) -> bool {
        self.place.is_closed()
    }

    /// Saves the session as it is now, between two runs. The session goes on.
    fn snapshot(&self, py: Python<'_>) -> Result<Snapshot> {
        let mut taken = self.take()?;
        let core = detached(py, || taken.snapshot())??;
        let (policy, limits) = (self.policy.clone(), self.limits.clone());
        Ok(Snapshot { core, engine: self.engine.clone_ref(py), policy, limits })
    }

    /// A copy of the session, which goes on from here by itself.
    fn fork(&self, py: Python<'_>) -> Result<Sandbox> {
        let mut taken = self.take()?;
        let fork = detached(py, || taken.fork())??;
        Ok(Sandbox::of(fork, self.engine.clone_ref(py), self.policy.clone()))
    }

    /// The files of the sandbox, from outside.
    #[getter]
    fn files(slf: Py<Self>) -> Files {
        Files { of: Owner::Sandbox(slf) }
    }

    /// The image it was made from.
    #[getter]
    fn image(&self, py: Python<'_>) -> Image {
        Image { core: self.image.clone(), engine: self.engine.clone_ref(py) }
    }

    /// The limits in force.
    #[getter]
    fn limits(&self) -> Limits {
        Limits { core: self.limits.clone() }
    }

    /// What the guest may touch.
    #[getter]
    fn policy(&self) -> Policy {
        Policy { core: self.policy.clone() }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, exception: &Bound<'_, PyTuple>) {
        let _ = exception;
        self.close();
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        shutdown::awaitable(slf.py(), "at_once", slf)
    }

    #[pyo3(signature = (*exception))]
    fn __aexit__<'py>(&self, py: Python<'py>, exception: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        let _ = exception;
        self.close();
        shutdown::awaitable(py, "at_once", py.None())
    }

    fn __repr__(&self) -> String {
        let state = if self.place.is_closed() { " (closed)" } else { "" };
        format!("<sandcell.Sandbox of {:?}{state}>", self.image.info().name)
    }

    fn __reduce__(&self) -> Result<()> {
        Err(refuse_pickling("Sandbox"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        release(self.place.close());
    }
}

/// Drops a sandbox without the interpreter's lock: putting its memory back takes a while.
fn release(held: Option<Held>) {
    if let Some(held) = held {
        let _ = Python::try_attach(|py| detached(py, move || drop(held)));
    }
}

/// What `Sandbox` and `Pool` are told about the sandboxes to make.
pub(crate) struct Given<'a, 'py> {
    pub(crate) image: Option<&'a Bound<'py, PyAny>>,
    pub(crate) engine: Option<&'a Bound<'py, Engine>>,
    pub(crate) policy: Option<&'a Policy>,
    pub(crate) limits: Option<&'a Limits>,
    pub(crate) grants: Grants<'a, 'py>,
    pub(crate) handed: Handed,
    pub(crate) compile_limits: Option<&'a Bound<'py, PyDict>>,
    pub(crate) limit: Option<&'a Bound<'py, PyDict>>,
}

/// The same, checked.
pub(crate) struct Plan<'py> {
    pub(crate) builder: SandboxBuilder,
    pub(crate) engine: Bound<'py, Engine>,
    pub(crate) policy: CorePolicy,
}

impl<'py> Plan<'py> {
    pub(crate) fn of(py: Python<'py>, given: Given<'_, 'py>, arguments: &[&str]) -> Result<Plan<'py>> {
        let mut ceilings = given.limits.map_or_else(CoreLimits::new, |limits| limits.core.clone());
        limits::set_all(&mut ceilings, given.limit, arguments)?;
        let policy = match given.policy {
            Some(policy) => policy.core.clone(),
            None => CorePolicy::new().tools(given.handed.policy()),
        };
        let policy = grants(policy, given.grants)?;
        let (image, engine) = match given.image {
            Some(image) => image_of(image, given.engine)?,
            None => image_of(pyo3::intern!(py, "python").as_any(), given.engine)?,
        };
        let builder = Core::builder(&image).policy(policy.clone()).limits(ceilings);
        let builder = given.handed.to(builder.compile_limits(limits::for_compiling(given.compile_limits)?));
        Ok(Plan { builder, engine, policy })
    }
}
