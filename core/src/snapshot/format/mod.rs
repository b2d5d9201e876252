//! The byte form of a snapshot: what differs from the image that it was forked from.
//!
//! ```text
//! header   216 bytes, see `header.rs`: what it is a snapshot of, and the lengths of all sections
//! body     globals, page runs, pages, state, session; each compressed by itself
//! seal     32 bytes: SHA-256 of everything before, or HMAC-SHA256 with the caller's key
//! ```
//! Numbers are little-endian. A reader believes nothing before the seal was compared, and no
//! length after it: a seal without a key can be made by anybody. Nothing here knows of wasmtime.

mod header;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod oracle;
mod pages;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use pages::{PAGE_BYTES, PageRun, differing};
pub(crate) use read::{Expect, read};
pub(crate) use write::write;

use crate::engine::Digest;
use crate::guest::GlobalValue;
use std::fmt;

/// What a snapshot was taken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The image it was forked from.
    pub(crate) image: Digest,
    /// The engine that the image's code was compiled by.
    pub(crate) engine: Digest,
}

/// A snapshot's content besides its pages.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) globals: Vec<GlobalValue>,
    /// File tree and descriptors, encoded by their owner.
    pub(crate) files: Vec<u8>,
    /// What the session counts: turns and the like.
    pub(crate) session: Vec<u8>,
}

/// A snapshot that was read and agrees with itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) origin: Origin,
    pub(crate) state: State,
    /// Length of the linear memory. What no run covers is as in the image, and zero behind it.
    pub(crate) memory_bytes: u64,
    /// Where the stored pages belong: ascending, apart, inside the memory.
    pub(crate) runs: Vec<PageRun>,
    /// The pages of all runs, one after the other.
    pub(crate) pages: Vec<u8>,
}

// Lengths only: what a guest holds is not for logs.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { globals, files, session } = self;
        let lengths = (globals.len(), files.len(), session.len());
        f.debug_tuple("State").field(&lengths).finish()
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("origin", &self.origin)
            .field("state", &self.state)
            .field("memory_bytes", &self.memory_bytes)
            .field("pages_bytes", &self.pages.len())
            .finish_non_exhaustive()
    }
}

/// The kind of machine whose snapshots fit this one.
pub(crate) fn architecture() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}
