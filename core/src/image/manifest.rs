//! What an image's folder in the cache says of itself.
//!
//! ```text
//! image.json   this manifest
//! files.bin    the read-only files, one after the other
//! memory.bin   linear memory: whole WebAssembly pages, sparse where it is zero
//! state.bin    the file tree and the descriptors at the end of the warm-up
//! licences.txt the terms of what the image consists of, where its recipe names them
//! ```

use super::recipe::Recipe;
use crate::engine::{Digest, Engine, Hasher, Start};
use crate::error::Result;
use crate::guest::{Driver, GlobalValue};
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
    /// What the compiled code was made by; another engine's image is not there for this one.
    pub(super) engine: Digest,
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
    Ok(hasher.field(recipe.parsed.driver.source().as_bytes()).finish())
}

/// What an archive of an image was made by: it is imported only where this is the same.
pub(super) fn fits(engine: &Engine) -> Result<Digest> {
    let fingerprint = engine.machine(Start::Image)?.fingerprint;
    Ok(Hasher::new("image archive").field(FORMAT).field(fingerprint.as_bytes()).finish())
}
