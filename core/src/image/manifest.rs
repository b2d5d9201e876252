//! What an image's folder in the cache says of itself.
//!
//! ```text
//! image.json   this manifest
//! files.bin    the read-only files, one after the other
//! memory.bin   linear memory: whole WebAssembly pages, sparse where it is zero; not of a command
//! state.bin    the file tree and the descriptors at the end of the warm-up; not of a command
//! licences.txt the terms of what the image consists of, where its recipe names them
//! ```

use super::recipe::Recipe;
use crate::engine::{Baseline, Digest, Engine, Hasher, Start};
use crate::error::Result;
use crate::guest::{Abi, Driver, GlobalValue};
use crate::policy::GuestPath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const KIND: &str = "images";
pub(super) const MANIFEST: &str = "image.json";
pub(super) const FILES: &str = "files.bin";
pub(super) const MEMORY: &str = "memory.bin";
pub(super) const STATE: &str = "state.bin";
pub(super) const LICENCES: &str = "licences.txt";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) language: String,
    /// Whether its guests are forked from a warm one, or commands that are run anew each time.
    #[serde(default = "reactor")]
    pub(super) abi: Abi,
    /// What the compiled code was made by; another engine's image is not there for this one.
    pub(super) engine: Digest,
    /// The baseline that it was compiled for; none if for the very CPU that it was compiled on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) baseline: Option<Baseline>,
    /// Address of the compiled code.
    pub(super) code: Digest,
    /// The image it was derived from.
    pub(super) base: Option<Digest>,
    pub(super) argv0: String,
    pub(super) scripts: Option<GuestPath>,
    pub(super) env: BTreeMap<String, String>,
    /// Read-only folders, in the order of their descriptors.
    pub(super) folders: Vec<ManifestFolder>,
    /// Writable folders in memory, behind them.
    pub(super) memory: Vec<GuestPath>,
    /// Names under which the module exports its mutable globals, and their values.
    pub(super) globals: Vec<(String, GlobalValue)>,
    pub(super) driver: Driver,
}

impl Manifest {
    /// True if this engine and this machine can run the code.
    pub(super) fn fits(&self, engine: &Engine) -> Result<bool> {
        let runs = self.baseline.is_none_or(|baseline| baselines().contains(&baseline));
        Ok(runs && self.engine == engine.fingerprint(self.start(), self.baseline)?)
    }

    /// How its guests' memories start.
    pub(super) fn start(&self) -> Start {
        match self.abi {
            Abi::Command => Start::Module,
            Abi::Reactor => Start::Image,
        }
    }

    /// The files that its folder has besides this one.
    pub(super) fn needs(&self) -> &'static [&'static str] {
        match self.abi {
            Abi::Command => &[FILES],
            Abi::Reactor => &[FILES, MEMORY, STATE],
        }
    }
}

/// What images were before there were others.
fn reactor() -> Abi {
    Abi::Reactor
}

/// The baselines that this machine has.
fn baselines() -> Vec<Baseline> {
    let Some(machine) = Baseline::of_this_machine() else { return Vec::new() };
    Baseline::ALL.into_iter().filter(|baseline| baseline.runs_on(machine)).collect()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestFolder {
    pub(super) guest: GuestPath,
    /// It lies below a file of another folder, and is found as a preopened directory only.
    pub(super) detached: bool,
    pub(super) files: Vec<ManifestFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestFile {
    /// Path below the folder.
    pub(super) path: String,
    /// Where it lies in `files.bin`.
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// Changes whenever the same recipe gives another image: how modules are instrumented, what is saved.
pub(super) const FORMAT: &[u8] = b"3";

/// What an image of this recipe is called in the cache.
pub(super) fn digest(engine: &Engine, recipe: &Recipe) -> Result<Digest> {
    let machine = engine.machine(Start::Image)?;
    let hasher = Hasher::new("image").field(FORMAT).field(machine.fingerprint.as_bytes()).field(recipe.text.as_bytes());
    let hasher = hasher.field(recipe.parsed.driver.source().as_bytes());
    let Some(base) = recipe.base() else { return Ok(hasher.finish()) };
    // What a module is made of its own digest tells; here the files themselves are in the image.
    let own = recipe.own_files();
    let hasher = own.fold(hasher, |hasher, (path, text)| hasher.field(path.as_bytes()).field(text.as_bytes()));
    match Recipe::builtin(base) {
        Some(base) => Ok(hasher.field(digest(engine, &base)?.as_bytes()).finish()),
        None => Ok(hasher.field(base.as_bytes()).finish()),
    }
}

/// What archives are made by that can be imported here.
pub(super) fn importable(engine: &Engine) -> Result<Vec<Digest>> {
    let all = std::iter::once(None).chain(baselines().into_iter().map(Some));
    all.map(|baseline| made_by(engine, baseline)).collect()
}

/// What an archive of an image is made by whose code was compiled for `baseline`.
pub(super) fn made_by(engine: &Engine, baseline: Option<Baseline>) -> Result<Digest> {
    let fingerprint = engine.image_fingerprint(baseline)?;
    Ok(Hasher::new("image archive").field(FORMAT).field(fingerprint.as_bytes()).finish())
}
