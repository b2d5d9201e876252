//! `Image`: immutable start states, built once and loaded by name.

use crate::engine::{Engine, or_default, refuse_pickling};
use crate::fault::{Fault, Result};
use crate::limits::{self, Limits};
use crate::policy::content_bytes;
use crate::program::Source;
use crate::values::{self, Report};
use crate::{drive, snapshot};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use sandcell::{Derivation, Image as Core, Limits as CoreLimits, Recipe, SnapshotKey, Trust};
use std::path::PathBuf;

/// An immutable start state for sandboxes.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Image {
    pub(crate) core: Core,
    pub(crate) engine: Py<Engine>,
}

impl Image {
    /// An image that was just made or replaced.
    fn remembered(engine: &Bound<'_, Engine>, core: Core) -> Image {
        engine.get().remember(&core);
        Image { core, engine: engine.clone().unbind() }
    }
}

#[pymethods]
impl Image {
    /// An image that was built before; one that comes with the library is built on its first use.
    #[staticmethod]
    #[pyo3(signature = (name, *, engine = None))]
    fn load(py: Python<'_>, name: &str, engine: Option<&Bound<'_, Engine>>) -> Result<Image> {
        let engine = or_default(py, engine)?;
        Ok(Image { core: Engine::image(&engine, name)?, engine: engine.unbind() })
    }

    /// An image of one command module, as binary or as WebAssembly text.
    #[staticmethod]
    #[pyo3(signature = (module, *, name = "module", limits = None, engine = None))]
    fn command(
        py: Python<'_>,
        module: &Bound<'_, PyAny>,
        name: &str,
        limits: Option<&Limits>,
        engine: Option<&Bound<'_, Engine>>,
    ) -> Result<Image> {
        let engine = or_default(py, engine)?;
        let (core, name, module) = (engine.get().core()?.clone(), name.to_owned(), content_bytes("module", module)?);
        let limits = core_limits(limits);
        let image = drive::aside(py, move || Core::command(&core, &name, &module, &limits))??;
        Ok(Image { core: image, engine: engine.unbind() })
    }

    /// Builds the image of a recipe that comes with the library from the folder that holds its source.
    #[staticmethod]
    #[pyo3(signature = (name, source, *, progress = None, engine = None))]
    fn build(
        py: Python<'_>,
        name: &str,
        source: PathBuf,
        progress: Option<Py<PyAny>>,
        engine: Option<&Bound<'_, Engine>>,
    ) -> Result<Image> {
        let engine = or_default(py, engine)?;
        let core = engine.get().core()?.clone();
        let (recipe, name) = (recipe(name)?, name.to_owned());
        let mut report = Report::to(progress);
        let (done, report) = drive::aside(py, move || {
            let done = Core::build(&core, &recipe, &source, &mut |progress| report.tell(progress));
            // By the name of a language the image runs programs in that language.
            let done = done.and_then(|_| Core::load(&core, &name));
            (done, report)
        })?;
        Ok(Image::remembered(&engine, report.end(done)?))
    }

    /// The package that an image which comes with the library is made of; `image` is that image's own name, and
    /// `base` that of the image it goes on from, or empty.
    #[staticmethod]
    fn source_of(py: Python<'_>, name: &str) -> Result<Py<PyDict>> {
        let recipe = recipe(name)?;
        let source = recipe.source();
        let dict = PyDict::new(py);
        dict.set_item("image", recipe.name())?;
        dict.set_item("base", recipe.base().unwrap_or_default())?;
        dict.set_item("registry", &source.registry)?;
        dict.set_item("package", &source.package)?;
        dict.set_item("version", &source.version)?;
        dict.set_item("file", &source.file)?;
        dict.set_item("sha256", &source.sha256)?;
        Ok(dict.unbind())
    }

