//! Images: immutable start states, built once from a recipe and loaded by name.

mod archive;
mod build;
mod claims;
mod command;
mod compile;
mod derive;
mod export;
mod files;
mod import;
mod instrument;
mod licences;
mod load;
mod manifest;
mod name;
mod progress;
mod recipe;
mod tar;
mod translator;
mod warm_up;

pub(crate) use claims::needs;
pub use compile::{Compile, Compiler, Join, Patch, PatchError};
pub use derive::Derivation;
pub use import::Trust;
pub use progress::{Progress, Stage};
pub use recipe::{Recipe, Source};

use crate::engine::{self, Digest, Engine, Machine};
use crate::error::Result;
use crate::guest::{Guest, Reactor, Warm};
use crate::language::Language;
use crate::memory::MemoryImage;
use crate::policy::{Access, GuestPath};
use crate::vfs::{self, Bytes, MountPoint};
use crate::wasi::WasiState;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An immutable start state for sandboxes: compiled code and read-only files. A clone is a
/// reference.
#[derive(Clone)]
pub struct Image {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    info: ImageInfo,
    kind: Kind,
    invocation: Invocation,
    files: ImageFiles,
}

/// How guests of an image are made.
pub(crate) enum Kind {
    /// Each run instantiates the module.
    Command(Guest),
    /// Each sandbox is a copy-on-write fork of a warm guest.
    Reactor(Box<Start>),
}

/// What the guests of a reactor's image start from.
pub(crate) struct Start {
    pub(crate) reactor: Reactor,
    pub(crate) warm: Warm,
    pub(crate) wasi: WasiState,
    /// The fingerprint of the machine that compiled the code.
    pub(crate) made_by: Digest,
}

/// What is known of a built image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageInfo {
    /// The name it is loaded by.
    pub name: String,
    /// What it was made from: SHA-256 over recipe, engine settings and version.
    pub digest: String,
    /// The language its programs are written in; `wasm` for a command module.
    pub language: String,
    /// The CPU baseline that its code was compiled for; none if for the very CPU that it was compiled on.
    pub baseline: Option<String>,
    /// Size of its code and files on disk.
    pub bytes: u64,
    /// Where it lies; empty for a module that is not cached.
    pub path: PathBuf,
}

/// How a program becomes arguments and environment of the guest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invocation {
    /// `argv[0]`.
    pub(crate) argv0: String,
    /// The folder in memory for scripts that have a name.
    pub(crate) scripts: Option<GuestPath>,
    /// The image's own environment.
    pub(crate) env: BTreeMap<String, String>,
}

/// The part of the file tree that an image brings along.
#[derive(Default)]
pub(crate) struct ImageFiles {
    pub(crate) folders: Vec<Folder>,
    /// Empty writable folders in memory, made anew for each sandbox.
    pub(crate) memory: Vec<GuestPath>,
}

/// A read-only folder of an image.
pub(crate) struct Folder {
    pub(crate) guest: GuestPath,
    /// It lies below a file, and is found as a preopened directory only.
    pub(crate) detached: bool,
    /// Its files, by their path below it.
    pub(crate) files: Vec<(String, Bytes)>,
}

impl ImageFiles {
    /// The mounts that every guest of the image has, in the order of their descriptors.
    pub(crate) fn mounts(&self) -> Vec<MountPoint> {
        let mut mounts = self.read_only();
        mounts.extend(self.writable());
        mounts
    }

    /// The image's own files.
    pub(crate) fn read_only(&self) -> Vec<MountPoint> {
        let mount = |folder: &Folder| MountPoint {
            guest: folder.guest.clone(),
            source: vfs::Source::Image { files: folder.files.clone(), detached: folder.detached },
        };
        self.folders.iter().map(mount).collect()
    }

    /// The empty folders in memory.
    pub(crate) fn writable(&self) -> Vec<MountPoint> {
        let mount = |guest: &GuestPath| MountPoint {
            guest: guest.clone(),
            source: vfs::Source::Memory { files: Vec::new(), access: Access::ReadWrite },
        };
        self.memory.iter().map(mount).collect()
    }
}

