//! Whether an archive is the one that the importer trusts. This is all that stands between a file
//! from anywhere and running it as native code.

use super::{BLOCK_BYTES, KEYED, LENGTH_BYTES, MAGIC, PREFIX_BYTES, READING, Trust, VERSION, damaged};
use crate::engine::Digest;
use crate::error::{Error, Result};
use crate::image::progress::{Progress, Stage};
use crate::wire::{Fields, SEAL_BYTES, Seal};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

/// Compares the whole file, `length` bytes, with what is trusted, and returns the index that it was
/// sealed with. Nothing of the file is kept that was not part of what was compared.
pub(super) fn verify(
    mut from: &File,
    length: u64,
    index_bytes: usize,
    trust: Trust<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>> {
    from.seek(SeekFrom::Start(0)).map_err(Error::host_io(READING))?;
    let mut read = |bytes: &mut [u8]| from.read_exact(bytes).map_err(Error::host_io(READING));
    let mut check = Check::new(trust)?;
    let mut prefix = [0; PREFIX_BYTES];
    let mut tail = vec![0; index_bytes + LENGTH_BYTES];
    let mut seal = [0; SEAL_BYTES];

    read(&mut prefix)?;
    check_prefix(&prefix, trust)?;
    check.update(&prefix);
    let mut block = vec![0; BLOCK_BYTES];
    let mut left = length - (PREFIX_BYTES + tail.len() + SEAL_BYTES) as u64;
    while left > 0 {
        let block = &mut block[..left.min(BLOCK_BYTES as u64) as usize];
        read(block)?;
        check.update(block);
        left -= block.len() as u64;
        progress(Progress { stage: Stage::Verify, done: length - left, total: length });
    }
    read(&mut tail)?;
    check.update(&tail);
    read(&mut seal)?;
    check.finish(&seal)?;

    if tail.split_off(index_bytes) != (index_bytes as u32).to_le_bytes() {
        return Err(damaged("archive", "it changed while it was read"));
    }
    Ok(tail)
}

fn check_prefix(prefix: &[u8; PREFIX_BYTES], trust: Trust<'_>) -> Result<()> {
    let mut fields = Fields(prefix);
    if fields.array() != Some(MAGIC) {
        return Err(damaged("archive", "it does not begin like an image archive"));
    }
    let version = fields.u16().unwrap_or(0);
    if version != VERSION {
        let (expected, found) = (VERSION.to_string(), version.to_string());
        return Err(Error::ImageMismatch { name: "archive".into(), what: "format version", expected, found });
    }
    let flags = fields.u16().unwrap_or(0);
    if flags & !KEYED != 0 || fields.u32() != Some(0) {
        return Err(damaged("archive", "it has a field that means nothing"));
    }
    if matches!(trust, Trust::Key(_)) && flags & KEYED == 0 {
        return Err(Error::ImageUntrusted { reason: "it was sealed without a key, and one is required" });
    }
    Ok(())
}

/// One of the two ways to trust, at work. The other is not computed.
enum Check {
    Digest(Sha256, Digest),
    Key(Seal),
}

impl Check {
    fn new(trust: Trust<'_>) -> Result<Check> {
        Ok(match trust {
            Trust::Digest(expected) => Check::Digest(Sha256::new(), expected),
            Trust::Key(key) => Check::Key(Seal::new(Some(key))?),
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Check::Digest(hasher, _) => hasher.update(bytes),
            Check::Key(seal) => seal.update(bytes),
        }
    }

    fn finish(self, seal: &[u8; SEAL_BYTES]) -> Result<()> {
        let reason = match self {
            Check::Digest(hasher, expected) => {
                let found: [u8; 32] = hasher.chain_update(seal).finalize().into();
                if Digest::from(found) == expected {
                    return Ok(());
                }
                "it does not have the digest that was given"
            }
            Check::Key(expected) => {
                if expected.verify(seal) {
                    return Ok(());
                }
                "it was not sealed with this key, or was changed since"
            }
        };
        Err(Error::ImageUntrusted { reason })
    }
}
