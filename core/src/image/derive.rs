//! Deriving an image: a fork of another one that has run more. The compiled code is shared; only
//! memory and files are its own.

use super::build::{Fixed, Reporter, cache, finished_code, install};
use super::manifest::{FILES, FORMAT, KIND, LICENCES, MANIFEST, Manifest};
use super::warm_up::WarmUp;
use super::{Image, Kind, Progress, Recipe, Stage, licences, load, name, translator};
use crate::engine::{Digest, Engine, Hasher, Sealed};
use crate::error::{Error, Result};
use crate::guest::Live;
use crate::policy::GuestPath;
use std::io::Read as _;
use std::path::Path;

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
            let language = base.info().language.as_str();
            let further = Further { name, language, translator: "", derivation, licences: &[] };
            make(base, digest, &further, report)?
        }
    };
    load::set_name(cache, name, digest, code)?;
    load::load(engine, name)
}

/// The image of a recipe that has a base: a fork of that one with a translator. Returns its code.
pub(super) fn go_on(
    engine: &Engine,
    recipe: &Recipe,
    digest: Digest,
    unpacked: &Path,
    report: &mut Reporter<'_>,
) -> Result<Digest> {
    let base = Image::load(engine, recipe.base().unwrap_or_default())?;
    let translator = translator::compose(recipe, unpacked, report)?;
    let licences = licences::gather(recipe, unpacked)?;
    let further = Further {
        name: recipe.name(),
        language: &recipe.parsed.language,
        translator: &translator,
        derivation: &Derivation::new().setup(recipe.parsed.warm_up.as_str()),
        licences: &licences,
    };
    make(&base, digest, &further, report)
}

/// What an image has beyond its base.
struct Further<'a> {
    name: &'a str,
    language: &'a str,
    translator: &'a str,
    derivation: &'a Derivation,
    licences: &'a [u8],
}

fn make(base: &Image, digest: Digest, further: &Further<'_>, report: &mut Reporter<'_>) -> Result<Digest> {
    let Some(parent) = base.digest() else { return Err(crate::snapshot::not_a_session(base)) };
    let cache = cache(base.engine())?;
    let damaged = |reason: String| Error::ImageDamaged { name: base.info().name.clone(), reason };
    let sealed = cache.open_entry(KIND, parent).map_err(damaged)?;
    let sealed = sealed.ok_or_else(|| damaged("it was removed".into()))?;
    let (mut manifest, files, mut licences) = parts(&sealed).map_err(damaged)?;
    licences.extend_from_slice(further.licences);
    report(Progress { stage: Stage::WarmUp, done: 0, total: 1 });
    let mut live = warmed(base, further)?;
    report(Progress { stage: Stage::WarmUp, done: 1, total: 1 });
    let values = live.globals()?;
    for ((_, value), now) in manifest.globals.iter_mut().zip(values) {
        *value = now;
    }
    let (name, language) = (further.name.to_owned(), further.language.to_owned());
    let manifest = Manifest { name, language, base: Some(parent), ..manifest };
    cache.discard(KIND, digest);
    let fixed = Fixed { files: &files, licences: &licences };
    install(cache, digest, &manifest, &fixed, Some(&mut live), report)?;
    Ok(manifest.code)
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
fn warmed(base: &Image, further: &Further<'_>) -> Result<Live> {
    let mut warm_up = WarmUp::from_image(base, further.name)?;
    for (path, content) in &further.derivation.files {
        warm_up.write_file(path, content)?;
    }
    if !further.translator.is_empty() {
        warm_up.install_translator(further.translator)?;
    }
    if !further.derivation.setup.is_empty() {
        warm_up.run(&further.derivation.setup)?;
    }
    warm_up.finish()
}
