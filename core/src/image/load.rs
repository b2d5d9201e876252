//! Finding, loading, listing, verifying and removing images.

use super::manifest::{FILES, KIND, MANIFEST, MEMORY, Manifest, STATE};
use super::{Image, ImageFiles, ImageInfo, Inner, Invocation, Kind, files, name};
use crate::engine::{Cache, Digest, Engine, Sealed, Start, replace};
use crate::error::{Error, Result};
use crate::guest::{Reactor, Warm};
use crate::language::Language;
use crate::memory::MemoryImage;
use crate::vfs::Caps;
use crate::wasi::WasiState;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const NAMES: &str = "names";
/// What was used since is kept: who has just built it may be about to give it its name.
const UNUSED: Duration = Duration::from_secs(600);
/// A manifest is some tens of kilobytes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

pub(super) fn load(engine: &Engine, name: &str) -> Result<Image> {
    let (digest, sealed, mut manifest) = open(engine, name)?;
    if let Some(language) = Language::alias(name) {
        // Whoever asks the image later loads it by this name again.
        name.clone_into(&mut manifest.name);
        language.as_str().clone_into(&mut manifest.language);
    }
    load_entry(engine, name, (digest, sealed, manifest))
}

/// Loads an image that its caller has opened, whether or not a name stands for it.
pub(super) fn load_entry(
    engine: &Engine,
    name: &str,
    (digest, sealed, manifest): (Digest, Sealed, Manifest),
) -> Result<Image> {
    let damaged = |reason: String| Error::ImageDamaged { name: name.to_owned(), reason };
    let code = engine.load(Start::Image, manifest.code)?.ok_or_else(|| damaged("its compiled code is gone".into()))?;
    let info = info(engine, digest, &sealed, &manifest);
    let block = sealed.file(FILES).map_err(damaged)?;
    let files = files::map(&block, &manifest.folders, &manifest.memory).map_err(damaged)?;
    let memory = sealed.file(MEMORY).map_err(damaged)?;
    let memory = MemoryImage::of_sealed(memory).map_err(|error| damaged(format!("{MEMORY}: {error}")))?;
    let (exports, globals): (Vec<_>, Vec<_>) = manifest.globals.into_iter().unzip();
    let wasi = state(&sealed, &files).map_err(damaged)?;
    let reactor = Reactor::link(code, &exports)?;
    sealed.touch();
    let warm = Warm { memory, globals, driver: manifest.driver };
    let kind = Kind::Reactor(Box::new(super::Start { reactor, warm, wasi, made_by: manifest.engine }));
    let invocation = Invocation { argv0: manifest.argv0, scripts: manifest.scripts, env: manifest.env };
    Ok(Image { inner: Arc::new(Inner { engine: engine.clone(), info, kind, invocation, files }) })
}

/// The file tree and the descriptors that every guest starts with.
fn state(sealed: &Sealed, files: &ImageFiles) -> Result<WasiState, String> {
    let mut bytes = Vec::new();
    let read = sealed.file(STATE)?.read_to_end(&mut bytes);
    read.map_err(|error| format!("{STATE}: {error}"))?;
    // What the cache vouches for may be as large as it is.
    let caps = Caps { nodes: 1 << 24, content_bytes: 1 << 32, descriptors: 1 << 16 };
    let mut wasi = WasiState::decode(&bytes, caps).map_err(|error| format!("{STATE}: {error}"))?;
    wasi.hand_in(files.mounts()).map_err(|error| error.to_string())?;
    Ok(wasi)
}

pub(super) fn list(engine: &Engine) -> Result<Vec<ImageInfo>> {
    let Some(cache) = engine.cache() else { return Ok(Vec::new()) };
    let entries = match fs::read_dir(cache.root().join(NAMES)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::HostIo { operation: "listing images".into(), source }),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut infos: Vec<ImageInfo> = names
        .filter_map(|name| {
            let (digest, sealed, manifest) = open(engine, &name).ok()?;
            Some(info(engine, digest, &sealed, &manifest))
        })
        .collect();
    infos.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(infos)
}

pub(super) fn verify(engine: &Engine, name: &str) -> Result<()> {
    let (_, sealed, manifest) = open(engine, name)?;
    let code = cache(engine, name)?.open_entry(Engine::CODE.0, manifest.code);
    let all = sealed.verify().and_then(|()| code?.ok_or("its compiled code is gone")?.verify());
    all.map_err(|reason| Error::ImageDamaged { name: name.to_owned(), reason })
}

