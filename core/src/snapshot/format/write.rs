//! Writing a snapshot. Only the pages that are stored are touched.

use super::header::{HEADER_BYTES, Header, Length, Section, invalid};
use super::read::check_lengths;
use super::{Contents, architecture};
use crate::error::{Error, Result};
use crate::guest::GlobalValue;
use crate::limits::LimitKey;
use crate::wire::{Effort, Key, SEAL_BYTES, Seal, compress};

/// Speed matters more than size here, and a thread more would cost more than it saves.
const EFFORT: Effort = Effort { level: 3, threads: 1 };

/// The byte form of a snapshot, sealed with the key if there is one.
///
/// # Errors
/// `snapshot_exceeds` when it, or what it holds besides memory, is longer than `max_bytes`.
pub(crate) fn write(contents: &Contents, key: Option<&Key>, max_bytes: u64) -> Result<Vec<u8>> {
    let Contents { origin, state, memory_bytes, runs, pages } = contents;
    let globals: Vec<u8> = state.globals.iter().flat_map(encode_global).collect();
    let table: Vec<u8> = runs.iter().flat_map(|run| run.encode()).collect();

    let mut bytes = vec![0; HEADER_BYTES];
    let mut header = Header {
        keyed: key.is_some(),
        architecture: architecture(),
        origin: origin.clone(),
        memory_bytes: *memory_bytes,
        sections: [Length::default(); 5],
    };
    for section in Section::ALL {
        let pieces = match section {
            Section::Globals => &[globals.as_slice()][..],
            Section::Runs => &[table.as_slice()],
            Section::Pages => &[pages.as_slice()],
            Section::Files => &[state.files.as_slice()],
            Section::Session => &[state.session.as_slice()],
        };
        let raw = pieces.iter().map(|piece| piece.len() as u64).sum();
        let before = bytes.len();
        compress(EFFORT, pieces.iter().copied(), raw, &mut bytes).map_err(Error::host_io("compressing a snapshot"))?;
        header.sections[section as usize] = Length { stored: (bytes.len() - before) as u64, raw };
    }
    let needed = (bytes.len() + SEAL_BYTES) as u64;
    if needed > max_bytes {
        return Err(Error::SnapshotExceeds { limit: LimitKey::SnapshotBytes, needed, allowed: max_bytes });
    }
    // What is written can be read: the same rules for both.
    check_lengths(&header, needed, max_bytes)?;
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode()?);
    let mut seal = Seal::new(key)?;
    seal.update(&bytes);
    bytes.extend(seal.finish());
    Ok(bytes)
}

/// Bytes of a global in the file: its type, as in the binary format of WebAssembly (section
/// 5.3.1), and its bits.
pub(super) const GLOBAL_BYTES: usize = 17;

fn encode_global(global: &GlobalValue) -> [u8; GLOBAL_BYTES] {
    let (kind, bits) = match *global {
        GlobalValue::I32(value) => (0x7f, u128::from(value.cast_unsigned())),
        GlobalValue::I64(value) => (0x7e, u128::from(value.cast_unsigned())),
        GlobalValue::F32(bits) => (0x7d, u128::from(bits)),
        GlobalValue::F64(bits) => (0x7c, u128::from(bits)),
        GlobalValue::V128(bits) => (0x7b, bits),
    };
    let mut bytes = [kind; GLOBAL_BYTES];
    bytes[1..].copy_from_slice(&bits.to_le_bytes());
    bytes
}

/// Reads what [`encode_global`] wrote; bits that its type does not have must be zero.
pub(super) fn decode_global(bytes: &[u8; GLOBAL_BYTES]) -> Result<GlobalValue> {
    let [kind, bits @ ..] = *bytes;
    let bits = u128::from_le_bytes(bits);
    let wide = || invalid("a global has more bits than its type");
    Ok(match kind {
        0x7f => GlobalValue::I32(u32::try_from(bits).map_err(|_| wide())?.cast_signed()),
        0x7e => GlobalValue::I64(u64::try_from(bits).map_err(|_| wide())?.cast_signed()),
        0x7d => GlobalValue::F32(u32::try_from(bits).map_err(|_| wide())?),
        0x7c => GlobalValue::F64(u64::try_from(bits).map_err(|_| wide())?),
        0x7b => GlobalValue::V128(bits),
        _ => return Err(invalid("a global has a type that globals cannot have")),
    })
}
