//! What an archive says of itself. Parsed only after the whole file was found trustworthy, and
//! then still checked: who seals archives can make mistakes.

use super::damaged;
use crate::engine::{Baseline, Digest};
use crate::error::{Error, Result};
use crate::limits::LimitKey;
use serde::{Deserialize, Serialize};

/// The longest index that is read.
pub(super) const MAX_INDEX_BYTES: usize = 256 << 10;
/// The most files that an image consists of.
const MAX_ENTRIES: usize = 256;

/// What the image is and where its code runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// The name that it was exported under.
    pub(crate) name: String,
    /// The image's address.
    pub(crate) image: Digest,
    /// The engine that its code was compiled by; for a baseline named there, or for the very CPU that it
    /// was compiled on.
    pub(crate) engine: Digest,
    /// The operating system, as Rust names it.
    pub(crate) system: String,
    /// What the code needs at least.
    pub(crate) baseline: Baseline,
}

/// What a file of an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Native code.
    Code,
    /// The linear memory.
    Memory,
    /// The file tree and descriptors at the end of the warm-up.
    State,
    /// Read-only files of the guest.
    Files,
    /// The image's own description.
    Manifest,
    /// The terms under which something in it may be passed on.
    Licence,
}

/// One file of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Its name, which follows the rule for names of images: it cannot leave a folder.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(super) stored_bytes: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) sha256: Digest,
}

/// Everything that is known of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub(super) description: Description,
    pub(super) entries: Vec<Entry>,
}

impl Index {
    /// Reads an index and checks that it agrees with itself, and with the `stored_bytes` that lie
    /// before it.
    pub(super) fn decode(bytes: &[u8], stored_bytes: u64, max_bytes: u64) -> Result<Index> {
        let index: Index = serde_json::from_slice(bytes)
            .map_err(|error| damaged("archive", format!("its index cannot be read: {error}")))?;
        index.check(max_bytes)?;
        let stored = index.entries.iter().try_fold(0, |sum: u64, entry| sum.checked_add(entry.stored_bytes));
        if stored != Some(stored_bytes) {
            return Err(index.damaged("its files have another length than its index says"));
        }
        Ok(index)
    }

    /// The rules that hold for what is written, too.
    pub(super) fn check(&self, max_bytes: u64) -> Result<()> {
        super::super::name::check_new(&self.description.name)?;
        if self.entries.len() > MAX_ENTRIES {
            return Err(self.damaged("it has too many files"));
        }
        let mut names: Vec<&str> = Vec::new();
        let mut needed: u64 = 0;
        for entry in &self.entries {
            super::super::name::check(&entry.name).map_err(|_| self.damaged("a file has a name that none may have"))?;
            names.push(&entry.name);
            needed = needed.saturating_add(entry.raw_bytes);
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.damaged("two files have one name"));
        }
        allow(needed, max_bytes)
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> Error {
        damaged(&self.description.name, reason)
    }
}

/// Compares a size with `image_bytes`.
pub(super) fn allow(needed: u64, allowed: u64) -> Result<()> {
    if needed > allowed {
        return Err(Error::ImageExceeds { limit: LimitKey::ImageBytes, needed, allowed });
    }
    Ok(())
}
