//! Reading an archive: first whether it is trusted, then whether it fits, then what is in it.
//!
//! The file is read twice. What decides in the second pass was kept from the first: the index is
//! the one that was sealed, and every file must have the digest in it. So nothing is gained by
//! changing the archive in between.

use super::index::{Description, Entry, Index, MAX_INDEX_BYTES, allow};
use super::verify::verify;
use super::{BLOCK_BYTES, FRAME_BYTES, LENGTH_BYTES, PREFIX_BYTES, READING, Trust, damaged};
use crate::engine::{Baseline, Digest};
use crate::error::{Error, Result};
use crate::image::progress::{Progress, Stage};
use crate::wire::{Expander, SEAL_BYTES};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write};

/// Where an archive must fit.
#[derive(Debug, Clone)]
pub(crate) struct Expect {
    /// What code may have been compiled by: this engine for this very CPU, or for a baseline that it has.
    pub(crate) engines: Vec<Digest>,
    /// What this machine has; `None` if its processor has no named baseline.
    pub(crate) machine: Option<Baseline>,
    /// `image_bytes`
    pub(crate) max_bytes: u64,
}

/// Verifies an archive and gives each of its files, one after the other, to what `open` makes for
/// it. Returns what the image is, and the digests of its files by name.
///
/// The files are sound only when this returns `Ok`: the caller removes them on an error.
///
/// # Errors
/// `image_untrusted`, `image_mismatch`, `image_exceeds` before `open` is called for the first
/// time; `image_damaged`, `host_io`.
pub(crate) fn read<W: Write>(
    from: &File,
    trust: Trust<'_>,
    expect: &Expect,
    mut open: impl FnMut(&Entry) -> Result<W>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Description, BTreeMap<String, Digest>)> {
    let length = length_of(from, expect.max_bytes)?;
    let index_bytes = index_bytes(from, length)?;
    let index = verify(from, length, index_bytes, trust, progress)?;
    let index = Index::decode(&index, length - FRAME_BYTES - index_bytes as u64, expect.max_bytes)?;
    check_fit(&index.description, expect)?;

    let mut from = from;
    from.seek(SeekFrom::Start(PREFIX_BYTES as u64)).map_err(Error::host_io(READING))?;
    let mut from = BufReader::with_capacity(BLOCK_BYTES, from);
    let (mut done, total) = (0, index.entries.iter().map(|entry| entry.raw_bytes).sum());
    let mut digests = BTreeMap::new();
    for entry in &index.entries {
        let mut to = open(entry)?;
        let mut report = |bytes| {
            done += bytes;
            progress(Progress { stage: Stage::Install, done, total });
        };
        let found = unpack(&mut from, entry, &mut to, &mut report).map_err(|failed| match failed {
            Failed::Archive(error) => index.damaged(format!("{}: {error}", entry.name)),
            Failed::Output(error) => Error::HostIo { operation: "unpacking an image archive".into(), source: error },
        })?;
        if found != entry.sha256 {
            return Err(index.damaged(format!("{} does not have the digest in the archive's index", entry.name)));
        }
        digests.insert(entry.name.clone(), found);
    }
    Ok((index.description, digests))
}

fn length_of(from: &File, max_bytes: u64) -> Result<u64> {
    let found = from.metadata().map_err(Error::host_io(READING))?;
    if !found.is_file() {
        return Err(damaged("archive", "it is not a regular file"));
    }
    if found.len() < FRAME_BYTES {
        return Err(damaged("archive", "it is cut off"));
    }
    allow(found.len(), max_bytes)?;
    Ok(found.len())
}

/// How long the index claims to be; bounded, and no more than a claim until it was verified.
fn index_bytes(mut from: &File, length: u64) -> Result<usize> {
    let mut field = [0; LENGTH_BYTES];
    from.seek(SeekFrom::Start(length - (LENGTH_BYTES + SEAL_BYTES) as u64))
        .and_then(|_| from.read_exact(&mut field))
        .map_err(Error::host_io(READING))?;
    let bytes = u64::from(u32::from_le_bytes(field));
    if bytes > MAX_INDEX_BYTES as u64 || bytes > length - FRAME_BYTES {
        return Err(damaged("archive", "its index has an impossible length"));
    }
    Ok(bytes as usize)
}

fn check_fit(found: &Description, expect: &Expect) -> Result<()> {
    let mismatch = |what, expected: String, found_there: String| {
        Err(Error::ImageMismatch { name: found.name.clone(), what, expected, found: found_there })
    };
    let system = std::env::consts::OS;
    if found.system != system {
        return mismatch("operating system", system.into(), found.system.clone());
    }
    match expect.machine {
        Some(machine) if found.baseline.runs_on(machine) => {}
        Some(machine) => return mismatch("CPU baseline", machine.to_string(), found.baseline.to_string()),
        None => return mismatch("CPU baseline", std::env::consts::ARCH.into(), found.baseline.to_string()),
    }
    if !expect.engines.contains(&found.engine) {
        let known = expect.engines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        return mismatch("engine", known, found.engine.to_string());
    }
    Ok(())
}

enum Failed {
    Archive(io::Error),
    Output(io::Error),
}

/// Expands one file and returns the digest of what was written.
fn unpack(
    from: &mut impl io::BufRead,
    entry: &Entry,
    to: &mut impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Digest, Failed> {
    let mut hasher = Sha256::new();
    let mut expander = Expander::new(from, entry.stored_bytes, entry.raw_bytes).map_err(Failed::Archive)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        // Whole blocks, so that who writes them can leave zeros out.
        let read = fill(&mut expander, &mut block).map_err(Failed::Archive)?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
        to.write_all(&block[..read]).map_err(Failed::Output)?;
        progress(read as u64);
    }
    expander.finish().map_err(Failed::Archive)?;
    to.flush().map_err(Failed::Output)?;
    Ok(Digest::from(<[u8; 32]>::from(hasher.finalize())))
}

fn fill(from: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match from.read(&mut block[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
