//! The byte form of a whole image: one file with everything it consists of, for another machine.
//!
//! ```text
//! prefix   16 bytes: magic 8, version 2, flags 2 (bit 0: keyed), zero 4
//! entries  one zstd frame each, in the order of the index; an empty one has none
//! index    JSON: what the image is, where it fits, and of each entry name, kind, lengths, SHA-256
//! length   4 bytes: of the index, little-endian
//! seal     32 bytes: SHA-256 of everything before, or HMAC-SHA256 with the exporter's key
//! ```
//! The index stands at the end so that a writer needs to know nothing in advance and can write
//! to a pipe. An archive holds native code: nothing of it is believed, parsed or unpacked before
//! the whole file was compared with what the importer trusts
//! (docs/decisions/007-importing-native-code-is-a-trust-decision.md).

mod index;
mod read;
#[cfg(test)]
mod tests;
mod unpack;
mod verify;
mod write;

pub(crate) use index::{Description, Entry, Kind};
pub(crate) use read::{Expect, read};
pub(crate) use unpack::unpack_into;
pub(crate) use write::{Source, write};

use crate::engine::Digest;
use crate::error::Error;
use crate::wire::{Key, SEAL_BYTES};

const MAGIC: [u8; 8] = *b"\x89SCA\r\n\x1a\n";
const VERSION: u16 = 1;
const PREFIX_BYTES: usize = 16;
const KEYED: u16 = 1;
/// Bytes of the index's length.
const LENGTH_BYTES: usize = 4;
/// What every archive has around its files and its index.
const FRAME_BYTES: u64 = (PREFIX_BYTES + LENGTH_BYTES + SEAL_BYTES) as u64;
const READING: &str = "reading an image archive";
/// The piece in which files are read and written.
const BLOCK_BYTES: usize = 1 << 20;

/// Why an importer runs the native code of an archive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// It is exactly this file; the digest came from somebody whom the importer trusts.
    Digest(Digest),
    /// It was exported by a holder of this key.
    Key(&'a Key),
}

fn prefix(keyed: bool) -> [u8; PREFIX_BYTES] {
    let mut bytes = [0; PREFIX_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[10..12].copy_from_slice(&(if keyed { KEYED } else { 0 }).to_le_bytes());
    bytes
}

fn damaged(name: &str, reason: impl Into<String>) -> Error {
    Error::ImageDamaged { name: name.to_owned(), reason: reason.into() }
}