    /// The names of the images that come with the library as recipes.
    #[staticmethod]
    fn recipes() -> Vec<&'static str> {
        Recipe::builtin_names().collect()
    }

    /// The images that were built on this machine.
    #[staticmethod]
    #[pyo3(signature = (*, engine = None))]
    fn list<'py>(py: Python<'py>, engine: Option<&Bound<'py, Engine>>) -> Result<Bound<'py, PyList>> {
        let images = PyList::empty(py);
        for info in Core::list(or_default(py, engine)?.get().core()?)? {
            images.append(values::make(py, "ImageInfo", &info)?)?;
        }
        Ok(images)
    }

    /// Removes an image from the cache. Sandboxes that use it go on.
    #[staticmethod]
    #[pyo3(signature = (name, *, engine = None))]
    fn remove(py: Python<'_>, name: &str, engine: Option<&Bound<'_, Engine>>) -> Result<()> {
        let engine = or_default(py, engine)?;
        Core::remove(engine.get().core()?, name)?;
        engine.get().forget(name);
        Ok(())
    }

    /// Hashes everything that an image consists of.
    #[staticmethod]
    #[pyo3(signature = (name, *, engine = None))]
    fn verify(py: Python<'_>, name: String, engine: Option<&Bound<'_, Engine>>) -> Result<()> {
        let core = or_default(py, engine)?.get().core()?.clone();
        Ok(drive::aside(py, move || Core::verify(&core, &name))??)
    }

    /// Writes an image into one file and returns its SHA-256.
    #[staticmethod]
    #[pyo3(signature = (name, path, *, key = None, progress = None, engine = None))]
    fn export(
        py: Python<'_>,
        name: String,
        path: PathBuf,
        key: Option<&Bound<'_, PyAny>>,
        progress: Option<Py<PyAny>>,
        engine: Option<&Bound<'_, Engine>>,
    ) -> Result<String> {
        let core = or_default(py, engine)?.get().core()?.clone();
        let key = snapshot::key(key)?;
        let mut report = Report::to(progress);
        let (done, report) = drive::aside(py, move || {
            let done = Core::export(&core, &name, &path, key.as_ref(), &mut |progress| report.tell(progress));
            (done, report)
        })?;
        report.end(done)
    }

    /// Takes an exported image into the cache. It holds native code: it must have the SHA-256 that its
    /// publisher names, or be sealed with a key that both sides have.
    #[staticmethod]
    #[pyo3(signature = (path, *, sha256 = None, key = None, limits = None, progress = None, engine = None))]
    fn import_archive(
        py: Python<'_>,
        path: PathBuf,
        sha256: Option<String>,
        key: Option<&Bound<'_, PyAny>>,
        limits: Option<&Limits>,
        progress: Option<Py<PyAny>>,
        engine: Option<&Bound<'_, Engine>>,
    ) -> Result<Image> {
        let engine = or_default(py, engine)?;
        let core = engine.get().core()?.clone();
        let trust = trust(sha256, snapshot::key(key)?)?;
        let limits = core_limits(limits);
        let mut report = Report::to(progress);
        let (done, report) = drive::aside(py, move || {
            let done = Core::import(&core, &path, &trust, &limits, &mut |progress| report.tell(progress));
            (done, report)
        })?;
        Ok(Image::remembered(&engine, report.end(done)?))
    }

    /// Compiles a program and does not run it: what comes of it is a command, of which many sandboxes
    /// can be made. For the images `c` and `cpp`.
    #[pyo3(signature = (code = None, *, files = None, entry = None, name = None, flags = None, compile_limits = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn cc<'py>(
        &self,
        py: Python<'py>,
        code: Option<&Bound<'py, PyAny>>,
        files: Option<&Bound<'py, PyAny>>,
        entry: Option<&str>,
        name: Option<String>,
        flags: Option<&Bound<'py, PyAny>>,
        compile_limits: Option<&Bound<'py, PyDict>>,
    ) -> Result<Bound<'py, PyAny>> {
        let program = Source { code, files, entry, name, flags }.program(None, None)?;
        let (core, limits) = (self.core.clone(), limits::for_compiling(compile_limits)?);
        let made = drive::aside(py, move || core.cc(program, &limits))??;
        let image = made.image.map(|core| Image { core, engine: self.engine.clone_ref(py) });
        let fields = PyDict::new(py);
        fields.set_item("image", image.map(|image| Py::new(py, image)).transpose()?)?;
        fields.set_item("status", values::make(py, "Status", &made.status)?)?;
        let found = made.diagnostics.iter().map(|found| values::make(py, "Diagnostic", found));
        fields.set_item("diagnostics", found.collect::<Result<Vec<_>>>()?)?;
        fields.set_item("text", made.text)?;
        fields.set_item("hint", made.hint)?;
        fields.set_item("compile_ms", made.compile_ms)?;
        fields.set_item("compile_fuel", made.compile_fuel)?;
        Ok(py.import("sandcell._values")?.getattr("Compilation")?.call((), Some(&fields))?)
    }

    /// A fork of this image with more files, in which `setup` has run.
    #[pyo3(signature = (name, *, setup = "", files = None, progress = None))]
    fn derive(
        &self,
        py: Python<'_>,
        name: String,
        setup: &str,
        files: Option<&Bound<'_, PyDict>>,
        progress: Option<Py<PyAny>>,
    ) -> Result<Image> {
        let mut derivation = Derivation::new().setup(setup);
        for (path, content) in files.into_iter().flatten() {
            let path = path.extract::<String>().map_err(|_| Fault::argument("files", "a path is no string"))?;
            derivation = derivation.file(&path, content_bytes("files", &content)?)?;
        }
        let base = self.core.clone();
        let mut report = Report::to(progress);
        let (done, report) = drive::aside(py, move || {
            let done = base.derive(&name, &derivation, &mut |progress| report.tell(progress));
            (done, report)
        })?;
        Ok(Image::remembered(self.engine.bind(py), report.end(done)?))
    }

    /// The name it is loaded by.
    #[getter]
    fn name(&self) -> &str {
        &self.core.info().name
    }

    /// What is known of it.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        values::make(py, "ImageInfo", self.core.info())
    }

    fn __repr__(&self) -> String {
        format!("<sandcell.Image {:?}>", self.name())
    }

    fn __reduce__(&self) -> Result<()> {
        Err(refuse_pickling("Image"))
    }
}

