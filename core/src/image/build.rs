//! Building an image: verify the source, compile, install the files.

use super::manifest::{self, KIND, MANIFEST, Manifest, ManifestFile};
use super::{Image, Progress, Recipe, Stage, load};
use crate::engine::{Cache, Code, Digest, Engine, Sealed, write_private};
use crate::error::{Error, Result};
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

pub(super) fn build(
    engine: &Engine,
    recipe: &Recipe,
    unpacked: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Image> {
    let Some(cache) = engine.cache() else {
        return Err(Error::CacheUnwritable { path: Default::default(), reason: "the engine has no cache".into() });
    };
    let digest = manifest::digest(engine, recipe);
    let built = cache.open_entry(KIND, digest).ok().flatten();
    let code = built.and_then(|sealed| finished_code(engine, &sealed));
    let code = match code {
        Some(code) => code,
        None => {
            let (code, _) = build_anew(engine, cache, recipe, digest, unpacked, progress)?;
            code.key
        }
    };
    load::set_name(cache, recipe.name(), digest, code)?;
    load::load(engine, recipe.name())
}

/// The code of an image whose folder and code are both there and sound.
fn finished_code(engine: &Engine, sealed: &Sealed) -> Option<Digest> {
    let manifest: Manifest = serde_json::from_reader(sealed.file(MANIFEST).ok()?).ok()?;
    engine.load(manifest.code).ok()??;
    Some(manifest.code)
}

fn build_anew(
    engine: &Engine,
    cache: &Cache,
    recipe: &Recipe,
    digest: Digest,
    unpacked: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Arc<Code>, Sealed)> {
    let parsed = &recipe.parsed;
    let wasm = read_verified(recipe, unpacked, &parsed.module.from, parsed.module.sha256, progress)?;
    let code = compile(engine, &wasm, progress)?;
    drop(wasm);
    // Somebody may have left a folder that does not fit its code any more.
    cache.discard(KIND, digest);
    let sealed = cache.build(KIND, digest, |folder| {
        let mut digests = BTreeMap::new();
        let mut files = Vec::new();
        for (index, file) in parsed.file.iter().enumerate() {
            let bytes = read_verified(recipe, unpacked, &file.from, file.sha256, progress)?;
            let stored = format!("file-{index}");
            install(folder, &stored, &bytes, &mut digests)?;
            files.push(ManifestFile { guest: file.guest.clone(), stored });
            progress(Progress { stage: Stage::Install, done: index as u64 + 1, total: parsed.file.len() as u64 });
        }
        let manifest = Manifest {
            name: parsed.name.clone(),
            language: parsed.language.clone(),
            abi: parsed.abi,
            engine: engine.fingerprint(),
            code: code.key,
            argv0: parsed.program.argv0.clone(),
            program: parsed.program.code.clone(),
            scripts: parsed.program.scripts.clone(),
            env: parsed.env.clone(),
            files,
            memory: parsed.memory.folders.clone(),
        };
        let text = serde_json::to_vec(&manifest).map_err(|error| Error::Internal { reason: error.to_string() })?;
        install(folder, MANIFEST, &text, &mut digests)?;
        Ok(digests)
    })?;
    Ok((code, sealed))
}

fn install(folder: &Path, name: &str, bytes: &[u8], digests: &mut BTreeMap<String, Digest>) -> Result<()> {
    let digest = write_private(&folder.join(name), bytes).map_err(Error::host_io("writing an image"))?;
    digests.insert(name.to_owned(), digest);
    Ok(())
}

/// Reads a file of the source and compares its digest with the recipe's.
fn read_verified(
    recipe: &Recipe,
    unpacked: &Path,
    from: &str,
    expected: Digest,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>> {
    let bytes = read_regular(&unpacked.join(from)).map_err(Error::host_io(format!("reading {from} of the source")))?;
    let total = bytes.len() as u64;
    progress(Progress { stage: Stage::Verify, done: 0, total });
    if Digest::of(&bytes) != expected {
        let reason = format!("{from} of its source does not have the digest that the recipe names");
        return Err(Error::ImageDamaged { name: recipe.name().to_owned(), reason });
    }
    progress(Progress { stage: Stage::Verify, done: total, total });
    Ok(bytes)
}

/// Reads a file of a source folder, which may be anybody's: no device, pipe or endless file.
fn read_regular(path: &Path) -> std::io::Result<Vec<u8>> {
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
fn compile(engine: &Engine, wasm: &[u8], progress: &mut dyn FnMut(Progress)) -> Result<Arc<Code>> {
    let total = wasm.len() as u64;
    let began = processor_time();
    std::thread::scope(|scope| {
        let compiling = scope.spawn(|| engine.compile(wasm));
        while !compiling.is_finished() {
            let used = processor_time().saturating_sub(began).as_nanos() as u64;
            let done = (used / COMPILE_NS_PER_BYTE).min(total - total / 100);
            progress(Progress { stage: Stage::Compile, done, total });
            std::thread::park_timeout(TICK);
        }
        progress(Progress { stage: Stage::Compile, done: total, total });
        compiling.join().unwrap_or_else(|_| Err(Error::Internal { reason: "the compiler panicked".into() }))
    })
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