pub(super) fn remove(engine: &Engine, name: &str) -> Result<()> {
    let cache = cache(engine, name)?;
    let path = cache.root().join(NAMES).join(name::of_file(name)?);
    let Some((digest, code)) = read_name(&path) else { return Err(Error::ImageMissing { name: name.to_owned() }) };
    fs::remove_file(&path).map_err(|error| cache.unwritable(&error.to_string()))?;
    cache.discard(KIND, digest);
    if !cache.is_pinned(code) {
        engine.discard_code(code);
    }
    Ok(())
}

/// Removes the images that no name stands for any more, with their code if no other image has it.
pub(super) fn sweep(engine: &Engine) -> Result<u64> {
    let Some(cache) = engine.cache() else { return Ok(0) };
    let mut code = Vec::new();
    let images = cache.sweep(KIND, UNUSED, |digest| {
        code.extend(open_entry(engine, "", digest).map(|(_, _, manifest)| manifest.code));
    })?;
    let left = cache.sweep(Engine::CODE.0, Duration::MAX, |_| ())?;
    let mut freed = images + left;
    for key in code.into_iter().filter(|key| !cache.is_pinned(*key)) {
        if let Ok(Some(sealed)) = cache.open_entry(Engine::CODE.0, key) {
            freed += sealed.bytes();
            engine.discard_code(key);
        }
    }
    Ok(freed)
}

/// Lets `name` stand for an image, at once for all readers.
pub(super) fn set_name(cache: &Cache, name: &str, digest: Digest, code: Digest) -> Result<()> {
    let place = cache.folder(NAMES)?.join(name);
    replace(&place, format!("{digest}\n{code}\n").as_bytes()).map_err(|error| cache.unwritable(&error.to_string()))
}

/// The verified folder of an image that fits this engine.
pub(super) fn open(engine: &Engine, name: &str) -> Result<(Digest, Sealed, Manifest)> {
    let missing = || Error::ImageMissing { name: name.to_owned() };
    let cache = cache(engine, name)?;
    let (digest, _) = read_name(&cache.root().join(NAMES).join(name::of_file(name)?)).ok_or_else(missing)?;
    open_entry(engine, name, digest)
}

/// The same for the image of this digest, whatever its name stands for.
pub(super) fn open_entry(engine: &Engine, name: &str, digest: Digest) -> Result<(Digest, Sealed, Manifest)> {
    let missing = || Error::ImageMissing { name: name.to_owned() };
    let damaged = |reason: String| Error::ImageDamaged { name: name.to_owned(), reason };
    let cache = cache(engine, name)?;
    let sealed = cache.open_entry(KIND, digest).map_err(damaged)?.ok_or_else(missing)?;
    let file = sealed.file(MANIFEST).map_err(damaged)?;
    let bytes = file.metadata().map_err(Error::host_io("reading an image"))?.len();
    if bytes > MAX_MANIFEST_BYTES {
        return Err(damaged(format!("{MANIFEST} is too large")));
    }
    let manifest: Manifest =
        serde_json::from_reader(std::io::BufReader::new(file)).map_err(|error| damaged(error.to_string()))?;
    if !manifest.fits(engine)? {
        return Err(missing());
    }
    Ok((digest, sealed, manifest))
}

fn cache<'a>(engine: &'a Engine, name: &str) -> Result<&'a Cache> {
    engine.cache().ok_or_else(|| Error::ImageMissing { name: name.to_owned() })
}

fn read_name(path: &std::path::Path) -> Option<(Digest, Digest)> {
    let text = fs::read_to_string(path).ok()?;
    let mut digests = text.split_whitespace().map(Digest::parse);
    Some((digests.next()??, digests.next()??))
}

fn info(engine: &Engine, digest: Digest, sealed: &Sealed, manifest: &Manifest) -> ImageInfo {
    let code = engine.cache().and_then(|cache| cache.open_entry(Engine::CODE.0, manifest.code).ok()?);
    ImageInfo {
        name: manifest.name.clone(),
        digest: digest.to_string(),
        language: manifest.language.clone(),
        baseline: manifest.baseline.map(|baseline| baseline.to_string()),
        bytes: sealed.bytes() + code.map_or(0, |code| code.bytes()),
        path: engine.cache().map_or_else(PathBuf::new, |cache| cache.root().join(KIND).join(digest.to_string())),
    }
}
