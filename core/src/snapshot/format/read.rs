//! Reading a snapshot that anybody may have made.
//!
//! The order is the promise: the header against what is expected, every length against a cap, the
//! seal, and only then memory is asked for, one section after the other.

use super::header::{HEADER_BYTES, Header, Section, invalid, mismatch};
use super::pages::{self, PAGE_BYTES, RUN_BYTES};
use super::write::{GLOBAL_BYTES, decode_global};
use super::{Contents, Origin, State};
use crate::error::{Error, Result};
use crate::limits::LimitKey;
use crate::wire::{Key, SEAL_BYTES, Seal, expand};

/// The unit in which WebAssembly memories grow.
const WASM_PAGE_BYTES: u64 = 64 << 10;
/// A linear memory with 32-bit addresses cannot be longer.
const MAX_MEMORY_BYTES: u64 = 1 << 32;
/// More mutable globals than any toolchain makes.
const MAX_GLOBALS: u64 = 1 << 16;
/// What a session remembers besides memory and files.
const MAX_SESSION_BYTES: u64 = 1 << 20;

/// What a snapshot must be to be restored here.
#[derive(Debug, Clone)]
pub(crate) struct Expect<'a> {
    pub(crate) origin: Origin,
    pub(crate) architecture: String,
    /// Accept what was sealed with it, and nothing else.
    pub(crate) key: Option<&'a Key>,
    /// `snapshot_bytes`
    pub(crate) max_bytes: u64,
    /// `memory_bytes`
    pub(crate) max_memory_bytes: u64,
}

/// Reads a snapshot.
///
/// # Errors
/// `snapshot_invalid`, `snapshot_mismatch`, `snapshot_forged`, `snapshot_exceeds`, and
/// `host_exhausted` when there is no memory for what was found sound.
pub(crate) fn read(bytes: &[u8], expect: &Expect<'_>) -> Result<Contents> {
    let length = bytes.len() as u64;
    allow(LimitKey::SnapshotBytes, length, expect.max_bytes)?;
    let short = || invalid("it is cut off");
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(short)?;
    let (mut body, seal) = rest.split_last_chunk::<SEAL_BYTES>().ok_or_else(short)?;
    let header = Header::decode(header)?;
    check_fit(&header, expect)?;
    check_lengths(&header, length, expect.max_bytes)?;
    allow(LimitKey::MemoryBytes, header.memory_bytes, expect.max_memory_bytes)?;
    check_seal(&bytes[..bytes.len() - SEAL_BYTES], seal, expect.key)?;

    let mut section = |which: Section| {
        let length = header.sections[which as usize];
        let stored;
        (stored, body) =
            usize::try_from(length.stored).ok().and_then(|at| body.split_at_checked(at)).ok_or_else(short)?;
        expand(stored, length.raw).map_err(|error| damaged(which, &error))
    };
    let globals = section(Section::Globals)?;
    let globals = globals.as_chunks::<GLOBAL_BYTES>().0.iter().map(decode_global).collect::<Result<_>>()?;
    let table = section(Section::Runs)?;
    // Before the pages, which are long.
    let runs = pages::decode(&table, header.memory_bytes, header.raw(Section::Pages))?;
    let pages = section(Section::Pages)?;
    let state = State { globals, files: section(Section::Files)?, session: section(Section::Session)? };
    Ok(Contents { memory_bytes: header.memory_bytes, origin: header.origin, state, runs, pages })
}

fn check_fit(header: &Header, expect: &Expect<'_>) -> Result<()> {
    if header.architecture != expect.architecture {
        return Err(mismatch("architecture", &expect.architecture, &header.architecture));
    }
    if header.origin.image != expect.origin.image {
        return Err(mismatch("image", expect.origin.image, header.origin.image));
    }
    if header.origin.engine != expect.origin.engine {
        return Err(mismatch("engine", expect.origin.engine, header.origin.engine));
    }
    match (header.keyed, expect.key) {
        (false, Some(_)) => Err(Error::SnapshotForged { reason: "it was sealed without a key, and one is required" }),
        (true, None) => Err(Error::SnapshotForged { reason: "it was sealed with a key, and none was given" }),
        _ => Ok(()),
    }
}

/// Checks every length that the header declares against the file, the caps and each other.
pub(super) fn check_lengths(header: &Header, file_bytes: u64, max_bytes: u64) -> Result<()> {
    let memory = header.memory_bytes;
    if !memory.is_multiple_of(WASM_PAGE_BYTES) || memory > MAX_MEMORY_BYTES {
        return Err(invalid("its memory has a length that no memory has"));
    }
    let frame = (HEADER_BYTES + SEAL_BYTES) as u64;
    let body = header.sections.iter().try_fold(frame, |sum, length| sum.checked_add(length.stored));
    if body != Some(file_bytes) {
        return Err(invalid("its length is not the one that it declares"));
    }
    let [globals, table, pages] = [Section::Globals, Section::Runs, Section::Pages].map(|section| header.raw(section));
    if !globals.is_multiple_of(GLOBAL_BYTES as u64) || globals / GLOBAL_BYTES as u64 > MAX_GLOBALS {
        return Err(invalid("its globals have an impossible length"));
    }
    if !pages.is_multiple_of(PAGE_BYTES as u64) || pages > memory {
        return Err(invalid("its pages have an impossible length"));
    }
    // Each run has at least one page.
    if !table.is_multiple_of(RUN_BYTES) || table / RUN_BYTES > pages / PAGE_BYTES as u64 {
        return Err(invalid("its page table has an impossible length"));
    }
    if header.raw(Section::Session) > MAX_SESSION_BYTES {
        return Err(invalid("its session has an impossible length"));
    }
    allow(LimitKey::SnapshotBytes, header.raw(Section::Files), max_bytes)
}

fn check_seal(sealed: &[u8], found: &[u8; SEAL_BYTES], key: Option<&Key>) -> Result<()> {
    let mut seal = Seal::new(key)?;
    seal.update(sealed);
    match (seal.verify(found), key) {
        (true, _) => Ok(()),
        (false, None) => Err(invalid("its checksum is wrong")),
        (false, Some(_)) => {
            Err(Error::SnapshotForged { reason: "it was not sealed with this key, or was changed since" })
        }
    }
}

fn allow(limit: LimitKey, needed: u64, allowed: u64) -> Result<()> {
    if needed > allowed { Err(Error::SnapshotExceeds { limit, needed, allowed }) } else { Ok(()) }
}

fn damaged(section: Section, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::OutOfMemory {
        return Error::HostExhausted { resource: "memory", reason: "a snapshot does not fit".into() };
    }
    let name = match section {
        Section::Globals => "globals",
        Section::Runs => "page table",
        Section::Pages => "pages",
        Section::Files => "files",
        Section::Session => "session",
    };
    invalid(format!("its {name} cannot be expanded: {error}"))
}
