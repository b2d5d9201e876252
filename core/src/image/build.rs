//! Building an image: verify the source, instrument, compile once, warm up, save.

use super::instrument::{self, NotImageable};
use super::manifest::{self, FILES, KIND, LICENCES, MANIFEST, MEMORY, Manifest, ManifestFolder, STATE};
use super::recipe::{DriverKind, Parsed};
use super::warm_up::{Surroundings, WarmUp};
use super::{Image, Progress, Recipe, Stage, derive, files, licences, load};
use crate::engine::{Cache, Code, Digest, Engine, Sealed, Start, write_private, write_private_sparse};
use crate::error::{Error, Result};
use crate::guest::{Abi, Driver, Guest, Live, Reactor};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Processor time that compiling takes per byte of module, for the estimate of progress: CPython
/// with its scientific stack, 104 MB, takes about 150 s of it.
const COMPILE_NS_PER_BYTE: u64 = 1_400;
/// The largest file of a source.
const MAX_SOURCE_BYTES: u64 = 2 << 30;
/// How often progress is reported while compiling.
const TICK: Duration = Duration::from_millis(100);

/// Who wants to know how far a build has come.
pub(super) type Reporter<'a> = dyn FnMut(Progress) + 'a;

pub(super) fn build(engine: &Engine, recipe: &Recipe, unpacked: &Path, report: &mut Reporter<'_>) -> Result<Image> {
    let cache = cache(engine)?;
    let digest = manifest::digest(engine, recipe)?;
    let built = cache.open_entry(KIND, digest).ok().flatten();
    let code = match built.and_then(|sealed| finished_code(engine, &sealed)) {
        Some(code) => code,
        None => build_anew(engine, cache, recipe, digest, unpacked, report)?,
    };
    load::set_name(cache, recipe.name(), digest, code)?;
    load::load(engine, recipe.name())
}

pub(super) fn cache(engine: &Engine) -> Result<&Cache> {
    let none = || Error::CacheUnwritable { path: Default::default(), reason: "the engine has no cache".into() };
    engine.cache().ok_or_else(none)
}

/// The code of an image whose folder and code are both there and sound.
pub(super) fn finished_code(engine: &Engine, sealed: &Sealed) -> Option<Digest> {
    let manifest: Manifest = serde_json::from_reader(sealed.file(MANIFEST).ok()?).ok()?;
    engine.load(manifest.start(), manifest.code).ok()??;
    Some(manifest.code)
}

fn build_anew(
    engine: &Engine,
    cache: &Cache,
    recipe: &Recipe,
    digest: Digest,
    unpacked: &Path,
    report: &mut Reporter<'_>,
) -> Result<Digest> {
    let parsed = &recipe.parsed;
    let Some(module) = &parsed.module else { return derive::go_on(engine, recipe, digest, unpacked, report) };
    let wasm = read_verified(recipe, unpacked, &module.from, module.sha256, report)?;
    if parsed.driver == DriverKind::Command {
        return build_command(engine, cache, recipe, digest, (&wasm, unpacked), report);
    }
    let not_imageable = |reason: NotImageable| Error::ModuleNotImageable { reason: reason.to_string() };
    let instrumented = instrument::instrument(&wasm, parsed.driver.exports()).map_err(not_imageable)?;
    drop(wasm);
    let code = compile(engine, Start::Image, &instrumented.wasm, report)?;
    let key = code.key;
    let gathered = files::gather(recipe, unpacked, report)?;
    let licences = licences::gather(recipe, unpacked)?;

    report(Progress { stage: Stage::WarmUp, done: 0, total: 1 });
    let reactor = Reactor::link(code, &instrumented.globals)?;
    let around = Surroundings {
        name: recipe.name(),
        argv0: &parsed.program.argv0,
        env: &parsed.env,
        files: &gathered.in_memory(&parsed.memory.folders),
    };
    let mut warm_up = WarmUp::from_module(&reactor, &instrumented.memory, parsed.driver, &around)?;
    if !parsed.warm_up.is_empty() {
        warm_up.run(&parsed.warm_up)?;
    }
    let mut live = warm_up.finish()?;
    report(Progress { stage: Stage::WarmUp, done: 1, total: 1 });

    let manifest = Manifest {
        abi: Abi::Reactor,
        globals: instrumented.globals.into_iter().zip(live.globals()?).collect(),
        driver: live.driver(),
        ..manifest_of(engine, parsed, Start::Image, key, gathered.folders)?
    };
    // Somebody may have left a folder that does not fit its code any more.
    cache.discard(KIND, digest);
    let fixed = Fixed { files: &gathered.bytes, licences: &licences };
    install(cache, digest, &manifest, &fixed, Some(&mut live), report)?;
    Ok(key)
}

