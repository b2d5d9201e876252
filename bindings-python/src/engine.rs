//! `Engine`, and the one that is used where none is given.

use crate::fault::{Fault, Result};
use crate::held::same_process;
use crate::quantity;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBool;
use sandcell::{CacheDir, Code, Engine as Core, Image as CoreImage, Language, Recipe, Unit};
use std::collections::HashMap;
use std::path::PathBuf;

/// Compiler settings, compiled code and loaded images, shared by all sandboxes made from it.
#[pyclass(module = "sandcell", frozen)]
pub(crate) struct Engine {
    core: Core,
    cache: Option<CacheDir>,
    /// Images that were loaded, by name: loading again takes milliseconds.
    images: Mutex<HashMap<String, CoreImage>>,
    process: u32,
}

/// The engine of this process that is used where none is given, and whose it is.
static DEFAULT: Mutex<Option<(u32, Py<Engine>)>> = Mutex::new(None);

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, cache = None, stack_bytes = None, explicit_traps = false, verify_resets = false))]
    fn new(
        cache: Option<&Bound<'_, PyAny>>,
        stack_bytes: Option<&Bound<'_, PyAny>>,
        explicit_traps: bool,
        verify_resets: bool,
    ) -> Result<Engine> {
        let mut builder = Core::builder().explicit_traps(explicit_traps).verify_resets(verify_resets);
        if let Some(bytes) = stack_bytes {
            let bytes = quantity::number("stack_bytes", Unit::Bytes, bytes)?;
            builder = builder.stack_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        let cache = cache_folder(cache)?;
        builder = match &cache {
            Some(folder) => builder.cache(folder.clone()),
            None => builder.no_cache(),
        };
        Ok(Engine { core: builder.build()?, cache, images: Mutex::default(), process: std::process::id() })
    }

    /// The engine that is used where none is given. It is made when it is first needed.
    #[staticmethod]
    pub(crate) fn default(py: Python<'_>) -> Result<Py<Engine>> {
        let process = std::process::id();
        let known = |default: &Option<(u32, Py<Engine>)>| {
            let (_, engine) = default.as_ref().filter(|(owner, _)| *owner == process)?;
            Some(engine.clone_ref(py))
        };
        if let Some(engine) = known(&DEFAULT.lock()) {
            return Ok(engine);
        }
        // Not under the lock: making an object can run the collector, and that anything.
        let engine = Py::new(py, Engine::new(None, None, false, false)?)?;
        let mut default = DEFAULT.lock();
        if let Some(faster) = known(&default) {
            return Ok(faster);
        }
        // That of a process which forked this one is not dropped: its threads are not here.
        std::mem::forget(default.replace((process, engine.clone_ref(py))));
        Ok(engine)
    }

    /// The folder of images and compiled code; `None` when nothing is kept on disk.
    #[getter]
    fn cache(&self) -> Option<PathBuf> {
        self.cache.as_ref().map(|cache| cache.path().to_owned())
    }

    /// How written memory is found when the next guest gets it.
    #[getter]
    fn reset_path(&self) -> Result<&'static str> {
        Ok(self.core()?.reset_path()?)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.core)
    }

    fn __reduce__(&self) -> Result<()> {
        Err(refuse_pickling("Engine"))
    }
}

impl Engine {
    pub(crate) fn core(&self) -> Result<&Core> {
        same_process(self.process)?;
        Ok(&self.core)
    }

    /// A loaded image. One with a recipe of ours that is not there is built on its first use, if its
    /// source is installed.
    pub(crate) fn image(slf: &Bound<'_, Engine>, name: &str) -> Result<CoreImage> {
        let engine = slf.get();
        let core = engine.core()?;
        if let Some(image) = engine.images.lock().get(name) {
            return Ok(image.clone());
        }
        let image = match CoreImage::load(core, name) {
            Ok(image) => image,
            Err(error) if error.code() == Code::ImageMissing && Recipe::builtin(name).is_some() => {
                let first_use = slf.py().import("sandcell._first_use")?;
                let built = first_use.call_method1("build", (slf, name))?;
                if built.is_none() {
                    return Err(error.into());
                }
                CoreImage::load(core, name)?
            }
            Err(error) => return Err(error.into()),
        };
        engine.remember(&image);
        Ok(image)
    }

    /// From now on, the image's name stands for it.
    pub(crate) fn remember(&self, image: &CoreImage) {
        let name = &image.info().name;
        self.forget(name);
        self.images.lock().insert(name.clone(), image.clone());
    }

    /// Forgets the image of this name, also as the one of a language.
    pub(crate) fn forget(&self, name: &str) {
        let runs_on = |other: &str| Language::parse(other).is_some_and(|language| language.image() == name);
        self.images.lock().retain(|other, _| other != name && !runs_on(other));
    }
}

/// The given engine, or the default one.
pub(crate) fn or_default<'py>(py: Python<'py>, engine: Option<&Bound<'py, Engine>>) -> Result<Bound<'py, Engine>> {
    match engine {
        Some(engine) => Ok(engine.clone()),
        None => Ok(Engine::default(py)?.into_bound(py)),
    }
}

/// `None` is the user's folder, `False` none at all.
fn cache_folder(given: Option<&Bound<'_, PyAny>>) -> Result<Option<CacheDir>> {
    let Some(given) = given else { return Ok(Some(CacheDir::user()?)) };
    if let Ok(flag) = given.cast::<PyBool>() {
        return if flag.is_true() { Ok(Some(CacheDir::user()?)) } else { Ok(None) };
    }
    match given.extract::<PathBuf>() {
        Ok(path) => Ok(Some(CacheDir::at(path))),
        Err(_) => Err(Fault::argument("cache", "expected a path, or False to keep nothing on disk")),
    }
}

/// What has a live guest or compiled code behind it stays in its process.
pub(crate) fn refuse_pickling(what: &str) -> Fault {
    let message = format!(
        "a {what} cannot be pickled: it belongs to this process; Limits, Policy, Mount, Outcome and Snapshot can"
    );
    Fault::Python(pyo3::exceptions::PyTypeError::new_err(message))
}