/// An image given as such or by its name, and the engine that it belongs to.
pub(crate) fn image_of<'py>(
    image: &Bound<'py, PyAny>,
    engine: Option<&Bound<'py, Engine>>,
) -> Result<(Core, Bound<'py, Engine>)> {
    if let Ok(image) = image.cast::<Image>() {
        let owner = image.get().engine.bind(image.py()).clone();
        if engine.is_some_and(|engine| !engine.is(&owner)) {
            return Err(Fault::value("engine", "the image belongs to another engine"));
        }
        owner.get().core()?;
        return Ok((image.get().core.clone(), owner));
    }
    let Ok(name) = image.extract::<&str>() else {
        let given = crate::json::type_name(image);
        return Err(Fault::argument("image", format!("expected the name of an image or an Image, not {given}")));
    };
    let engine = or_default(image.py(), engine)?;
    Ok((Engine::image(&engine, name)?, engine))
}

fn recipe(name: &str) -> Result<Recipe> {
    let unknown = || {
        let known = Recipe::builtin_names().collect::<Vec<_>>().join(", ");
        Fault::value("name", format!("there is no recipe of an image `{name}`; there are {known}"))
    };
    Recipe::builtin(name).ok_or_else(unknown)
}

fn trust(sha256: Option<String>, key: Option<SnapshotKey>) -> Result<Trust> {
    match (sha256, key) {
        (Some(sha256), None) => Ok(Trust::sha256(&sha256)?),
        (None, Some(key)) => Ok(Trust::key(&key)),
        _ => Err(Fault::value("sha256", "give either `sha256` or `key`")),
    }
}

fn core_limits(limits: Option<&Limits>) -> CoreLimits {
    limits.map_or_else(CoreLimits::new, |limits| limits.core.clone())
}