/// A command needs no warm-up: its module is compiled as it is, and its files are kept beside it.
fn build_command(
    engine: &Engine,
    cache: &Cache,
    recipe: &Recipe,
    digest: Digest,
    (wasm, unpacked): (&[u8], &Path),
    report: &mut Reporter<'_>,
) -> Result<Digest> {
    let parsed = &recipe.parsed;
    let code = compile(engine, Start::Module, wasm, report)?;
    let key = code.key;
    Guest::link(code, Abi::Command)?;
    let gathered = files::gather(recipe, unpacked, report)?;
    let licences = licences::gather(recipe, unpacked)?;
    let manifest = manifest_of(engine, parsed, Start::Module, key, gathered.folders)?;
    cache.discard(KIND, digest);
    let fixed = Fixed { files: &gathered.bytes, licences: &licences };
    install(cache, digest, &manifest, &fixed, None, report)?;
    Ok(key)
}

/// What is said of a command and of every other image; a reactor's says more.
fn manifest_of(
    engine: &Engine,
    parsed: &Parsed,
    start: Start,
    code: Digest,
    folders: Vec<ManifestFolder>,
) -> Result<Manifest> {
    Ok(Manifest {
        name: parsed.name.clone(),
        language: parsed.language.clone(),
        abi: Abi::Command,
        engine: engine.machine(start)?.fingerprint,
        baseline: engine.baseline(),
        code,
        base: None,
        argv0: parsed.program.argv0.clone(),
        scripts: parsed.program.scripts.clone(),
        env: parsed.env.clone(),
        folders,
        memory: parsed.memory.folders.clone(),
        globals: Vec::new(),
        driver: Driver::Own,
    })
}

/// What an image shares with those derived from it, besides code.
pub(super) struct Fixed<'a> {
    pub(super) files: &'a [u8],
    /// Empty if there are none.
    pub(super) licences: &'a [u8],
}

/// Writes the folder of an image; a command has nothing that is `live`.
pub(super) fn install(
    cache: &Cache,
    digest: Digest,
    manifest: &Manifest,
    fixed: &Fixed<'_>,
    live: Option<&mut Live>,
    report: &mut Reporter<'_>,
) -> Result<()> {
    let text = serde_json::to_vec(manifest).map_err(|error| Error::Internal { reason: error.to_string() })?;
    let start = live.map(|live| {
        let mut state = Vec::new();
        live.state().wasi.capture().into_start().encode(&mut state);
        (state, &*live)
    });
    let memory_bytes = start.as_ref().map_or(0, |(_, live)| live.memory().len());
    let total = (fixed.files.len() + memory_bytes) as u64;
    report(Progress { stage: Stage::Install, done: 0, total });
    cache.build(KIND, digest, |folder| {
        let mut digests = BTreeMap::new();
        let mut add = |name: &str, written: std::io::Result<Digest>| {
            digests.insert(name.to_owned(), written.map_err(Error::host_io("writing an image"))?);
            Ok::<(), Error>(())
        };
        add(MANIFEST, write_private(&folder.join(MANIFEST), &text))?;
        add(FILES, write_private(&folder.join(FILES), fixed.files))?;
        if !fixed.licences.is_empty() {
            add(LICENCES, write_private(&folder.join(LICENCES), fixed.licences))?;
        }
        if let Some((state, live)) = &start {
            add(STATE, write_private(&folder.join(STATE), state))?;
            add(MEMORY, write_private_sparse(&folder.join(MEMORY), live.memory()))?;
        }
        Ok(digests)
    })?;
    report(Progress { stage: Stage::Install, done: total, total });
    Ok(())
}

/// Reads a file of the source and compares its digest with the recipe's.
pub(super) fn read_verified(
    recipe: &Recipe,
    unpacked: &Path,
    from: &str,
    expected: Digest,
    report: &mut Reporter<'_>,
) -> Result<Vec<u8>> {
    let bytes = read_regular(&unpacked.join(from)).map_err(Error::host_io(format!("reading {from} of the source")))?;
    let total = bytes.len() as u64;
    report(Progress { stage: Stage::Verify, done: 0, total });
    let found = Digest::of(&bytes);
    if found != expected {
        let reason = format!("{from} of its source has not the digest {expected} that the recipe names, but {found}");
        return Err(Error::ImageDamaged { name: recipe.name().to_owned(), reason });
    }
    report(Progress { stage: Stage::Verify, done: total, total });
    Ok(bytes)
}

/// Reads a file of a source folder, which may be anybody's: no device, pipe or endless file.
pub(super) fn read_regular(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.len() > MAX_SOURCE_BYTES {
        return Err(std::io::Error::other("it is not a regular file of at most 2 GiB"));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    file.take(MAX_SOURCE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Compiles on other threads and reports how far it has come, by processor time.
fn compile(engine: &Engine, start: Start, wasm: &[u8], report: &mut Reporter<'_>) -> Result<Arc<Code>> {
    let total = wasm.len() as u64;
    let began = processor_time();
    std::thread::scope(|scope| {
        let compiling = scope.spawn(|| engine.compile(start, wasm));
        while !compiling.is_finished() {
            let used = processor_time().saturating_sub(began).as_nanos() as u64;
            let done = (used / COMPILE_NS_PER_BYTE).min(total - total / 100);
            report(Progress { stage: Stage::Compile, done, total });
            std::thread::park_timeout(TICK);
        }
        report(Progress { stage: Stage::Compile, done: total, total });
        compiling.join().unwrap_or_else(|_| Err(Error::Internal { reason: "the compiler panicked".into() }))
    })
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
