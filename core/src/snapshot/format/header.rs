//! The fixed part of a snapshot.
//!
//! ```text
//!   0  magic         8   89 "SCS" 0D 0A 1A 0A: no text, and damaged by text-mode transfer
//!   8  version       2   1
//!  10  flags         2   bit 0: the seal needs a key; others are zero
//!  12  zero          4
//!  16  architecture 16   ASCII, filled up with NUL
//!  32  image        32   SHA-256 by which the image is known
//!  64  engine       32   SHA-256 of the engine's settings
//!  96  memory_bytes  8
//! 104  sections     80   for each of five: stored length 8, raw length 8
//! 184  checksum     32   SHA-256 of the bytes before
//! ```

use super::Origin;
use crate::engine::Digest;
use crate::error::{Error, Result};
use crate::wire::Fields;

pub(super) const MAGIC: [u8; 8] = *b"\x89SCS\r\n\x1a\n";
pub(super) const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 216;
const CHECKED_BYTES: usize = 184;
const KEYED: u16 = 1;

/// The sections in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Globals,
    Runs,
    Pages,
    Files,
    Session,
}

impl Section {
    pub(super) const ALL: [Section; 5] =
        [Section::Globals, Section::Runs, Section::Pages, Section::Files, Section::Session];
}

/// How long a section is in the file, and expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) stored: u64,
    pub(super) raw: u64,
}

/// The fields behind the magic and the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) keyed: bool,
    pub(super) architecture: String,
    pub(super) origin: Origin,
    pub(super) memory_bytes: u64,
    pub(super) sections: [Length; 5],
}

impl Header {
    pub(super) fn raw(&self, section: Section) -> u64 {
        self.sections[section as usize].raw
    }

    pub(super) fn encode(&self) -> Result<[u8; HEADER_BYTES]> {
        let architecture = Fields::pad::<16>(&self.architecture)
            .ok_or_else(|| Error::Internal { reason: "an architecture's name is too long".into() })?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(if self.keyed { KEYED } else { 0 }.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(architecture);
        bytes.extend(self.origin.image.as_bytes());
        bytes.extend(self.origin.engine.as_bytes());
        bytes.extend(self.memory_bytes.to_le_bytes());
        for length in self.sections {
            bytes.extend(length.stored.to_le_bytes());
            bytes.extend(length.raw.to_le_bytes());
        }
        bytes.extend(Digest::of(&bytes).as_bytes());
        bytes.try_into().map_err(|_| Error::Internal { reason: "a snapshot's header has another length".into() })
    }

    /// Reads a header and checks that it is whole and of this version; what its fields say is for
    /// the caller to judge.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header> {
        let mut fields = Fields(bytes);
        if fields.array() != Some(MAGIC) {
            return Err(invalid("it does not begin like a snapshot"));
        }
        // Before the checksum: another version may have another header.
        let version = fields.u16().unwrap_or(0);
        if version != VERSION {
            return Err(mismatch("format version", VERSION, version));
        }
        let (checked, checksum) = bytes.split_at(CHECKED_BYTES);
        if Digest::of(checked).as_bytes() != checksum {
            return Err(invalid("its header is damaged"));
        }
        Header::fields(fields).ok_or_else(|| invalid("its header has a field that means nothing"))
    }

    /// Puts the checksum right, so that a test can lie in a field and be believed so far.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn mend(bytes: &mut [u8; HEADER_BYTES]) {
        let (checked, checksum) = bytes.split_at_mut(CHECKED_BYTES);
        checksum.copy_from_slice(Digest::of(checked).as_bytes());
    }

    fn fields(mut fields: Fields<'_>) -> Option<Header> {
        let flags = fields.u16()?;
        if flags & !KEYED != 0 || fields.array() != Some([0; 4]) {
            return None;
        }
        let architecture = fields.padded::<16>()?;
        let origin = Origin { image: fields.array().map(Digest::from)?, engine: fields.array().map(Digest::from)? };
        let memory_bytes = fields.u64()?;
        let mut sections = [Length::default(); 5];
        for length in &mut sections {
            *length = Length { stored: fields.u64()?, raw: fields.u64()? };
        }
        let keyed = flags & KEYED != 0;
        Some(Header { keyed, architecture, origin, memory_bytes, sections })
    }
}

pub(super) fn invalid(reason: impl Into<String>) -> Error {
    Error::SnapshotInvalid { reason: reason.into() }
}

pub(super) fn mismatch(what: &'static str, expected: impl ToString, found: impl ToString) -> Error {
    Error::SnapshotMismatch { what, expected: expected.to_string(), found: found.to_string() }
}
