//! Importing: a trusted archive becomes entries of the cache, as a build would have made them.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::archive::{self, Description, Expect};
use super::build::{Reporter, cache};
use super::export::kind;
use super::manifest::{self, FILES, KIND, LICENCES, MANIFEST, MEMORY, Manifest, STATE};
use super::{Image, load};
use crate::engine::{Baseline, Cache, Digest, Engine};
use crate::error::{Error, Result};
use crate::limits::{LimitKey, Limits};
use crate::wire::Key;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Why the native code of an archive may run in this process
/// (docs/decisions/007-importing-native-code-is-a-trust-decision.md).
///
/// ```
/// use sandcell::{SnapshotKey, Trust};
/// let published = Trust::sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")?;
/// let own = Trust::key(&SnapshotKey::new(&[7; 32])?);
/// assert!(Trust::sha256("latest").is_err());
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trust(Reason);

#[derive(Debug, Clone)]
enum Reason {
    Digest(Digest),
    Key(Key),
}

impl Trust {
    /// The archive is exactly the file with this SHA-256, in 64 hexadecimal digits, which came from
    /// somebody trusted, and another way than the file.
    ///
    /// # Errors
    /// `document_invalid` for anything but 64 hexadecimal digits.
    pub fn sha256(hex: &str) -> Result<Trust> {
        let digest = Digest::parse(hex).ok_or_else(|| Error::DocumentInvalid {
            what: "SHA-256 of an archive".into(),
            reason: "it has 64 hexadecimal digits".into(),
        })?;
        Ok(Trust(Reason::Digest(digest)))
    }

    /// The archive was exported by a holder of this key. One without a key is refused.
    pub fn key(key: &Key) -> Trust {
        Trust(Reason::Key(key.clone()))
    }

    fn as_archive(&self) -> archive::Trust<'_> {
        match &self.0 {
            Reason::Digest(digest) => archive::Trust::Digest(*digest),
            Reason::Key(key) => archive::Trust::Key(key),
        }
    }
}

pub(super) fn import(
    engine: &Engine,
    from: &Path,
    trust: &Trust,
    limits: &Limits,
    report: &mut Reporter<'_>,
) -> Result<Image> {
    let cache = cache(engine)?;
    // A pipe is refused instead of waited for.
    let archive = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(from);
    let archive = archive.map_err(Error::host_io(format!("opening {}", from.display())))?;
    let machine = Baseline::of_this_machine();
    let max_bytes = limits.value(LimitKey::ImageBytes);
    let expect = Expect { engines: manifest::importable(engine)?, machine, max_bytes };
    cache.stage(|folder| {
        let staged = Staged::unpack(&archive, trust, &expect, folder, report)?;
        staged.check(engine)?;
        staged.install(engine, cache)
    })
}

/// The files of an archive that was trusted and fits, in a private folder.
struct Staged<'a> {
    folder: &'a Path,
    name: String,
    image: Digest,
    baseline: Baseline,
    manifest: Manifest,
    digests: BTreeMap<String, Digest>,
}

impl Staged<'_> {
    fn unpack<'a>(
        from: &File,
        trust: &Trust,
        expect: &Expect,
        folder: &'a Path,
        report: &mut Reporter<'_>,
    ) -> Result<Staged<'a>> {
        let mut create = archive::unpack_into(folder);
        let known = |entry: &archive::Entry| {
            if kind(&entry.name) != Some(entry.kind) {
                return Err(damaged("archive", format!("no image has a file {} of this kind", entry.name)));
            }
            create(entry)
        };
        let (description, digests) = archive::read(from, trust.as_archive(), expect, known, report)?;
        let Description { name, image, baseline, .. } = description;
        let has = |needed: &&str| match digests.contains_key(*needed) {
            true => Ok(()),
            false => Err(damaged(&name, format!("its archive has no {needed}"))),
        };
        [Engine::CODE.1, MANIFEST].iter().try_for_each(has)?;
        let text = fs::read(folder.join(MANIFEST)).map_err(Error::host_io("reading an image"))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| damaged(&name, error.to_string()))?;
        manifest.needs().iter().try_for_each(has)?;
        Ok(Staged { folder, name, image, baseline, manifest, digests })
    }

    /// That the archive's index and the image's own description agree.
    fn check(&self, engine: &Engine) -> Result<()> {
        let fits = self.manifest.fits(engine)? && self.manifest.baseline.is_none_or(|found| found == self.baseline);
        if !fits || self.manifest.name != self.name {
            return Err(damaged(&self.name, "its archive and its manifest disagree".into()));
        }
        Ok(())
    }

    /// Moves the files to where a build would have written them. An entry that is there and sound
    /// is kept. The name is last: until then nobody finds the image, and after it all of it is there.
    fn install(&self, engine: &Engine, cache: &Cache) -> Result<Image> {
        let code = self.manifest.code;
        let there = |kind, key| matches!(cache.open_entry(kind, key), Ok(Some(_)));
        let (had_code, had_image) = (there(Engine::CODE.0, code), there(KIND, self.image));
        let installed = self.entry(cache, Engine::CODE.0, code, &[Engine::CODE.1]).and_then(|()| {
            self.entry(cache, KIND, self.image, &[MANIFEST, FILES, MEMORY, STATE, LICENCES])?;
            let image = load::load_entry(engine, &self.name, load::open_entry(engine, &self.name, self.image)?)?;
            load::set_name(cache, &self.name, self.image, code)?;
            Ok(image)
        });
        if installed.is_err() {
            if !had_image {
                cache.discard(KIND, self.image);
            }
            if !had_code && !cache.is_pinned(code) {
                engine.discard_code(code);
            }
        }
        installed
    }

    fn entry(&self, cache: &Cache, kind: &str, key: Digest, names: &[&str]) -> Result<()> {
        let built = cache.build(kind, key, |folder| {
            let mut moved = BTreeMap::new();
            for name in names {
                let Some(digest) = self.digests.get(*name) else { continue };
                let renamed = fs::rename(self.folder.join(name), folder.join(name));
                renamed.map_err(Error::host_io("writing an image"))?;
                moved.insert((*name).to_owned(), *digest);
            }
            Ok(moved)
        });
        built.map(drop)
    }
}

fn damaged(name: &str, reason: String) -> Error {
    Error::ImageDamaged { name: name.to_owned(), reason }
}