impl Image {
    /// Loads an image that was built before.
    ///
    /// The name of a [`Language`] loads the image that runs it: `typescript` is `javascript` for programs
    /// in TypeScript.
    ///
    /// Its files are compared with the record made when they were written; any difference means
    /// hashing them again.
    ///
    /// # Errors
    /// `image_missing` when it was not built on this machine, or by another version or with other
    /// engine settings; `image_damaged` when its files cannot be trusted.
    pub fn load(engine: &Engine, name: &str) -> Result<Image> {
        load::load(engine, name)
    }

    /// Builds an image from a recipe and the folder that holds its unpacked source package, or
    /// finds that it is built already. Progress is reported often, also while compiling.
    ///
    /// One process builds at a time; the others wait and find the work done. A build that is
    /// killed leaves nothing behind that would be loaded.
    ///
    /// # Errors
    /// `image_damaged` when the source does not have the digests of the recipe;
    /// `cache_unwritable`, `host_io`, `module_invalid`.
    pub fn build(
        engine: &Engine,
        recipe: &Recipe,
        unpacked: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Image> {
        build::build(engine, recipe, unpacked, progress)
    }

    /// Derives an image from this one: a fork of it with more files, in which more code has run, such
    /// as imports. It shares the compiled code, so it is made in the time that the code takes.
    ///
    /// # Errors
    /// `image_setup_failed` with the traceback; `guest_path_invalid`, `cache_unwritable`, `host_io`.
    pub fn derive(&self, name: &str, derivation: &Derivation, progress: &mut dyn FnMut(Progress)) -> Result<Image> {
        derive::derive(self, name, derivation, progress)
    }

    /// Writes a built image into one file and returns the SHA-256 of the
    /// file in hexadecimal digits: what an importer who has no `key` in common needs to be told.
    ///
    /// An image that was built with [`EngineBuilder::cpu_baseline`](crate::EngineBuilder::cpu_baseline)
    /// can be imported on all machines of this system that have the baseline, any other on machines
    /// whose CPU has the features of this one.
    ///
    /// The file appears under its name, closed to other users, when it is complete; one that was
    /// there is replaced. It holds compiled code, memory, files and licences, and what setup code
    /// left in them.
    ///
    /// # Errors
    /// `image_missing`, `image_damaged`, `image_mismatch` on a processor without a named baseline,
    /// `host_io`.
    pub fn export(
        engine: &Engine,
        name: &str,
        to: &Path,
        key: Option<&crate::SnapshotKey>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<String> {
        export::export(engine, name, to, key, progress)
    }

    /// Takes an exported image into the cache, under the name and with the digest that it had, and
    /// loads it. The name then stands for it, whatever it stood for before.
    ///
    /// An archive holds native code, which will run in this process outside of every sandbox: it is
    /// read only as far as comparing it with `trust` needs, until that has succeeded. Then `limits`'
    /// `image_bytes` bounds what it unpacks to. On an error nothing of it stays behind.
    ///
    /// # Errors
    /// `image_untrusted`; `image_mismatch` for another system, processor or version;
    /// `image_exceeds`, `image_damaged`, `cache_unwritable`, `host_io`.
    pub fn import(
        engine: &Engine,
        from: &Path,
        trust: &Trust,
        limits: &crate::Limits,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Image> {
        import::import(engine, from, trust, limits, progress)
    }

    /// An image of one command module: any program compiled for wasm32-wasip1, as binary or as
    /// WebAssembly text. Its compiled code is kept in the engine's cache.
    ///
    /// # Errors
    /// `module_exceeds` (larger than `module_bytes`), `module_invalid`, `import_unknown`,
    /// `export_missing`.
    ///
    /// ```
    /// use sandcell::{Engine, Image, Limits, Program, Sandbox, Status};
    /// let engine = Engine::builder().build()?;
    /// let image = Image::command(&engine, "nothing", br#"(module (func (export "_start")))"#, &Limits::new())?;
    /// let outcome = Sandbox::builder(&image).build()?.run(Program::command())?;
    /// assert_eq!(outcome.status, Status::Exited { code: 0 });
    /// # Ok::<(), sandcell::Error>(())
    /// ```
    pub fn command(engine: &Engine, name: &str, module: &[u8], limits: &crate::Limits) -> Result<Image> {
        command::command(engine, name, module, limits)
    }

    /// What this image's compiler has made, as a command of its own over the same folders in memory.
    pub(crate) fn of_compiled(&self, name: &str, digest: Digest, guest: Guest, bytes: u64) -> Image {
        let Inner { engine, info, invocation, files, .. } = &*self.inner;
        let info = ImageInfo {
            name: name.to_owned(),
            digest: digest.to_string(),
            language: "wasm".into(),
            baseline: info.baseline.clone(),
            bytes,
            path: PathBuf::new(),
        };
        let invocation = Invocation { argv0: name.to_owned(), ..invocation.clone() };
        let files = ImageFiles { folders: Vec::new(), memory: files.memory.clone() };
        Image { inner: Arc::new(Inner { engine: engine.clone(), info, kind: Kind::Command(guest), invocation, files }) }
    }

    /// The images that were built for this engine, by name.
    ///
    /// # Errors
    /// `host_io`.
    pub fn list(engine: &Engine) -> Result<Vec<ImageInfo>> {
        load::list(engine)
    }

    /// Removes an image from the cache. Sandboxes that use it go on.
    ///
    /// # Errors
    /// `image_missing`, `cache_unwritable`.
    pub fn remove(engine: &Engine, name: &str) -> Result<()> {
        load::remove(engine, name)
    }

    /// Removes from the cache what nobody can load any more: images that another one of the same name has
    /// replaced, and what builders left that were killed. Returns how many bytes that were. What was
    /// used in the last ten minutes stays.
    ///
    /// # Errors
    /// `cache_unwritable`, `host_io`.
    pub fn sweep(engine: &Engine) -> Result<u64> {
        load::sweep(engine)
    }

    /// Hashes everything an image consists of, whatever its record says.
    ///
    /// # Errors
    /// `image_missing`, `image_damaged`.
    pub fn verify(engine: &Engine, name: &str) -> Result<()> {
        load::verify(engine, name)
    }

    /// True if building from `recipe` would give this image: not one of another recipe, or of another
    /// version or engine.
    pub fn is_made_by(&self, recipe: &Recipe) -> bool {
        manifest::digest(&self.inner.engine, recipe).is_ok_and(|digest| self.digest() == Some(digest))
    }

    /// The language that its programs are written in; none for a command module.
    pub fn language(&self) -> Option<Language> {
        Language::parse(&self.inner.info.language)
    }

    /// What is known of it.
    pub fn info(&self) -> &ImageInfo {
        &self.inner.info
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.inner.kind
    }

    /// Its content address; none for a module that is not cached as an image.
    pub(crate) fn digest(&self) -> Option<Digest> {
        match self.inner.kind {
            // A module given as bytes lies nowhere.
            Kind::Command(_) if self.inner.info.path.as_os_str().is_empty() => None,
            _ => Digest::parse(&self.inner.info.digest),
        }
    }

    /// Gives back what is kept for guests that start as `memory`.
    pub(crate) fn forget_memory(&self, memory: &Arc<MemoryImage>) {
        if let Ok(Machine { slots: Some(slots), .. }) = self.inner.engine.machine(engine::Start::Image) {
            slots.forget(memory);
        }
    }

    pub(crate) fn invocation(&self) -> &Invocation {
        &self.inner.invocation
    }

    pub(crate) fn files(&self) -> &ImageFiles {
        &self.inner.files
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image").field("info", &self.inner.info).finish_non_exhaustive()
    }
}
