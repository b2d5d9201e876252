//! Exporting: the entries of an image in the cache become one archive.

use super::archive::{self, Description, Kind};
use super::build::Reporter;
use super::manifest::{self, FILES, LICENCES, MANIFEST, MEMORY, STATE};
use super::{load, name};
use crate::engine::{Baseline, Digest, Engine, Sealed, Unfinished};
use crate::error::{Error, Result};
use crate::wire::Key;
use std::fs::File;
use std::path::Path;

const WRITING: &str = "writing an image archive";

pub(super) fn export(
    engine: &Engine,
    name: &str,
    to: &Path,
    key: Option<&Key>,
    report: &mut Reporter<'_>,
) -> Result<String> {
    let (image, sealed, manifest) = load::open(engine, name::check(name)?)?;
    let damaged = |reason: String| Error::ImageDamaged { name: name.to_owned(), reason };
    let cache = super::build::cache(engine)?;
    let code = cache.open_entry(Engine::CODE.0, manifest.code).map_err(damaged)?;
    let code = code.ok_or_else(|| damaged("its compiled code is gone".into()))?;
    let mut sources = sources(&code).map_err(damaged)?;
    sources.extend(self::sources(&sealed).map_err(damaged)?);
    let description = Description {
        name: manifest.name.clone(),
        image,
        engine: manifest::made_by(engine, manifest.baseline)?,
        system: std::env::consts::OS.into(),
        baseline: manifest.baseline.map_or_else(|| baseline(name), Ok)?,
    };

    let unfinished = Unfinished::beside(to).map_err(Error::host_io(WRITING))?;
    // An importer's own limit decides what is too large, not ours.
    let digest = archive::write(unfinished.file(), description, sources, key, u64::MAX, report)?;
    unfinished.finish().map_err(Error::host_io(WRITING))?;
    Ok(digest.to_string())
}

/// What a file of an image is for, by its name. `None` for a file that no image has.
pub(super) fn kind(name: &str) -> Option<Kind> {
    match name {
        MANIFEST => Some(Kind::Manifest),
        FILES => Some(Kind::Files),
        MEMORY => Some(Kind::Memory),
        STATE => Some(Kind::State),
        LICENCES => Some(Kind::Licence),
        _ if name == Engine::CODE.1 => Some(Kind::Code),
        _ => None,
    }
}

/// The files of an entry, with the digests that they were sealed with.
fn sources(sealed: &Sealed) -> Result<Vec<archive::Source<File>>, String> {
    let source = |(name, sha256, raw_bytes): (&str, Digest, u64)| {
        let kind = kind(name).ok_or_else(|| format!("{name} is no file of an image"))?;
        let content = sealed.file(name)?;
        Ok(archive::Source { name: name.to_owned(), kind, raw_bytes, sha256: Some(sha256), content })
    };
    sealed.files().map(source).collect()
}

/// What this machine has: code for its very CPU needs at least that.
fn baseline(name: &str) -> Result<Baseline> {
    Baseline::of_this_machine().ok_or_else(|| Error::ImageMismatch {
        name: name.to_owned(),
        what: "CPU baseline",
        expected: "a named one".into(),
        found: std::env::consts::ARCH.into(),
    })
}
