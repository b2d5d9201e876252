//! Images of the tests' own, in caches of their own: nothing that a test makes stays in the user's.

use crate::{guests, places};
use sandcell::{CacheDir, Code, Derivation, Engine, Error, Image, Policy, Program, Recipe};
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The Python image in the tests' own cache, from which tests derive what they need.
///
/// # Panics
/// If the image has not been built.
pub fn python() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let cache = places::scratch("images");
        // Other test binaries use it, too.
        let lock = fs::File::create(cache.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let load = || Image::load(&engine(&cache), "python");
        match load() {
            Ok(image) if image.info().digest == guests::python().info().digest => return image,
            _ => {}
        }
        fs::remove_dir_all(&cache).unwrap();
        copy_python(&cache);
        load().unwrap()
    })
}

/// The tests' own cache, once more, as another process would open it.
pub fn python_cache() -> Engine {
    python();
    engine(&places::scratch("images"))
}

/// An engine with this folder as its cache.
pub fn engine(cache: &Path) -> Engine {
    Engine::builder().cache(CacheDir::at(cache)).build().unwrap()
}

/// An image that is gone again when this is dropped.
pub struct Derived(Image);

impl std::ops::Deref for Derived {
    type Target = Image;

    fn deref(&self) -> &Image {
        &self.0
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        let _ = Image::remove(&python_cache(), &self.0.info().name);
    }
}

/// Derives from the Python image.
///
/// # Errors
/// As of `Image::derive`.
pub fn derive(name: &str, derivation: &Derivation) -> Result<Derived, Error> {
    python().derive(name, derivation, &mut |_| ()).map(Derived)
}

/// Fills a new cache with the user's Python image.
pub fn copy_python(cache: &Path) {
    guests::python();
    copy_image("python", cache);
}

/// Fills a new cache with an image of the user's.
///
/// # Panics
/// If it has not been built.
pub fn copy_image(image: &str, cache: &Path) {
    let user = CacheDir::user().unwrap();
    let private = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path).unwrap();
    let name = fs::read_to_string(user.path().join("names").join(image)).unwrap();
    let mut digests = name.split_whitespace();
    for (kind, entry) in [("images", digests.next().unwrap()), ("artifacts", digests.next().unwrap()), ("names", image)]
    {
        private(&cache.join(kind));
        let copied =
            Command::new("cp").arg("-a").arg(user.path().join(kind).join(entry)).arg(cache.join(kind)).status();
        assert!(copied.unwrap().success(), "{kind}");
    }
}

/// A small image, whose sandboxes print how many runs they have had. Its memory takes 100 kB on disk.
pub struct Small {
    folder: tempfile::TempDir,
    recipe: Recipe,
}

impl Small {
    /// Its source, in a folder.
    pub fn prepare() -> Small {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("small.wasm");
        fs::write(&module, wat::parse_str(module_text()).unwrap()).unwrap();
        let sum = Command::new("sha256sum").arg(&module).output().unwrap().stdout;
        let sha256 = String::from_utf8(sum).unwrap().split_whitespace().next().unwrap().to_owned();
        let recipe = format!(
            "name = \"small\"\nlanguage = \"wasm\"\n\
             [module]\nfrom = \"small.wasm\"\nsha256 = \"{sha256}\"\n\
             [source]\nregistry = \"none\"\npackage = \"small\"\nversion = \"1\"\nfile = \"small.wasm\"\nsha256 = \"{sha256}\"\n\
             [program]\nargv0 = \"small\"\n"
        );
        Small { folder, recipe: Recipe::parse(&recipe).unwrap() }
    }

    /// Builds it, or finds it built.
    ///
    /// # Errors
    /// As of `Image::build`.
    pub fn build(&self, engine: &Engine) -> Result<Image, Error> {
        Image::build(engine, &self.recipe, self.folder.path(), &mut |_| ())
    }
}

fn module_text() -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 4)
            (data (i32.const 0) "0\n")
            (data (i32.const 8) "\00\00\00\00\02\00\00\00")
            (data (i32.const 100000) "{}")
            (func (export "host_alloc") (param i32) (result i32) (i32.const 4096))
            (func (export "turn") (param i32 i32) (result i32)
                (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
                (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))"#,
        "x".repeat(100_000)
    )
}

/// Holds when the image works and its sandboxes start from nothing.
pub fn check_small(image: &Image) {
    for _ in 0..2 {
        let mut sandbox = guests::sandbox(image, Policy::new(), sandcell::Limits::new());
        for expected in ["1\n", "2\n"] {
            let outcome = sandbox.run(Program::code("")).unwrap();
            assert_eq!((outcome.is_success(), &*outcome.stdout_text()), (true, expected), "{outcome:?}");
        }
    }
}

/// Whether an image is there, whole. Anything but whole or missing fails.
pub fn is_there(engine: &Engine, name: &str) -> bool {
    match Image::load(engine, name) {
        Ok(_) => true,
        Err(error) if error.code() == Code::ImageMissing => false,
        Err(error) => panic!("{name} is neither there nor missing: {error}"),
    }
}

/// What lies in a cache that no build has finished.
pub fn unfinished(cache: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["artifacts", "images", "names"] {
        let Ok(entries) = fs::read_dir(cache.join(kind)) else { continue };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| name.starts_with('.')).map(|name| format!("{kind}/{name}")));
    }
    found
}
