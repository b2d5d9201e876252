//! What an image's folder in the cache says of itself.

use super::recipe::Recipe;
use crate::engine::{Digest, Engine, Hasher};
use crate::guest::Abi;
use crate::policy::GuestPath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const KIND: &str = "images";
pub(super) const MANIFEST: &str = "image.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) language: String,
    pub(super) abi: Abi,
    /// What the compiled code was made by; another engine's image is not there for this one.
    pub(super) engine: Digest,
    /// Address of the compiled code.
    pub(super) code: Digest,
    pub(super) argv0: String,
    pub(super) program: Option<Vec<String>>,
    pub(super) scripts: Option<GuestPath>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) files: Vec<ManifestFile>,
    pub(super) memory: Vec<GuestPath>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestFile {
    pub(super) guest: GuestPath,
    /// Name in the image's folder.
    pub(super) stored: String,
}

/// What an image of this recipe is called in the cache.
pub(super) fn digest(engine: &Engine, recipe: &Recipe) -> Digest {
    Hasher::new("image").field(engine.fingerprint().as_bytes()).field(recipe.text.as_bytes()).finish()
}
