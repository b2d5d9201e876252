//! Deriving an image: a fork of another one that has run more. The compiled code is shared; only
//! memory and files are its own.

use super::build::{Fixed, Reporter, cache, finished_code, install};
use super::manifest::{FILES, FORMAT, KIND, LICENCES, MANIFEST, Manifest};
use super::warm_up::WarmUp;
use super::{Image, Kind, Progress, Stage, load, name};
use crate::engine::{Digest, Hasher, Sealed};
use crate::error::{Error, Result};
use crate::guest::Live;
use crate::policy::GuestPath;
use std::io::Read as _;

/// What a derived image has beyond the one it comes from.
///
/// ```
/// use sandcell::Derivation;
/// let derivation = Derivation::new().setup("import numpy").file("/data/rates.csv", b"a,b\n1,2\n".to_vec())?;
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Derivation {
    setup: String,
    files: Vec<(GuestPath, Vec<u8>)>,
}

impl Derivation {
    /// Nothing yet.
    pub fn new() -> Derivation {
        Derivation::default()
    }

    /// Code in the image's language that runs once, after the files are there. It must create no
    /// secrets: every fork has what it leaves in memory.
    #[must_use]
    pub fn setup(mut self, code: impl Into<String>) -> Derivation {
        self.setup = code.into();
        self
    }

    /// A file of every fork's own, copied when it is written.
    ///
    /// # Errors
    /// `guest_path_invalid`.
    pub fn file(mut self, path: &str, content: Vec<u8>) -> Result<Derivation> {
        self.files.push((GuestPath::parse(path)?, content));
        Ok(self)
    }
}

pub(super) fn derive(base: &Image, name: &str, derivation: &Derivation, report: &mut Reporter<'_>) -> Result<Image> {
    let engine = base.engine();
    let cache = cache(engine)?;
    let name = name::check_new(name)?;
    let (Kind::Reactor(_), Some(parent)) = (base.kind(), base.digest()) else {
        return Err(crate::snapshot::not_a_session(base));
    };
    let digest = address(parent, base, name, derivation);
    let built = cache.open_entry(KIND, digest).ok().flatten();
    let code = match built.and_then(|sealed| finished_code(engine, &sealed)) {
        Some(code) => code,
        None => {
            let damaged = |reason: String| Error::ImageDamaged { name: base.info().name.clone(), reason };
            let sealed = cache.open_entry(KIND, parent).map_err(damaged)?;
            let sealed = sealed.ok_or_else(|| damaged("it was removed".into()))?;
            let (mut manifest, files, licences) = parts(&sealed).map_err(damaged)?;
            report(Progress { stage: Stage::WarmUp, done: 0, total: 1 });
            let mut live = warmed(base, name, derivation)?;
            report(Progress { stage: Stage::WarmUp, done: 1, total: 1 });
            let values = live.globals()?;
            for ((_, value), now) in manifest.globals.iter_mut().zip(values) {
                *value = now;
            }
            let language = base.info().language.clone();
            manifest = Manifest { name: name.to_owned(), language, base: Some(parent), ..manifest };
            cache.discard(KIND, digest);
            install(cache, digest, &manifest, &Fixed { files: &files, licences: &licences }, &mut live, report)?;
            manifest.code
        }
    };
    load::set_name(cache, name, digest, code)?;
    load::load(engine, name)
}

fn address(parent: Digest, base: &Image, name: &str, derivation: &Derivation) -> Digest {
    let hasher = Hasher::new("derived image").field(FORMAT).field(parent.as_bytes()).field(name.as_bytes());
    let hasher = hasher.field(base.info().language.as_bytes());
    let hasher = hasher.field(derivation.setup.as_bytes());
    let files = derivation.files.iter();
    files.fold(hasher, |hasher, (path, bytes)| hasher.field(path.as_str().as_bytes()).field(bytes)).finish()
}

/// The manifest, the read-only files and the licences of the parent.
fn parts(sealed: &Sealed) -> Result<(Manifest, Vec<u8>, Vec<u8>), String> {
    let manifest = serde_json::from_reader(sealed.file(MANIFEST)?).map_err(|error| error.to_string())?;
    let read = |name: &str| {
        let mut bytes = Vec::new();
        let read = sealed.file(name)?.read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|error| format!("{name}: {error}"))
    };
    let licensed = sealed.files().any(|(name, ..)| name == LICENCES);
    Ok((manifest, read(FILES)?, if licensed { read(LICENCES)? } else { Vec::new() }))
}

/// A fork of the parent in which the setup has run.
fn warmed(base: &Image, name: &str, derivation: &Derivation) -> Result<Live> {
    let mut warm_up = WarmUp::from_image(base, name)?;
    for (path, content) in &derivation.files {
        warm_up.write_file(path, content)?;
    }
    if !derivation.setup.is_empty() {
        warm_up.run(&derivation.setup)?;
    }
    warm_up.finish()
}
